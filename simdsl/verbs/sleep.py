"""``sleep: 10ms``: let virtual time pass."""

from __future__ import annotations

from typing import Final

from simdsl.core.trace import BlockReason
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.steps import NO_OPTIONS, StepOptions, TaskStep
from simdsl.plan.values import Json
from simdsl.syntax.printer import duration_text
from simdsl.verbs.base import Lowering, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import Instruction, Runtime, TaskThread


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep(TaskStep):
    """``sleep: 10ms`` of virtual time. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    duration_us: int
    task: str | None = None
    options: StepOptions = NO_OPTIONS


class SleepVerb(Verb[Sleep]):
    """See ``Sleep``."""

    name = "sleep"
    step = Sleep
    summary = "Virtual time: `10us`, `5ms`, `2s`, `1m`, `1h`. No real time passes."

    def parse(self, source: VerbSource, reader: StepReader) -> Sleep | None:
        """A duration."""
        duration = reader.fields.duration_us(source.text, (*source.path, self.name))
        return None if duration is None else Sleep(duration_us=duration, task=source.context.task, options=source.options)

    def text(self, step: Sleep) -> str:
        """The duration in its largest unit."""
        return duration_text(step.duration_us)

    def schema(self) -> dict[str, Json]:
        """Editors can check a duration by its pattern."""
        return {"description": self.summary, "$ref": "#/$defs/duration"}

    def lower(self, step: Sleep, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """One instruction."""
        connection = lowering.connection(step.task)
        code.append(
            SleepInstruction(
                task=step.task or "", path=path, what="sleep", connection=connection, duration_us=step.duration_us
            )
        )


@dataclass(slots=True, kw_only=True, eq=False)
class SleepInstruction(Instruction):
    """Suspends the thread."""

    verb = "sleep"
    duration_us: int

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """The step is over when the thread falls asleep: what follows is another step."""
        thread.pc += 1  # first: a thread that wakes goes on behind its sleep
        runtime.suspend(thread, self, BlockReason.SLEEP, self.duration_us)


VERB: Final = SleepVerb()
