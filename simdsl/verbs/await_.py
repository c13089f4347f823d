"""``await: a``: wait for a blocked statement and check its outcome."""

from __future__ import annotations

from typing import Final

from simdsl.core.matcher import Mismatch, compile_expectation
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation, Ok
from simdsl.plan.steps import NO_OPTIONS, ExpectingStep, StepOptions
from simdsl.syntax.fields import StepContext
from simdsl.syntax.printer import with_expectation
from simdsl.verbs.base import BlockedTasks, Lowering, Overrides, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import (
    Instruction,
    PendingResult,
    RunStopped,
    Runtime,
    TaskThread,
    ThreadState,
    step_failed,
    unbound,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Await(ExpectingStep):
    """``await: a``, or ``await: all`` (``task`` is None): take the outcomes of blocked statements."""

    task: str | None
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


class AwaitVerb(Verb[Await]):
    """See ``Await``."""

    name = "await"
    step = Await
    summary = (
        "Wait until the blocked statement of a task, or of `all`, has ended, and check its outcome: `b => 1 affected`. "
        "Without `=>` it has to be ok."
    )
    # Under `tasks:` a thread is blocked until its statement has ended, so that nothing is left to await.
    sections = frozenset({"steps"})
    takes_label = True
    overrides = Overrides.EXPECTATION

    def parse(self, source: VerbSource, reader: StepReader) -> Await:
        """``a`` or ``all``."""
        arguments = reader.session_arguments.parse(self.name, source)
        task = arguments.task.name if arguments.task else None
        return Await(task=task, expect=arguments.expect, options=source.options)

    def text(self, step: Await) -> str:
        """The task or ``all``."""
        return with_expectation(step.task or "all", step.expect)

    def misplaced(self, context: StepContext) -> tuple[Code, str, str | None]:
        """It is a rule of its own, because people try it."""
        help_ = f"in `{context.section}:` a statement is checked when it has ended" if context.is_of_tasks else None
        return Code.R030, f"`await` belongs to `steps:`, not to `{context.section}:`", help_

    def check_blocked(self, step: Await, path: Path, tasks: BlockedTasks) -> None:
        """Its task is not blocked any more."""
        tasks.awaits(step.task, path)

    def lower(self, step: Await, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """One instruction."""
        expected = lowering.expectation(step)
        code.append(
            AwaitInstruction(
                task=step.task or "",
                path=path,
                what=f"await {step.task or 'all'}",
                connection=lowering.connection(step.task),
                has_expectation=expected.expectation is not None,
                judge=expected.judge,
                expectation=expected.expectation,
                override=expected.override,
                label=step.options.label,
            )
        )


@dataclass(slots=True, kw_only=True, eq=False)
class AwaitInstruction(Instruction):
    """Checks what pending operations came to. The operations themselves are traced when they end, not here."""

    verb = "await"

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """Blocks the thread while an operation has no outcome yet; the interpreter readies it when one has."""
        results = runtime.connections.results(self.connection)
        if any(result.outcome is None for result in results):
            thread.state = ThreadState.AWAIT
            return
        # All are taken before the first is checked: a failed expectation must not leave the others unawaited, which
        # with `--keep-going` would fail the steps that follow.
        runtime.connections.take_results(results)
        for result in results:
            failure = self._failure(runtime, thread, result)
            if failure is not None:
                runtime.fail_step(thread, failure, result.outcome)
                return
        thread.pc += 1

    def _failure(self, runtime: Runtime, thread: TaskThread, result: PendingResult) -> Failure | None:
        outcome = result.outcome
        assert outcome is not None
        if self.label is not None:
            runtime.labels[self.label] = outcome
        # Whether rows are ordered is the statement's, which may be another one each time, so this is not compiled before.
        judge = compile_expectation(
            self.expectation or (Ok(),), ordered=result.op.ordered, boolean_type=runtime.boolean_type
        )
        try:
            answer = judge(outcome, thread.env, runtime.labels)
        except KeyError as error:
            raise RunStopped(unbound(self, error.args[0])) from None
        if self.has_expectation:
            runtime.count_assertion()
        if isinstance(answer, Mismatch):
            kind = FailureKind.EXPECTATION if self.has_expectation else FailureKind.ERROR
            message = f"{result.task}: {answer.message}"
            return step_failed(self, kind, message, outcome, result.arguments, thread.env)
        thread.env.update(answer or {})
        return None


VERB: Final = AwaitVerb()
