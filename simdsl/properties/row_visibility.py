"""Checks of what queries see that several properties share: rows that must be invisible, and whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import Plan
from simdsl.properties.keyed_tables import ReadRows, parse_keyed_statement
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, TraceCheck
from simdsl.properties.row_history import Observation, VersionHistory, WriteOutcome


def invisible_rows_checker(outcome: WriteOutcome) -> TraceCheck:
    """A checker that no query shows a write which ended in this way."""

    def check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
        return check_invisible_rows(events, outcome)

    return check


def check_invisible_rows(events: Iterable[TraceEvent], outcome: WriteOutcome) -> Iterator[PropertyFinding]:
    """Check every query of a row to which some write ended in this way."""
    for seen in VersionHistory().read(events):
        culprit = None if seen.holds else seen.culprit
        if culprit is not None and culprit.outcome is outcome:
            message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table}, which was {outcome}"
            evidence = seen.evidence(culprit)
            yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)
        elif seen.holds and seen.could_show(outcome):
            yield PropertyHeld(path=seen.read.path)


def check_table_content(
    history: VersionHistory, event: TraceEvent
) -> Iterator[tuple[str, PropertyHeld | PropertyViolation]]:
    """Feed the event to the history; if it is a query of a whole known table, yield the table's name and the finding."""
    by_table = groupby(history.read([event]), key=lambda seen: seen.table)
    for table, group in by_table:
        rows = list(group)
        read = rows[0].read
        if _reads_whole_table(read):
            yield table, _compare_rows(table, read, rows)


def _reads_whole_table(step: StepCompleted) -> bool:
    statement = parse_keyed_statement(step.what, dict(zip(step.names, step.arguments, strict=False)))
    return isinstance(statement, ReadRows) and statement.key is None


def _compare_rows(table: str, read: StepCompleted, rows: list[Observation]) -> PropertyHeld | PropertyViolation:
    wrong = next((seen for seen in rows if not seen.holds), None)
    got = read.outcome.rows if isinstance(read.outcome, Rows) else []
    # Every row may be right and the table still wrong: a row whose key is no integer is a row of no version.
    if wrong is None and sum(len(seen.got) for seen in rows) == len(got):
        return PropertyHeld(path=read.path)
    if wrong is None:
        message, evidence = f"{read.task} sees rows of table {table} whose key is no integer", rows[0].evidence()
    else:
        last = wrong.allowed[-1]
        message = f"{read.task} sees {wrong.shown(wrong.got)} of table {table}, where {wrong.shown(last.values)} is expected"
        evidence = wrong.evidence(last if last.by is not read else None, wrong.culprit)
    return PropertyViolation(message=message, evidence=evidence, path=read.path, task=read.task)
