"""The judgement of whole tables: a query of all of it against the keyed model, row by row and as a bag."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from simdsl.core.trace import Event, Stepped
from simdsl.plan.outcomes import Rows
from simdsl.properties.book import Book, Seen
from simdsl.properties.property import Held, Violation
from simdsl.properties.statements import Read, understand


def compared(book: Book, event: Event) -> Iterator[tuple[str, Held | Violation]]:
    """Feed the event to the book; if it is a query of a whole table that is known, say of which and whether it is so."""
    by_table = groupby(book.read([event]), key=lambda seen: seen.table)
    for table, group in by_table:
        rows = list(group)
        read = rows[0].read
        if is_whole(read):
            yield table, _compared(table, read, rows)


def is_whole(step: Stepped) -> bool:
    """Whether it is a query of all rows."""
    said = understand(step.what, dict(zip(step.names, step.arguments, strict=False)))
    return isinstance(said, Read) and said.key is None


def _compared(table: str, read: Stepped, rows: list[Seen]) -> Held | Violation:
    wrong = next((seen for seen in rows if not seen.holds), None)
    got = read.outcome.rows if isinstance(read.outcome, Rows) else []
    if wrong is None and sum(len(seen.got) for seen in rows) == len(got):
        return Held(path=read.path)
    if wrong is None:
        message, evidence = f"{read.task} sees rows of table {table} whose key is no integer", rows[0].evidence()
    else:
        last = wrong.allowed[-1]
        message = f"{read.task} sees {wrong.shown(wrong.got)} of table {table}, where {wrong.shown(last.cell)} is expected"
        evidence = wrong.evidence(last if last.by is not read else None, wrong.culprit)
    return Violation(message=message, evidence=evidence, path=read.path, task=read.task)
