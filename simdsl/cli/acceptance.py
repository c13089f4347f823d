"""``--accept``: rewrite the files of plans whose expectations were missed, and say what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from simdsl.cli.errors import exit_of, usage
from simdsl.cli.exits import Exit
from simdsl.cli.overrides import SelectedPlan
from simdsl.core.verdicts import AllPlansEnded, RunReport
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.rewriting.accept import ExpectationAcceptor
from simdsl.syntax.files import replace_file


@dataclass(slots=True)
class AcceptExpectations:
    """Accepts plan by plan: ``begin``, ``tell`` every run, ``end``."""

    note: Callable[[str], None]
    left: int = 0
    _selected: SelectedPlan | None = None
    _accepting: ExpectationAcceptor | None = field(default=None)

    def begin(self, selected: SelectedPlan) -> None:
        """The next plan."""
        self._selected = selected
        self._accepting = ExpectationAcceptor(selected.document, selected.original)

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

    def exit_of(self, ended: AllPlansEnded) -> Exit:
        """A miss that was accepted is no failure any more."""
        if ended.failed and not self.left:
            return Exit.HELD
        return exit_of(ended)
