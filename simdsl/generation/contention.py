"""Writes that meet somebody else's, and what comes of them on each kind of engine.

Where there is one lock for everything, whoever comes second is refused. Where locks are of rows he waits for the one who
holds his row, or goes on where nobody does. Both are said, so nothing that is left behind may differ: a row is written
as it was, or the transaction is rolled back in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table
from simdsl.generation.sessions import Database, Session, Transaction, Wakes
from simdsl.generation.statements import State, affected, sql
from simdsl.generation.writes import Writer
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import AnError, Blocks, Expectation, Override, Sql, SqlKind
from simdsl.plan.outcomes import ErrorClass

ROW_LOCKS: Final = ("postgres", "mssql")
"""The backends that have a lock for every row; the others have one for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """A write that comes second. ``wakes`` is None where it waits nowhere."""

    sql: Sql
    refused: Expectation  # where there is one lock for everything
    overrides: tuple[Override, ...] = ()  # of that
    locked: Expectation  # where locks are of rows
    wakes: Wakes | None = None


def draw_touch(draws: Draws, tables: Sequence[Table], holder: Transaction) -> Clash | None:
    """Outside of a transaction: a row that another one has written is written as it was."""
    if holder.savepoints or not holder.locked:
        return None
    number, key = draws.one_of(holder.locked)
    name = tables[number].columns[1].name

    def wakes(state: State, commits: bool) -> Expectation:
        return affected(1 if key in state[number] else 0)

    text = f"UPDATE {tables[number].name} SET {name} = {name} WHERE id = {key}"
    return Clash(sql=sql(text, SqlKind.DML), refused=_BUSY, locked=_WAITS, wakes=wakes)


def draw_clash(
    draws: Draws, tables: Sequence[Table], database: Database, holder: Transaction, writer: Writer, *, may_wait: bool
) -> Clash | None:
    """In a transaction that has not written, and whose snapshot is the latest: a row or a key of ``holder``, or another row.

    None where there is none of them. The transaction has to be rolled back next, or when it has waited.
    """
    form = draws.below(4)
    if may_wait and not holder.savepoints and holder.state is not None:
        if form == 0 and (clash := _same_key(draws, tables, database.state, holder.state, writer)) is not None:
            return clash
        if form < 3 and holder.locked:
            return _same_row(draws, tables, database.state, writer, holder.locked)
    return _other_row(draws, tables, database.state, holder, writer)


def draw_late(draws: Draws, tables: Sequence[Table], database: Database, session: Session, writer: Writer) -> Clash | None:
    """In a transaction whose snapshot is not the latest: a row that somebody has changed since.

    None where none has changed. The transaction has to be rolled back next.
    """
    transaction = session.transaction
    seen = transaction.state if transaction is not None else None
    if seen is None:
        return None
    # A row whose values are the same may never have been written to the file.
    changed = [
        (number, key)
        for number, (then, now) in enumerate(zip(seen, database.state, strict=True))
        if then is not now
        for key, row in then.items()
        if now.get(key) != row
    ]
    if not changed:
        return None
    number, key = draws.one_of(changed)
    text = writer.overwrite(draws, tables, seen, number, key)
    failed = _errors(ErrorClass.SERIALIZATION_FAILURE)
    if database.writer is not None:
        return Clash(sql=text, refused=_BUSY, locked=failed)
    libsql = (Override(backend="libsql", expect=_BUSY),)
    return Clash(sql=text, refused=_errors(ErrorClass.SNAPSHOT_CONFLICT), overrides=libsql, locked=failed)


def _same_row(
    draws: Draws, tables: Sequence[Table], state: State, writer: Writer, locked: Sequence[tuple[int, int]]
) -> Clash:
    number, key = draws.one_of(locked)

    def wakes(state: State, commits: bool) -> Expectation:
        return _errors(ErrorClass.SERIALIZATION_FAILURE) if commits else affected(1)

    text = writer.overwrite(draws, tables, state, number, key)
    return Clash(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _same_key(draws: Draws, tables: Sequence[Table], state: State, other: State, writer: Writer) -> Clash | None:
    made = [
        (number, key)
        for number, table in enumerate(tables)
        if table.has_key and state[number] is not other[number]
        for key in other[number]
        if key not in state[number]
    ]
    if not made:
        return None
    number, key = draws.one_of(made)

    def wakes(state: State, commits: bool) -> Expectation:
        if not commits:
            return affected(1)
        if key in state[number]:
            # The other row may be seen before its key is: then it is a conflict of snapshots.
            return _errors(ErrorClass.UNIQUE_VIOLATION, ErrorClass.SERIALIZATION_FAILURE)
        return (*affected(1), *_errors(ErrorClass.SERIALIZATION_FAILURE))

    text = writer.again(draws, tables, state, number, key)
    return Clash(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _other_row(draws: Draws, tables: Sequence[Table], state: State, holder: Transaction, writer: Writer) -> Clash | None:
    """A row that the holder has not written, of a table to which none refers: what is referred to is locked too."""
    referred = {column.references for table in tables for column in table.columns}
    theirs: State = holder.state if holder.state is not None else state
    free = [
        (number, key)
        for number, rows in enumerate(state)
        if number not in referred
        for key, row in rows.items()
        if theirs[number].get(key) is row
    ]
    if not free:
        return None
    number, key = draws.one_of(free)
    return Clash(sql=writer.overwrite(draws, tables, state, number, key), refused=_BUSY, locked=affected(1))


def _errors(*classes: ErrorClass) -> Expectation:
    return tuple(AnError(error_class=one) for one in classes)


_BUSY: Final = _errors(ErrorClass.BUSY)
_WAITS: Final[Expectation] = (Blocks(),)
