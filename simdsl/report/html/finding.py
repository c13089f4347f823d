"""Which items of a timeline a failure is about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simdsl.core.matcher import describe
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.language.unparse import expression_text
from simdsl.modes.pin import step_at
from simdsl.plan.ir import Check, Path, Plan, SqlStep
from simdsl.report.html.lanes import Side
from simdsl.report.html.timeline import Item, Timeline, timeline


def sides_of(plan: Plan, reports: Sequence[RunReport]) -> tuple[Side, ...]:
    """A run, or the runs of two backends, each with the item that failed and those that prove it."""
    failure = next((report.failure for report in reversed(reports) if report.failure is not None), None)
    sides: list[Side] = []
    timelines = [timeline(report.trace, partial(_words, plan)) for report in reports]
    hits = _hits(failure, timelines)
    for report, drawn, hit in zip(reports, timelines, hits, strict=True):
        own = failure is not None and (report.failure is failure or failure.kind is FailureKind.DIFFERENCE)
        hit = hit if own else None
        proof = _proof(failure, drawn, hit) if own and failure is not None else ()
        sides.append(Side(label=report.backend, timeline=drawn, hit=hit, proof=frozenset(proof)))
    return tuple(sides)


def _words(plan: Plan, path: Path) -> str:
    """What a check or an invariant says."""
    try:
        step = step_at(plan, path)
    except KeyError:  # the trace of another plan
        return ""
    match step:
        case Check(expression=expression):
            return expression_text(expression)
        case SqlStep(sql=sql):
            return sql.text
        case _:
            return ""


def _hits(failure: Failure | None, timelines: Sequence[Timeline]) -> list[int | None]:
    if failure is None or not failure.path:
        return [None] * len(timelines)
    places = [[i for i, item in enumerate(drawn.items) if _is_at(item, failure)] for drawn in timelines]
    if failure.kind is FailureKind.DIFFERENCE and len(timelines) == len(failure.beside) == 2 and all(places):
        return list(_differing(failure, timelines, places))
    if failure.kind is FailureKind.PROPERTY:
        told = [
            [i for i in there if _is_told(drawn.items[i], failure)] for drawn, there in zip(timelines, places, strict=True)
        ]
        places = [proven[:1] or there for proven, there in zip(told, places, strict=True)]
    return [there[-1] if there else None for there in places]


def _is_at(item: Item, failure: Failure) -> bool:
    return item.path == failure.path and (failure.task is None or item.task == failure.task)


def _differing(failure: Failure, timelines: Sequence[Timeline], places: list[list[int]]) -> tuple[int, int]:
    """Of the times that a step ran, the one that the failure tells of: what both said, or else the first that differs."""
    ours, theirs = ([(i, _said(drawn.items[i])) for i in there] for drawn, there in zip(timelines, places, strict=True))
    both = [(i, j, left, right) for (i, left), (j, right) in zip(ours, theirs, strict=False)]
    wanted = tuple(said.said for said in failure.beside)
    exact = [(i, j) for i, j, left, right in both if (left, right) == wanted]
    other = [(i, j) for i, j, left, right in both if left != right]
    return (exact or other or [(places[0][-1], places[1][-1])])[0]


def _said(item: Item) -> str:
    return item.note if item.outcome is None else ": ".join(describe(item.outcome))


def _proof(failure: Failure, drawn: Timeline, hit: int | None) -> list[int]:
    """The steps that a property's evidence tells: of equal ones the last that is not behind the violation."""
    if failure.kind is not FailureKind.PROPERTY:
        return []
    end = len(drawn.items) if hit is None else hit + 1
    return [i for line in failure.got if (i := place_of(line, drawn, end)) is not None]


def place_of(line: str, drawn: Timeline, end: int) -> int | None:
    """The item that a line of evidence tells, in front of ``end``: with its very outcome, else one that says the same."""
    known = [(i, item) for i, item in enumerate(drawn.items[:end]) if item.told]
    exact = [i for i, item in known if item.told == line]
    return max(exact or [i for i, item in known if line.startswith(item.told_as)], default=None)


def _is_told(item: Item, failure: Failure) -> bool:
    return item.told in failure.got or any(line.startswith(item.told_as) for line in failure.got if item.told_as)
