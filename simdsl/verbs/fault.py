"""``fault: disconnect a``: a fault that the backend injects."""

from __future__ import annotations

from typing import Final

from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.steps import NO_OPTIONS, StepOptions, TaskStep
from simdsl.syntax.expressions import integer
from simdsl.syntax.grammar import parse
from simdsl.verbs.base import Lowering, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(TaskStep):
    """``fault: io_error write 3``: words that a backend understands. No backend of this version injects faults."""

    words: tuple[str | int, ...]
    task: str | None = None
    options: StepOptions = NO_OPTIONS


class FaultVerb(Verb[Fault]):
    """See ``Fault``. Faults are read and checked everywhere, so that plans for later versions load (docs/adr/0010)."""

    name = "fault"
    step = Fault
    summary = "A fault that the backend knows: `disconnect a`, `cancel a`, `restart server`, `io_error write 3`."

    def parse(self, source: VerbSource, reader: StepReader) -> Fault:
        """Words and integers."""
        return Fault(words=parse_fault(source.text), task=source.context.task, options=source.options)

    def text(self, step: Fault) -> str:
        """The words."""
        return " ".join(map(str, step.words))

    def lower(self, step: Fault, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """The plan is skipped: a run without its fault would test nothing."""
        lowering.unsupported(path, f"{lowering.backend_name} cannot do `fault: {self.text(step)}`")


def parse_fault(text: str) -> tuple[str | int, ...]:
    """Words and integers. Raises ``ParseError`` with offsets into the text."""
    tokens = [child for child in parse("fault_head", text).children if isinstance(child, str)]
    return tuple(integer(token) if token.type == "NUMBER" else str(token) for token in tokens)


VERB: Final = FaultVerb()
