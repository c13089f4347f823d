"""``check: expression``: evaluate an expression that must be true."""

from __future__ import annotations

from typing import Final

from simdsl.core.evaluation import CheckError, Evaluation, EvaluationContext, format_result
from simdsl.core.trace import CheckEvaluated
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expressions import BinaryOperation, BinaryOperator, Expression
from simdsl.plan.steps import NO_OPTIONS, Override, StepOptions, TaskStep
from simdsl.syntax.expressions import parse_check
from simdsl.syntax.printer import expression_text
from simdsl.verbs.base import EVERYWHERE, Lowering, NameChecker, Overrides, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import Instruction, RunStopped, Runtime, TaskThread, fingerprint, unbound


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(TaskStep):
    """``check: expression`` that must be true. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    expression: Expression
    task: str | None = None
    options: StepOptions = NO_OPTIONS


class CheckVerb(Verb[Check]):
    """See ``Check``."""

    name = "check"
    step = Check
    summary = (
        "An expression that must be true: `bag(l) = bag(m) + bag(n)`, `pool.main.idle = 1`, `errors.busy = 0`, "
        "`$hi - $lo + 1 = $n`."
    )
    sections = EVERYWHERE
    overrides = Overrides.OWN

    def parse(self, source: VerbSource, reader: StepReader) -> Check:
        """An expression."""
        return Check(expression=parse_check(source.text), task=source.context.task, options=source.options)

    def parse_override(self, text: str, backend: str) -> Override:
        """Another expression."""
        return Override(backend=backend, expression=parse_check(text))

    def text(self, step: Check) -> str:
        """The expression, with as few parentheses as it can be read back with."""
        return expression_text(step.expression)

    def check_names(self, step: Check, path: Path, names: NameChecker) -> None:
        """What the expressions read."""
        names.expression(step.expression, path)
        for override in step.options.overrides:
            if override.expression is not None:
                names.expression(override.expression, (*path, override.backend))

    def asserts(self, step: Check) -> bool:
        """Always."""
        return True

    def lower(self, step: Check, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """One instruction. Expressions are evaluated as they stand: compiling them would not pay, they run seldom."""
        override = lowering.override(step.options)
        code.append(
            CheckInstruction(
                task=step.task or "",
                path=path,
                what="check",
                connection=lowering.connection(step.task),
                has_expectation=True,
                override=override.backend if override else None,
                expression=(override and override.expression) or step.expression,
            )
        )


@dataclass(slots=True, kw_only=True, eq=False)
class CheckInstruction(Instruction):
    """Evaluates the expression and traces what it read, so that the check can be evaluated again without the database."""

    verb = "check"
    expression: Expression

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """An expression without a truth value (NULL < 1, a label without rows) fails as a false one does."""
        context = runtime.evaluation_context(thread)  # read now: a failure shows the same values
        evaluation = Evaluation(context)
        reason = None
        try:
            held = evaluation.holds(self.expression)
        except CheckError as error:
            held, reason = False, str(error)  # no truth value at all: the reason says more than the values would
        except KeyError as error:
            raise RunStopped(unbound(self, error.args[0])) from None
        readings, now_us = tuple(evaluation.readings), runtime.clock.now_us
        runtime.trace.add(
            CheckEvaluated(task=self.task or None, path=self.path, held=held, readings=readings, now_us=now_us)
        )
        runtime.count_assertion()
        if held:
            thread.pc += 1
        else:
            runtime.fail_step(thread, self._failure(reason, context), None)

    def _failure(self, reason: str | None, context: EvaluationContext) -> Failure:
        return Failure(
            kind=FailureKind.CHECK,
            message=reason or "the check does not hold",
            path=self.path,
            override=self.override,
            task=self.task or None,
            expected=(expression_text(self.expression),),
            got=tuple(_operands(self.expression, context)),
            fingerprint=fingerprint(FailureKind.CHECK, self, None),
        )


def _operands(expression: Expression, context: EvaluationContext) -> list[str]:
    """The values of both sides of the comparison that failed, where they do not stand in it already."""
    if not isinstance(expression, BinaryOperation):
        return []
    # Of `a and b` every comparison is shown: which of them failed is what the reader wants to see.
    if expression.operator in (BinaryOperator.AND, BinaryOperator.OR):
        return [*_operands(expression.left, context), *_operands(expression.right, context)]
    lines = []
    for side in (expression.left, expression.right):
        text = expression_text(side)
        try:
            value = format_result(Evaluation(context).value(side))
        except CheckError as error:
            value = str(error)
        if text != value:
            lines.append(f"{text} is {value}")
    return lines


VERB: Final = CheckVerb()
