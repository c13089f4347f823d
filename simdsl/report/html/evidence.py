"""What a failed run shows: which items of its timeline the failure is about, and the panel above the lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from simdsl.core.matcher import describe
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import Plan
from simdsl.plan.steps import SqlStep
from simdsl.report.context import PlanSource
from simdsl.report.failure_text import failure_span, pair_rows, parse_rows, split_cells
from simdsl.report.html.lanes import LaneGroup
from simdsl.report.html.timeline import Timeline, TimelineItem, build_timeline
from simdsl.rewriting.pin import step_at
from simdsl.verbs.base import verb_of


def lane_groups(plan: Plan, reports: Sequence[RunReport]) -> tuple[LaneGroup, ...]:
    """A run, or the runs of two backends, each with the item that failed and those that prove it."""
    failure = next((report.failure for report in reversed(reports) if report.failure is not None), None)
    sides: list[LaneGroup] = []
    timelines = [build_timeline(report.trace, partial(_words, plan)) for report in reports]
    hits = _hits(failure, timelines)
    for report, drawn, hit in zip(reports, timelines, hits, strict=True):
        own = failure is not None and (report.failure is failure or failure.kind is FailureKind.DIFFERENCE)
        # A difference is marked on both backends, any other failure only where it happened.
        hit = hit if own else None
        proof = _proof(failure, drawn, hit) if own and failure is not None else ()
        sides.append(LaneGroup(label=report.backend, timeline=drawn, hit=hit, proof=frozenset(proof)))
    return tuple(sides)


def _words(plan: Plan, path: Path) -> str:
    """What a check or an invariant says."""
    try:
        step = step_at(plan, path)
    except KeyError:  # the trace of another plan
        return ""
    return step.sql.text if isinstance(step, SqlStep) else verb_of(step).report_text(step)


def _hits(failure: Failure | None, timelines: Sequence[Timeline]) -> list[int | None]:
    if failure is None or not failure.path:
        return [None] * len(timelines)
    places = [[i for i, item in enumerate(drawn.items) if _is_at(item, failure)] for drawn in timelines]
    if failure.kind is FailureKind.DIFFERENCE and len(timelines) == len(failure.backend_outputs) == 2 and all(places):
        return list(_differing(failure, timelines, places))
    if failure.kind is FailureKind.PROPERTY:
        told = [
            [i for i in there if _is_told(drawn.items[i], failure)] for drawn, there in zip(timelines, places, strict=True)
        ]
        places = [proven[:1] or there for proven, there in zip(told, places, strict=True)]
    return [there[-1] if there else None for there in places]


def _is_at(item: TimelineItem, failure: Failure) -> bool:
    return item.path == failure.path and (failure.task is None or item.task == failure.task)


def _differing(failure: Failure, timelines: Sequence[Timeline], places: list[list[int]]) -> tuple[int, int]:
    """Of the times that a step ran, the one that the failure tells of: what both said, or else the first that differs."""
    ours, theirs = ([(i, _said(drawn.items[i])) for i in there] for drawn, there in zip(timelines, places, strict=True))
    both = [(i, j, left, right) for (i, left), (j, right) in zip(ours, theirs, strict=False)]
    wanted = tuple(said.said for said in failure.backend_outputs)
    exact = [(i, j) for i, j, left, right in both if (left, right) == wanted]
    other = [(i, j) for i, j, left, right in both if left != right]
    return (exact or other or [(places[0][-1], places[1][-1])])[0]


def _said(item: TimelineItem) -> str:
    return item.note if item.outcome is None else ": ".join(describe(item.outcome))


def _proof(failure: Failure, drawn: Timeline, hit: int | None) -> list[int]:
    """The steps that a property's evidence tells: of equal ones the last that is not behind the violation."""
    if failure.kind is not FailureKind.PROPERTY:
        return []
    end = len(drawn.items) if hit is None else hit + 1
    return [i for line in failure.got if (i := evidence_item(line, drawn, end)) is not None]


def evidence_item(line: str, drawn: Timeline, end: int) -> int | None:
    """The item that a line of evidence tells, in front of ``end``: with its very outcome, else one that says the same."""
    known = [(i, item) for i, item in enumerate(drawn.items[:end]) if item.told]
    # The very outcome if possible: a loop comes to one statement many times, with other results.
    exact = [i for i, item in known if item.told == line]
    return max(exact or [i for i, item in known if line.startswith(item.told_as)], default=None)


def _is_told(item: TimelineItem, failure: Failure) -> bool:
    return item.told in failure.got or any(line.startswith(item.told_as) for line in failure.got if item.told_as)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """The line of the plan that a failure is about, cut around the part that is marked."""

    line: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffCell:
    """A value of a row, and whether the row beside it has the same one."""

    text: str
    is_same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """A row that was expected and the one that came; None where there is no such row."""

    is_same: bool
    expected: Sequence[DiffCell] | None
    got: Sequence[DiffCell] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideLine:
    """What a backend answered, what it was sent, or what the plan expects."""

    label: str
    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SideText:
    """What was expected, or what came, line by line; ``name`` is a class of the page's style too."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBlock:
    """One failure: where it is, and of ``beside``, ``rows`` and ``sides`` the one that shows it best."""

    kind: str
    message: str
    place: str
    source: SourceLine | None
    arguments: str
    backend_outputs: Sequence[BesideLine] = ()
    rows: Sequence[DiffRow] = ()
    sides: Sequence[SideText] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLine:
    """A line of a property's evidence, and the anchor of its row where the lanes have one."""

    text: str
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePanel:
    """What stands above the lanes of a failed run. ``hit`` is the anchor of the cell that failed."""

    failure: FailureBlock
    proof: Sequence[ProofLine]
    help: str | None
    hit: str | None
    consequences: Sequence[FailureBlock]
    again: str


def evidence_panel(
    report: RunReport, source: PlanSource, groups: Sequence[LaneGroup], *, key: str, again: str
) -> EvidencePanel:
    """The panel of a run that failed. ``again`` is the command that runs it once more."""
    failure = report.failure
    assert failure is not None
    return EvidencePanel(
        failure=_block(failure, source),
        proof=_proof_lines(failure, groups, key) if failure.kind is FailureKind.PROPERTY else (),
        help=failure.help,
        hit=next((f"{key}-hit{number or ''}" for number, group in enumerate(groups) if group.hit is not None), None),
        consequences=[_block(consequence, source) for consequence in report.consequences],
        again=again,
    )


def _block(failure: Failure, source: PlanSource) -> FailureBlock:
    where = failure_span(failure, source)
    place, marked = source.file, None
    if where is not None:
        span, line = where
        start, end = span.column - 1, span.column - 1 + span.length
        override = f", for {failure.override}" if failure.override is not None else ""
        place = f"{source.file}:{span.line}:{span.column}{override}"
        marked = SourceLine(line=span.line, before=line[:start], marked=line[start:end], after=line[end:])
    rows = _rows(failure)
    return FailureBlock(
        kind=failure.kind.label,
        message=failure.message,
        place=place,
        source=marked,
        arguments=", ".join(f"${name} = {value}" for name, value in failure.arguments),
        backend_outputs=_beside(failure) if failure.kind is FailureKind.DIFFERENCE else (),
        rows=rows or (),
        sides=() if rows is not None else _sides(failure),
    )


def _is_compared(failure: Failure) -> bool:
    """Whether expected and got stand for themselves: a difference has its own table, and a property its evidence."""
    return failure.kind not in (FailureKind.DIFFERENCE, FailureKind.PROPERTY) and bool(failure.expected or failure.got)


def _rows(failure: Failure) -> list[DiffRow] | None:
    """Expected and got as a table, where both are rows."""
    if not _is_compared(failure) or len(failure.expected) != 1:
        return None
    values: Mapping[str, str] = dict(failure.arguments)
    left = parse_rows(failure.expected[0])
    whole = [row for row in map(split_cells, failure.got) if row is not None]
    if left is None or len(whole) < len(failure.got):
        return None
    known = [tuple(values.get(cell[1:], cell) if cell.startswith("$") else cell for cell in row) for row in left]
    return [
        DiffRow(is_same=pair.is_same, expected=_cells(pair.expected, pair.got), got=_cells(pair.got, pair.expected))
        for pair in pair_rows(known, whole)
    ]


def _cells(row: tuple[str, ...] | None, other: tuple[str, ...] | None) -> list[DiffCell] | None:
    if row is None:
        return None
    return [
        DiffCell(text=cell, is_same=other is None or (i < len(other) and other[i] == cell)) for i, cell in enumerate(row)
    ]


def _sides(failure: Failure) -> list[SideText]:
    if not _is_compared(failure):
        return []
    sides = [SideText(name="got", text="\n".join(failure.got) or "nothing")]
    return [SideText(name="expected", text="\n".join(failure.expected)), *sides] if failure.expected else sides


def _beside(failure: Failure) -> list[BesideLine]:
    """What the plan expects if one backend missed it, what each answered, and what was sent: once if it is the same."""
    lines = [BesideLine(label="expected", text=", ".join(failure.expected))] if failure.expected else []
    lines += [BesideLine(label=one.backend, text=one.said, differs=True) for one in failure.backend_outputs]
    sent = list(dict.fromkeys(one.sent for one in failure.backend_outputs if one.sent is not None))
    if len(sent) == 1:
        lines.append(BesideLine(label="sent", text=sent[0]))
    elif sent:
        lines += [BesideLine(label=f"sent to {one.backend}", text=one.sent or "nothing") for one in failure.backend_outputs]
    return lines


def _proof_lines(failure: Failure, groups: Sequence[LaneGroup], key: str) -> list[ProofLine]:
    """The steps that prove it, each with the way to its row."""
    lines: list[ProofLine] = []
    for line in failure.got:
        found = (evidence_item(line, group.timeline, max(group.proof) + 1) for group in groups if group.proof)
        at = next((place for place in found if place is not None), None)
        lines.append(ProofLine(text=line, target=None if at is None else f"{key}-{at + 1}"))
    return lines
