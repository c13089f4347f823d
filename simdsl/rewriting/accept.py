"""Accepting what came: expectations that did not match are rewritten in the text of the plan, and nothing else in it.

A line is rewritten only if it has an expectation that did not match and had the same outcome in all its runs. The new text
is read and loaded before it is kept, so a file that loads never becomes one that does not.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import field, replace
from typing import Final

from simdsl.core.matcher import bag_of
from simdsl.core.trace import InvariantEvaluated, StepCompleted
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.language.load import load
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import ComparisonOperator, Count, CountUnit, ExactRows, Expectation, Ok, SameAs
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.sql import SqlKind
from simdsl.plan.steps import SqlStep, Step
from simdsl.rewriting.pin import expectation_of, step_at
from simdsl.syntax.document import Data, Document, StepSource, step_source
from simdsl.syntax.files import read_text
from simdsl.syntax.printer import expectation_text
from simdsl.syntax.source_map import ScalarStyle, char_offsets
from simdsl.verbs.await_ import Await
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return

MAX_ROWS: Final = 20
"""A longer result is accepted as a count."""


_REWRITABLE: Final = frozenset({FailureKind.EXPECTATION, FailureKind.ERROR, FailureKind.INVARIANT, FailureKind.SETUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationChange:
    """A rewritten expectation."""

    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted:
    """A failure that was not accepted, and why. ``line`` is None if the failure is not one of a step."""

    line: int | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptResult:
    """The new text, equal to the old one if nothing was accepted, and what was done."""

    text: str
    changes: tuple[ExpectationChange, ...]
    left: tuple[NotAccepted, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    path: Path
    line: StepSource
    start: int
    end: int
    written: str  # as it is spelled in the source, with the escapes of its YAML or JSON string
    text: str  # as the language reads it


@dataclass(slots=True)
class ExpectationAcceptor:
    """Collects the outcomes of every line over all runs of one plan on one backend."""

    document: Document
    plan: Plan
    _outcomes: dict[Path, list[tuple[Outcome, bool]]] = field(default_factory=dict)
    _mismatches: dict[Path, Failure] = field(default_factory=dict)
    _other_failures: list[Failure] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        """Add a run, which must have gone on after its mismatches (``keep_going``)."""
        for event in report.trace:
            match event:
                case StepCompleted():
                    self._outcomes.setdefault(event.path, []).append((event.outcome, event.ordered))
                case InvariantEvaluated():
                    self._outcomes.setdefault(event.path, []).append((event.outcome, False))
                case _:  # only steps and invariants have an outcome that a line may expect
                    pass
        for failure in (report.failure, *report.consequences):
            if failure is None:
                continue
            if failure.path and failure.kind in _REWRITABLE:
                self._mismatches.setdefault(failure.path, failure)
            else:
                self._other_failures.append(failure)

    def accepted(self) -> AcceptResult:
        """The text of the plan with what came in the place of what was expected."""
        left = [NotAccepted(line=self._line(failure), why=failure.message) for failure in self._other_failures]
        edits: list[_Edit] = []
        for path, failure in self._mismatches.items():
            edit = self._edit(path, failure)
            if isinstance(edit, str):
                left.append(NotAccepted(line=self._line(failure), why=edit))
            else:
                edits.append(edit)
        # In text order, so that replacing from the end leaves the offsets of the others valid.
        text, kept, refused = self._apply(sorted(edits, key=lambda edit: edit.start))
        left += [NotAccepted(line=self._line_of(edit.line), why=f"with `=> {edit.text}` {why}") for edit, why in refused]
        changes = tuple(self._change(edit) for edit in kept)
        return AcceptResult(text=text, changes=changes, left=tuple(sorted(dict.fromkeys(left), key=_by_line)))

    def _edit(self, path: Path, failure: Failure) -> _Edit | str:
        """How to rewrite a line, or why it cannot be."""
        line = step_source(self.document, self.plan, path, failure.override)
        if line is None or line.expects is None:
            return f"it has no expectation: {failure.message}"
        outcome = self._agreed(path)
        if isinstance(outcome, str):
            return outcome
        expectation = self._expectation(path, failure, *outcome)
        if isinstance(expectation, str):
            return expectation
        text = expectation_text(expectation)
        node = self.document.scalar(line.path)
        # None for a folded scalar: there the text on the page is not the text that was parsed.
        offsets = char_offsets(node, self.document.source.text) if node is not None else None
        if node is None or offsets is None:
            return "it is written over several joined lines"
        # Blanks and line ends after the expectation belong to the layout of the file and stay.
        end = len(line.text.rstrip())
        return _Edit(path, line, offsets[line.expects], offsets[end], _ESCAPES.get(node.style, str)(text), text)

    def _agreed(self, path: Path) -> tuple[Outcome, bool] | str:
        step = step_at(self.plan, path)
        source = path
        # What an `await` expects is the outcome of the statement that was blocked before it.
        if isinstance(step, Await):
            awaited = _awaited_step(self.plan, path, step)
            if awaited is None:
                return "it awaits several statements"
            source = awaited
        outcomes = self._outcomes.get(source, [])
        if not outcomes:
            return "it did not run to its end"
        first, ordered = outcomes[0]
        # Accepting one of several outcomes would make a flaky plan look deterministic.
        if any(not _is_same_outcome(first, other, ordered) for other, _ in outcomes[1:]):
            return f"its {len(outcomes)} runs do not agree"
        return first, ordered

    def _expectation(self, path: Path, failure: Failure, outcome: Outcome, ordered: bool) -> Expectation | str:
        """The new expectation, in the form of the old one (`2 rows` stays a count) where that still says something."""
        step = step_at(self.plan, path)
        old = _expected(step, failure.override)
        form = old[0] if old else None
        # Which of the two results is wrong is for the author to decide.
        if isinstance(form, SameAs):
            return f"it compares with another result: {failure.message}"
        # `>= 2 rows` becomes an exact count: the bound was wrong, and no other bound follows from one outcome.
        if isinstance(form, Count) and not _is_empty(form):
            counted = _recount(form.what, outcome)
            if counted is not None:
                return (Count(what=form.what, comparison=ComparisonOperator.EQ, n=counted),)
        # A page of rows on one line helps nobody; how many there are is still asserted.
        if isinstance(outcome, Rows) and len(outcome.rows) > MAX_ROWS:
            return (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=len(outcome.rows)),)
        kind = step.sql.kind if isinstance(step, SqlStep) else SqlKind.DML
        new = expectation_of(outcome, kind=kind, ordered=ordered) or ()
        # `in order` and `in any order` state what the author knows about the statement, so they stay.
        order = form.order if isinstance(form, ExactRows) else None
        rewritten = tuple(
            replace(alternative, order=order) if isinstance(alternative, ExactRows) else alternative for alternative in new
        )
        return rewritten or (Ok(),)

    def _apply(self, edits: list[_Edit]) -> tuple[str, list[_Edit], list[tuple[_Edit, str]]]:
        """All edits at once if the result loads; otherwise one at a time, without those after which it does not."""
        if self._refusal(edits) is None:
            return self._text(edits), edits, []
        kept: list[_Edit] = []
        refused: list[tuple[_Edit, str]] = []
        for edit in edits:
            # Quadratic, but only where an edit breaks the file, which takes odd quoting.
            why = self._refusal([*kept, edit])
            if why is None:
                kept.append(edit)
            else:
                refused.append((edit, why))
        return self._text(kept), kept, refused

    def _text(self, edits: list[_Edit]) -> str:
        text = self.document.source.text
        for edit in reversed(edits):
            text = text[: edit.start] + edit.written + text[edit.end :]
        return text

    def _refusal(self, edits: list[_Edit]) -> str | None:
        """Why the text with these edits cannot be kept, or None.

        Loading is not enough: an edit may end up in another YAML scalar than intended and still load. So the data that is
        read has to be the old data with exactly these lines replaced.
        """
        reading = read_text(self._text(edits), self.document.source.name)
        if reading.document is None or reading.document.data != self._wanted(edits):
            return "the line would not be read as it is written; use a `|` block"
        loaded = load(reading.document)
        return f"the plan would not load: {loaded.problems[0].message}" if loaded.plan is None else None

    def _wanted(self, edits: list[_Edit]) -> Data:
        data = copy.deepcopy(self.document.data)
        for edit in edits:
            _replace_at(data, edit.line.path, _with_expectation(edit.line, edit.text))
        return data

    def _change(self, edit: _Edit) -> ExpectationChange:
        before = edit.line.text[edit.line.expects :].rstrip()
        return ExpectationChange(line=self._line_of(edit.line) or 0, before=before, after=edit.text)

    def _line(self, failure: Failure) -> int | None:
        line = step_source(self.document, self.plan, failure.path, failure.override) if failure.path else None
        return self._line_of(line) if line is not None else None

    def _line_of(self, line: StepSource) -> int | None:
        span = self.document.locate(line.at)
        return span.line if span is not None else None


def _by_line(left: NotAccepted) -> tuple[int, str]:
    return (left.line or 0, left.why)


def _is_same_outcome(left: Outcome, right: Outcome, ordered: bool) -> bool:
    match left, right:
        case Rows(), Rows():
            return left.columns == right.columns and bag_of(left.rows, ordered) == bag_of(right.rows, ordered)
        case Failed(), Failed():
            # Messages hold values and names that differ from run to run.
            return left.error_class is right.error_class
        case _:
            return left == right


def _awaited_step(plan: Plan, path: Path, step: Await) -> Path | None:
    """The statement whose outcome an await of one task takes: the last one of that task before it in the same list."""
    index = path[-1]
    if step.task is None or not isinstance(index, int):
        return None
    for i in range(index - 1, -1, -1):
        before = step_at(plan, (*path[:-1], i))
        if isinstance(before, SqlStep | Checkout | Return) and before.task == step.task:
            return (*path[:-1], i)
    return None


def _expected(step: Step, override: str | None) -> Expectation:
    """The expectation of a step on the backend of this override, or its own."""
    found = next((o.expect for o in step.options.overrides if o.backend == override), None)
    return found or getattr(step, "expect", None) or ()


def _is_empty(count: Count) -> bool:
    """Whether it is ``empty``, which states rows (none) rather than their number."""
    return count.what is CountUnit.ROWS and count.comparison is ComparisonOperator.EQ and count.n == 0


def _recount(what: CountUnit, outcome: Outcome) -> int | None:
    match what, outcome:
        case CountUnit.ROWS, Rows(rows=rows):
            return len(rows)
        case CountUnit.COLUMNS, Rows(columns=columns):
            return columns
        case CountUnit.AFFECTED, Rows(affected=n) | Affected(n=n):
            return n
        case _:
            return None


def _with_expectation(line: StepSource, expectation: str) -> str:
    """The text of a line with another expectation; blanks and line ends at its end stay."""
    assert line.expects is not None
    tail = line.text[len(line.text.rstrip()) :]
    return line.text[: line.expects] + expectation + tail


def _replace_at(data: Data, path: Path, value: str) -> None:
    """Replace the text at a path, which exists."""
    for part in path[:-1]:
        match data, part:
            case dict(), str():
                data = data[part]
            case list(), int():
                data = data[part]
    match data, path[-1]:
        case dict(), str(key):
            data[key] = value
        case list(), int(index):
            data[index] = value


def _single_quoted(text: str) -> str:
    return text.replace("'", "''")


def _double_quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_ESCAPES: Final[dict[ScalarStyle, Callable[[str], str]]] = {
    ScalarStyle.SINGLE: _single_quoted,
    ScalarStyle.DOUBLE: _double_quoted,
    ScalarStyle.JSON: _double_quoted,
}
