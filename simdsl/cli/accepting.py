"""``--accept``: rewrite the files of plans whose expectations were missed, and say what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from simdsl.cli.exits import Exit
from simdsl.cli.failing import exit_of, usage
from simdsl.cli.overrides import Selected
from simdsl.core.verdicts import CallEnded, RunReport
from simdsl.language.replacing import replace_file
from simdsl.modes.accept import Accepting
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass


@dataclass(slots=True)
class Acceptance:
    """Accepts plan by plan: ``begin``, ``tell`` every run, ``end``."""

    note: Callable[[str], None]
    left: int = 0
    _selected: Selected | None = None
    _accepting: Accepting | None = field(default=None)

    def begin(self, selected: Selected) -> None:
        """The next plan."""
        self._selected = selected
        self._accepting = Accepting(selected.document, selected.original)

    def tell(self, report: RunReport) -> None:
        """One of its runs."""
        if self._accepting is not None:
            self._accepting.tell(report)

    def end(self) -> None:
        """Write the file, and say which lines changed and which did not, and why."""
        selected, accepting = self._selected, self._accepting
        if selected is None or accepting is None:
            return
        accepted = accepting.accepted()
        document = selected.document
        if accepted.changes:
            content = ("\ufeff" if document.bom else "") + accepted.text
            try:
                replace_file(selected.file, content.encode())
            except OSError as error:
                raise usage(Code.U009, f"cannot be written: {error.strerror}", about=selected.file) from None
        for change in accepted.changes:
            self.note(f"accepted {selected.file}:{change.line}: {change.before} becomes {change.after}")
        for left in accepted.left:
            place = selected.file if left.line is None else f"{selected.file}:{left.line}"
            self.note(f"left {place}: {left.why}")
        self.left += len(accepted.left)

    def exit_of(self, ended: CallEnded) -> Exit:
        """A miss that was accepted is no failure any more."""
        if ended.failed and not self.left:
            return Exit.HELD
        return exit_of(ended)
