"""Failures: what missed, told in the plan's terms, with a fingerprint that survives renaming and shrinking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simdsl.core.evaluation import CheckError, Evaluation, EvaluationContext, format_result
from simdsl.core.matcher import describe
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.expressions import BinaryOperation, BinaryOperator, Expression
from simdsl.plan.outcomes import Failed, Outcome
from simdsl.plan.values import Value, literal
from simdsl.runner.program import Instruction
from simdsl.syntax.expectations import read_names
from simdsl.syntax.printer import expectation_text, expression_text


class RunStopped(Exception):
    """The run is over, because of this."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def step_failed(
    op: Instruction,
    kind: FailureKind,
    message: str,
    outcome: Outcome | None,
    arguments: tuple[Value, ...] = (),
    env: Mapping[str, Value] | None = None,
) -> Failure:
    """An outcome was not what its step expects, or an error where none was expected.

    ``arguments`` are the statement's; ``env`` has those of its expectation.
    """
    expected = expectation_text(op.expectation) if op.expectation is not None else "ok"
    variables = dict(zip(op.parameters, arguments, strict=False))
    for name in read_names(op.expectation or ()):
        if env is not None and name in env:
            variables[name] = env[name]
    return Failure(
        kind=kind,
        message=message,
        path=op.path,
        override=op.override,
        task=op.task or None,
        expected=(expected,),
        got=describe(outcome) if outcome is not None else (),
        arguments=tuple((name, literal(value)) for name, value in variables.items()),
        fingerprint=fingerprint(kind, op, outcome),
    )


def check_failed(op: Instruction, reason: str | None, context: EvaluationContext) -> Failure:
    """A check does not hold. ``reason`` is set where it has no truth value at all."""
    assert op.expression is not None
    return Failure(
        kind=FailureKind.CHECK,
        message=reason or "the check does not hold",
        path=op.path,
        override=op.override,
        task=op.task or None,
        expected=(expression_text(op.expression),),
        got=tuple(_operands(op.expression, context)),
        fingerprint=fingerprint(FailureKind.CHECK, op, None),
    )


def at_step(op: Instruction, kind: FailureKind, message: str, help: str | None = None) -> Failure:  # noqa: A002 - the diagnostic's word
    """The run cannot go on at this step."""
    return Failure(
        kind=kind,
        message=message,
        path=op.path,
        override=op.override,
        task=op.task or None,
        help=help,
        fingerprint=fingerprint(kind, op, None),
    )


def of_run(kind: FailureKind, message: str, help: str | None = None, got: Sequence[str] = ()) -> Failure:  # noqa: A002 - the same
    """The run as a whole broke."""
    return Failure(kind=kind, message=message, path=(), help=help, got=tuple(got), fingerprint=str(kind))


def unbound(op: Instruction, name: str) -> Failure:
    """A variable is read that nothing has bound."""
    return at_step(op, FailureKind.ERROR, f"${name} has no value here", f"a step before this one must bind it with ?{name}")


def fingerprint(kind: FailureKind, op: Instruction, outcome: Outcome | None) -> str:
    """The class of a failure: what broke, with which error, at which kind of statement. Never a text of the engine."""
    error = str(outcome.error_class) if isinstance(outcome, Failed) else "-"
    statement = str(op.statement.kind) if op.statement is not None else op.kind.name.lower()
    return f"{kind}/{error}/{statement}"


def blocking_edges(edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A line a waiting task."""
    return tuple(f"{waiter} waits for {', '.join(others) or 'nobody that can move'}" for waiter, others in edges.items())


def _operands(expression: Expression, context: EvaluationContext) -> list[str]:
    """What the sides of the failing comparison came to."""
    if not isinstance(expression, BinaryOperation):
        return []
    if expression.operator in (BinaryOperator.AND, BinaryOperator.OR):
        return [*_operands(expression.left, context), *_operands(expression.right, context)]
    lines = []
    for side in (expression.left, expression.right):
        try:
            text, value = expression_text(side), format_result(Evaluation(context).value(side))
        except CheckError as error:
            text, value = expression_text(side), str(error)
        if text != value:
            lines.append(f"{text} is {value}")
    return lines
