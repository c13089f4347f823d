"""Checks of what queries see, shared by several properties: rolled-back rows, and whole tables against the row history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import Rows
from simdsl.properties.keyed_statements import ReadRows, parse_keyed_statement
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation
from simdsl.properties.row_history import Observation, VersionHistory, WriteOutcome


def check_table_content(book: VersionHistory, event: TraceEvent) -> Iterator[tuple[str, PropertyHeld | PropertyViolation]]:
    """Feed the event to the book; if it is a query of a whole table that is known, say of which and whether it is so."""
    by_table = groupby(book.read([event]), key=lambda seen: seen.table)
    for table, group in by_table:
        rows = list(group)
        read = rows[0].read
        if reads_whole_table(read):
            yield table, _compare_rows(table, read, rows)


def reads_whole_table(step: StepCompleted) -> bool:
    """Whether it is a query of all rows."""
    said = parse_keyed_statement(step.what, dict(zip(step.names, step.arguments, strict=False)))
    return isinstance(said, ReadRows) and said.key is None


def _compare_rows(table: str, read: StepCompleted, rows: list[Observation]) -> PropertyHeld | PropertyViolation:
    wrong = next((seen for seen in rows if not seen.holds), None)
    got = read.outcome.rows if isinstance(read.outcome, Rows) else []
    if wrong is None and sum(len(seen.got) for seen in rows) == len(got):
        return PropertyHeld(path=read.path)
    if wrong is None:
        message, evidence = f"{read.task} sees rows of table {table} whose key is no integer", rows[0].evidence()
    else:
        last = wrong.allowed[-1]
        message = f"{read.task} sees {wrong.shown(wrong.got)} of table {table}, where {wrong.shown(last.cell)} is expected"
        evidence = wrong.evidence(last if last.by is not read else None, wrong.culprit)
    return PropertyViolation(message=message, evidence=evidence, path=read.path, task=read.task)


def check_rolled_back_rows(events: Iterable[TraceEvent], fate: WriteOutcome) -> Iterator[PropertyFinding]:
    """Every query of a row of which something met this fate: it shows it, or not."""
    for seen in VersionHistory().read(events):
        culprit = None if seen.holds else seen.culprit
        if culprit is not None and culprit.fate is fate:
            message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table}, which was {fate}"
            evidence = seen.evidence(culprit)
            yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)
        elif seen.holds and seen.could_show(fate):
            yield PropertyHeld(path=seen.read.path)
