"""``--accept``: rewrite the expectations that failed, in the files of the plans, and say what was done."""

from __future__ import annotations

from simdsl.cli.exits import Exit
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.cli.output import unwritable
from simdsl.cli.selection import SelectedPlan
from simdsl.core.verdicts import Progress, RunEnded
from simdsl.rewriting.accept import ExpectationAcceptor
from simdsl.syntax.files import replace_file


class AcceptExpectations(RunListener):
    """Collects what the runs of a plan returned, and rewrites its file when they are over."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        self._left = 0  # failures that no new expectation can express
        self._selected: SelectedPlan | None = None
        self._accepting: ExpectationAcceptor | None = None

    def plan_selected(self, selected: SelectedPlan) -> None:
        self._selected = selected
        self._accepting = ExpectationAcceptor(selected.document, selected.original)

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, RunEnded) and self._accepting is not None:
            self._accepting.tell(progress.report)

    def plan_left(self) -> None:
        """Write the file; note which lines changed, and which did not and why. Raises ``Stop``."""
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
                raise unwritable(selected.file, error) from None
        for change in accepted.changes:
            self.context.note(f"accepted {selected.file}:{change.line}: {change.before} becomes {change.after}")
        for left in accepted.left:
            place = selected.file if left.line is None else f"{selected.file}:{left.line}"
            self.context.note(f"left {place}: {left.why}")
        self._left += len(accepted.left)

    def exit_code(self, code: Exit) -> Exit:
        """A failure whose expectation was updated is no failure any more."""
        return Exit.OK if code is Exit.FAILURE and not self._left else code
