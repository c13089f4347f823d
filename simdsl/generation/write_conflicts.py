"""Writes that meet somebody else's, and what comes of them on each kind of engine.

Where there is one lock for everything, whoever comes second is refused. Where locks are of rows he waits for the one who
holds his row, or goes on where nobody does. Both are said, so nothing that is left behind may differ: a row is written
as it was, or the transaction is rolled back in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.generation.sampler import Sampler
from simdsl.generation.schema import TableDef
from simdsl.generation.session_model import CommittedState, ModelSession, ModelTransaction, WriteConflict
from simdsl.generation.statements import DatabaseState, expect_affected, expect_error, sql
from simdsl.generation.writes import WriteGenerator
from simdsl.plan.expectations import Blocks, Expectation
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import SqlKind
from simdsl.plan.steps import Override


def draw_autocommit_conflict(draws: Sampler, tables: Sequence[TableDef], holder: ModelTransaction) -> WriteConflict | None:
    """Outside of a transaction: a row that another one has written is written as it was."""
    if holder.savepoints or not holder.locked:
        return None
    number, key = draws.one_of(holder.locked)
    name = tables[number].columns[1].name

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        return expect_affected(1 if key in state[number] else 0)

    text = f"UPDATE {tables[number].name} SET {name} = {name} WHERE id = {key}"
    return WriteConflict(sql=sql(text, SqlKind.DML), refused=_BUSY, locked=_WAITS, wakes=wakes)


def draw_conflicting_write(
    draws: Sampler,
    tables: Sequence[TableDef],
    database: CommittedState,
    holder: ModelTransaction,
    writer: WriteGenerator,
    *,
    may_wait: bool,
) -> WriteConflict | None:
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


def draw_stale_snapshot_write(
    draws: Sampler, tables: Sequence[TableDef], database: CommittedState, session: ModelSession, writer: WriteGenerator
) -> WriteConflict | None:
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
    failed = expect_error(ErrorClass.SERIALIZATION_FAILURE)
    if database.writer is not None:
        return WriteConflict(sql=text, refused=_BUSY, locked=failed)
    libsql = (Override(backend="libsql", expect=_BUSY),)
    return WriteConflict(sql=text, refused=expect_error(ErrorClass.SNAPSHOT_CONFLICT), overrides=libsql, locked=failed)


def _same_row(
    draws: Sampler,
    tables: Sequence[TableDef],
    state: DatabaseState,
    writer: WriteGenerator,
    locked: Sequence[tuple[int, int]],
) -> WriteConflict:
    number, key = draws.one_of(locked)

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        return expect_error(ErrorClass.SERIALIZATION_FAILURE) if commits else expect_affected(1)

    text = writer.overwrite(draws, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _same_key(
    draws: Sampler, tables: Sequence[TableDef], state: DatabaseState, other: DatabaseState, writer: WriteGenerator
) -> WriteConflict | None:
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

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        if not commits:
            return expect_affected(1)
        if key in state[number]:
            # The other row may be seen before its key is: then it is a conflict of snapshots.
            return expect_error(ErrorClass.UNIQUE_VIOLATION, ErrorClass.SERIALIZATION_FAILURE)
        return (*expect_affected(1), *expect_error(ErrorClass.SERIALIZATION_FAILURE))

    text = writer.again(draws, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _other_row(
    draws: Sampler, tables: Sequence[TableDef], state: DatabaseState, holder: ModelTransaction, writer: WriteGenerator
) -> WriteConflict | None:
    """A row that the holder has not written, of a table to which none refers: what is referred to is locked too."""
    referred = {column.references for table in tables for column in table.columns}
    theirs: DatabaseState = holder.state if holder.state is not None else state
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
    return WriteConflict(sql=writer.overwrite(draws, tables, state, number, key), refused=_BUSY, locked=expect_affected(1))


_BUSY: Final = expect_error(ErrorClass.BUSY)


_WAITS: Final[Expectation] = (Blocks(),)
