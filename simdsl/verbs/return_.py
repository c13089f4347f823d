"""``return: a``: give a task's connection back to its pool."""

from __future__ import annotations

from typing import Final

from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.plan import WORKLOAD_TASK
from simdsl.plan.steps import NO_OPTIONS, ExpectingStep, StepOptions
from simdsl.syntax.printer import with_expectation
from simdsl.verbs.base import BlockedTasks, Lowering, Overrides, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource, report_missing_pools, session_task
from simdsl.verbs.base.runtime import Instruction, Runtime, TaskThread


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(ExpectingStep):
    """``return: a``: the connection goes back as it is, an open transaction included."""

    task: str
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


class ReturnVerb(Verb[Return]):
    """See ``Return``."""

    name = "return"
    step = Return
    summary = "Give the connection of a task back to its pool as it is, an open transaction included."
    takes_label = True
    overrides = Overrides.EXPECTATION

    def parse(self, source: VerbSource, reader: StepReader) -> Return | None:
        """``a``; the task may be left out in a list of its own."""
        arguments = reader.session_arguments.parse(self.name, source)
        if not reader.pools:
            report_missing_pools(self.name, source, reader)  # the task is checked too: one mistake does not hide another
        task = session_task(arguments, self.name, source, reader)
        return None if task is None else Return(task=task, expect=arguments.expect, options=source.options)

    def text(self, step: Return) -> str:
        """In an action the task is whichever does it, so it has no name."""
        return with_expectation("" if step.task == WORKLOAD_TASK else step.task, step.expect)

    def check_blocked(self, step: Return, path: Path, tasks: BlockedTasks) -> None:
        """A connection whose statement is blocked cannot be returned."""
        tasks.acts(step, self.name, path)

    def lower(self, step: Return, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """One instruction."""
        expected = lowering.expectation(step)
        code.append(
            ReturnInstruction(
                task=step.task,
                path=path,
                what="return",
                connection=lowering.connection(step.task),
                has_expectation=expected.expectation is not None,
                judge=expected.judge,
                expectation=expected.expectation,
                override=expected.override,
                label=step.options.label,
            )
        )


@dataclass(slots=True, kw_only=True, eq=False)
class ReturnInstruction(Instruction):
    """Gives the connection back. A pool's reset happens here, so its errors are this step's."""

    verb = "return"

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """A return never blocks."""
        runtime.connections.require_awaited(self)
        # An open transaction goes back with the connection: whether the pool cleans it is what such plans test.
        runtime.complete_step(thread, self, runtime.connections.check_in(self.connection))


VERB: Final = ReturnVerb()
