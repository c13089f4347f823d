"""The keyed model: what every row of every keyed table has been, who wrote it, and what became of that.

A book is read from a trace alone. It follows the transactions of each task and says, of every row that a query gave or
did not give, which values the query was allowed to see. What it does not understand it forgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.matcher import describe
from simdsl.core.trace import SessionRolledBack, StepCompleted, TraceEvent
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl, TransactionMode
from simdsl.plan.values import Value, literal
from simdsl.properties.keyed_statements import (
    AddToValue,
    ChangeIndex,
    CreateKeyed,
    DeleteRow,
    InsertRows,
    ReadRows,
    SetValue,
    has_unknown_effects,
    mentions_table,
    parse_keyed_statement,
)
from simdsl.syntax.sql_statements import parse_transaction

KeyedValues: TypeAlias = tuple[Value, ...]
"""The value of a row: one, none where there is no such row, several where a key came twice."""


class WriteOutcome(StrEnum):
    """What became of a change."""

    OPEN = "not committed"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    TO_SAVEPOINT = "rolled back to a savepoint"
    RETURNED = "left open when the connection was returned"
    FAILED = "part of a statement that failed"


@dataclass(slots=True, kw_only=True, eq=False)
class RowVersion:
    """A row was given a value. ``sealed`` is the step that decided its fate."""

    table: _TableHistory | None = None
    key: int
    cell: KeyedValues
    by: StepCompleted
    fate: WriteOutcome = WriteOutcome.OPEN
    sealed: StepCompleted | None = None
    kept: StepCompleted | None = None  # a ROLLBACK TO or a RELEASE that has left it as it was
    committed_at: int = -1
    is_sum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a query said of one row: ``got``, and the changes of which it should have been one."""

    read: StepCompleted
    table: str
    key: int
    got: KeyedValues
    allowed: tuple[RowVersion, ...]
    history: tuple[RowVersion, ...]  # every change of the row so far
    own: bool  # the reader had changed the row itself

    @property
    def holds(self) -> bool:
        """Whether it is a value that was allowed."""
        return any(change.cell == self.got for change in self.allowed)

    def could_show(self, fate: WriteOutcome) -> bool:
        """Whether some change of that fate would have been seen, had it stayed."""
        allowed = [change.cell for change in self.allowed]
        return any(change.fate is fate and change.cell not in allowed for change in self.history)

    @property
    def culprit(self) -> RowVersion | None:
        """The last change that gave the row this value; None where nobody did."""
        others = [
            c
            for c in self.history
            if c.cell == self.got and not (c.fate is WriteOutcome.OPEN and c.by.task == self.read.task)
        ]
        return others[-1] if others else None

    def evidence(self, *changes: RowVersion | None) -> tuple[str, ...]:
        """Those changes and what sealed them, and then the query."""
        steps: list[str] = []
        for change in changes:
            if change is not None:
                steps += [told(step) for step in (change.by, change.kept, change.sealed) if step is not None]
        return (*dict.fromkeys(steps), f"{_step_text(self.read)} gave {self.shown(self.got)}")

    def shown(self, cell: KeyedValues) -> str:
        """A value of this row, in words."""
        return ", ".join(keyed_row_literal(self.key, value) for value in cell) or f"no row with key {self.key}"


@dataclass(slots=True, eq=False)
class _OpenTransaction:
    """A transaction."""

    changes: list[RowVersion] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)
    since: int | None = None  # the number of its first statement
    dirty: bool = False  # it may see what is not committed, or nobody knows what it sees
    implicit: bool = False  # begun by SAVEPOINT


@dataclass(slots=True, eq=False)
class _TableHistory:
    key: str
    value: str
    history: dict[int, list[RowVersion]] = field(default_factory=dict)
    committed: dict[int, list[RowVersion]] = field(default_factory=dict)


def told(step: StepCompleted) -> str:
    """A step and what came of it, in one line."""
    came = describe(step.outcome)[0]
    return _step_text(step) if came == "ok" else f"{_step_text(step)}: {came}"


def _step_text(step: StepCompleted) -> str:
    values = ", ".join(f"${name} = {literal(value)}" for name, value in zip(step.names, step.arguments, strict=False))
    return f"{step.task}: {step.what}{f' with {values}' if values else ''}"


def keyed_row_literal(key: int, value: Value) -> str:
    """A row as the plan language writes it."""
    return f"({key}, {literal(value)})"


class VersionHistory:
    """One reading of one trace."""

    def __init__(self) -> None:
        self._tables: dict[str, _TableHistory] = {}
        self._open: dict[str, _OpenTransaction] = {}
        self._dirty: set[str] = set()  # tasks that may see what is not committed
        self._number = 0

    def read(self, events: Iterable[TraceEvent]) -> Iterator[Observation]:
        """What every query said, in the order of the trace."""
        for event in events:
            self._number += 1
            if isinstance(event, SessionRolledBack):
                self._seal(event.task, WriteOutcome.ROLLED_BACK, None)
            elif isinstance(event, StepCompleted):
                yield from self._step(event)

    def is_open(self, task: str) -> bool:
        """Whether a task is in a transaction at this moment."""
        return task in self._open

    @property
    def open_tasks(self) -> tuple[str, ...]:
        """Who is in a transaction at this moment."""
        return tuple(self._open)

    # What is certain of one row, for a statement that comes next

    def last(self, task: str, table: str, key: int) -> RowVersion | None:
        """The change that made the row what it is for a task; None where that is not certain.

        A row that nobody wrote is a change with an empty ``cell``.
        """
        known, mine = self._tables.get(table), self._open.get(task)
        if known is None or task in self._dirty or (mine is not None and mine.dirty):
            return None
        own = self._own(task, known, key)
        if own is not None:
            return own
        if self.pending(task, table, key):
            return None
        versions = known.committed.get(key, ())
        last = (
            versions[-1] if versions else RowVersion(table=known, key=key, cell=(), by=_INITIAL, fate=WriteOutcome.COMMITTED)
        )
        old = mine is not None and mine.since is not None and last.committed_at > mine.since
        return None if old and not last.cell else last

    def pending(self, task: str, table: str, key: int) -> tuple[RowVersion, ...]:
        """What others have done to the row and not committed: the last change of each."""
        known = self._tables.get(table)
        if known is None:
            return ()
        found = (self._own(other, known, key) for other in self._open if other != task)
        return tuple(change for change in found if change is not None)

    def written(self, step: StepCompleted, like: RowVersion) -> RowVersion | None:
        """The change that this step has made to the same row, if it was a change."""
        history = like.table.history.get(like.key, ()) if like.table is not None else ()
        return next((one for one in reversed(history) if one.by is step and one.fate is not WriteOutcome.FAILED), None)

    def stands(self, change: RowVersion) -> bool:
        """Whether nobody has deleted the row since."""
        history = change.table.history.get(change.key, ()) if change.table is not None else []
        after = history[history.index(change) + 1 :] if change in history else ()
        return all(one.cell for one in after)

    def was_undone(self, table: str, key: int) -> bool:
        """Whether a change of the row was rolled back, as the last thing that happened to it."""
        known = self._tables.get(table)
        history = known.history.get(key, ()) if known is not None else ()
        return len(history) > 0 and history[-1].fate in (WriteOutcome.ROLLED_BACK, WriteOutcome.TO_SAVEPOINT)

    def _step(self, step: StepCompleted) -> Iterator[Observation]:
        if step.what == "return":
            self._seal(step.task, WriteOutcome.RETURNED, step)
            return
        transaction = parse_transaction(step.what)
        if transaction is not None:
            self._control(step, transaction)
            return
        statement = parse_keyed_statement(step.what, dict(zip(step.names, step.arguments, strict=False)))
        if "UNCOMMITTED" in step.what.upper():
            self._dirty.add(step.task)
        if isinstance(statement, ReadRows):
            yield from self._query(step, statement)
        else:
            self._write(step, statement)
        mine = self._open.get(step.task)
        if mine is not None and mine.since is None and not step.what.startswith(("checkout", "return")):
            mine.since = self._number
        if isinstance(step.outcome, Failed) and step.in_transaction is False:
            self._seal(step.task, WriteOutcome.ROLLED_BACK, step)

    # Transactions

    def _control(self, step: StepCompleted, transaction: TransactionControl) -> None:
        failed = step.outcome if isinstance(step.outcome, Failed) else None
        mine = self._open.get(step.task)
        if failed is not None:
            gone = failed.error_class in (ErrorClass.IN_FAILED_SQL_TRANSACTION, ErrorClass.NO_ACTIVE_TRANSACTION)
            if step.in_transaction is False or (gone and transaction.action is TransactionAction.COMMIT):
                self._seal(step.task, WriteOutcome.ROLLED_BACK, step)
            return
        name = (transaction.name or "").lower()
        match transaction.action:
            case TransactionAction.BEGIN:
                vague = (
                    transaction.mode is TransactionMode.CONCURRENT
                    or transaction.isolation is IsolationLevel.READ_UNCOMMITTED
                )
                early = transaction.mode not in (None, TransactionMode.DEFERRED)  # it may have its snapshot already
                self._open[step.task] = _OpenTransaction(dirty=vague, since=self._number if early else None)
            case TransactionAction.COMMIT:
                self._commit(step)
            case TransactionAction.ROLLBACK:
                self._seal(step.task, WriteOutcome.ROLLED_BACK, step)
            case TransactionAction.SAVEPOINT:
                mine = self._open.setdefault(step.task, _OpenTransaction(implicit=True)) if mine is None else mine
                mine.marks.append((name, len(mine.changes)))
                mine.since = self._number if mine.since is None else mine.since  # Turso takes its snapshot here
            case TransactionAction.ROLLBACK_TO if mine is not None:
                at = _savepoint_index(mine, name)
                if at is not None:
                    for change in mine.changes[mine.marks[at][1] :]:
                        change.fate, change.sealed = WriteOutcome.TO_SAVEPOINT, step
                    del mine.changes[mine.marks[at][1] :]
                    for change in mine.changes:
                        change.kept = step
                    del mine.marks[at + 1 :]
            case TransactionAction.RELEASE if mine is not None:
                at = _savepoint_index(mine, name)
                if at is not None:
                    for change in mine.changes[mine.marks[at][1] :]:
                        change.kept = step
                    del mine.marks[at:]
                if mine.implicit and not mine.marks:
                    self._commit(step)
            case _:
                pass

    def _commit(self, step: StepCompleted) -> None:
        mine = self._open.pop(step.task, None)
        for change in mine.changes if mine is not None else ():
            self._committed(change, step)

    def _committed(self, change: RowVersion, step: StepCompleted | None) -> None:
        change.fate, change.sealed, change.committed_at = WriteOutcome.COMMITTED, step, self._number
        if change.table is not None:
            change.table.committed.setdefault(change.key, []).append(change)

    def _seal(self, task: str, fate: WriteOutcome, step: StepCompleted | None) -> None:
        mine = self._open.pop(task, None)
        for change in mine.changes if mine is not None else ():
            change.fate, change.sealed = fate, step

    # Writing

    def _write(
        self,
        step: StepCompleted,
        statement: CreateKeyed | ChangeIndex | InsertRows | SetValue | AddToValue | DeleteRow | None,
    ) -> None:
        if isinstance(statement, ChangeIndex):
            return
        if isinstance(statement, CreateKeyed):
            if not isinstance(step.outcome, Failed) and step.task not in self._open:
                self._tables[statement.table] = _TableHistory(statement.key, statement.value)
            return
        table = self._tables.get(statement.table) if statement is not None else None
        mine = self._open.get(step.task)
        if statement is None or table is None or (mine is not None and mine.dirty) or not _matches_columns(statement, table):
            self._forget(step)
            return
        wanted = self._wanted(step.task, table, statement)
        if wanted is None:
            self._forget(step)
        elif isinstance(step.outcome, Failed):
            if len(wanted) > 1 and step.outcome.error_class in PARTIAL_FAILURES:
                self._record(step, table, statement, wanted, WriteOutcome.FAILED)
        elif isinstance(step.outcome, Affected) and step.outcome.n == 0:
            return
        elif isinstance(step.outcome, Affected) and step.outcome.n != len(wanted):
            self._forget(step)  # a statement that waited does not do what came meanwhile
        else:
            self._record(step, table, statement, wanted, WriteOutcome.OPEN)

    def _wanted(
        self, task: str, table: _TableHistory, statement: InsertRows | SetValue | AddToValue | DeleteRow
    ) -> dict[int, KeyedValues] | None:
        """What the statement makes of the rows that it touches, None where that cannot be told."""
        match statement:
            case InsertRows(rows=rows):
                return {key: (value,) for key, value in rows}
            case DeleteRow(key=key):
                return {key: ()}
            case SetValue() | AddToValue():
                keys = table.history if statement.key is None else (statement.key,)
                now = {key: self._now(task, table, key) for key in keys}
                now = {key: cell for key, cell in now.items() if cell}
                if isinstance(statement, SetValue):
                    return dict.fromkeys(now, (statement.value,))
                sums = {key: cell[0] + statement.delta for key, cell in now.items() if isinstance(cell[0], int)}
                return {key: (total,) for key, total in sums.items()} if len(sums) == len(now) else None

    def _record(
        self,
        step: StepCompleted,
        table: _TableHistory,
        statement: InsertRows | SetValue | AddToValue | DeleteRow,
        wanted: dict[int, KeyedValues],
        fate: WriteOutcome,
    ) -> None:
        mine = self._open.get(step.task)
        for key, cell in wanted.items():
            is_sum = isinstance(statement, AddToValue)
            change = RowVersion(table=table, key=key, cell=cell, by=step, fate=fate, is_sum=is_sum)
            table.history.setdefault(key, []).append(change)
            if fate is WriteOutcome.FAILED:
                continue
            if mine is not None:
                mine.changes.append(change)
            else:
                self._committed(change, None)

    def _now(self, task: str, table: _TableHistory, key: int) -> KeyedValues:
        mine = self._own(task, table, key)
        versions = table.committed.get(key, ())
        return mine.cell if mine is not None else versions[-1].cell if versions else ()

    def _own(self, task: str, table: _TableHistory, key: int) -> RowVersion | None:
        mine = self._open.get(task)
        changes = mine.changes if mine is not None else ()
        return next((change for change in reversed(changes) if change.table is table and change.key == key), None)

    def _forget(self, step: StepCompleted) -> None:
        """Something was done to a table, and nobody knows what."""
        if isinstance(step.outcome, Rows) and step.what.lstrip()[:6].upper() == "SELECT":
            return
        if not isinstance(step.outcome, Failed):
            everything = has_unknown_effects(step.what)
            for name in [name for name in self._tables if everything or mentions_table(step.what, name)]:
                del self._tables[name]

    # Reading

    def _query(self, step: StepCompleted, statement: ReadRows) -> Iterator[Observation]:
        table, mine = self._tables.get(statement.table), self._open.get(step.task)
        if table is None or not isinstance(step.outcome, Rows) or step.task in self._dirty or (mine and mine.dirty):
            return
        if statement.columns[:2] != (table.key, table.value) or any(name != table.key for name in statement.columns[2:]):
            return
        got: dict[int, KeyedValues] = {}
        for key, value in step.outcome.rows:
            if isinstance(key, int):
                got[key] = (*got.get(key, ()), value)
        keys = dict.fromkeys((*table.history, *got)) if statement.key is None else (statement.key,)
        for key in keys:
            own = self._own(step.task, table, key)
            yield Observation(
                read=step,
                table=statement.table,
                key=key,
                got=got.get(key, ()),
                allowed=(own,) if own is not None else self._visible(step, table, key),
                history=tuple(table.history.get(key, ())),
                own=own is not None,
            )

    def _visible(self, step: StepCompleted, table: _TableHistory, key: int) -> tuple[RowVersion, ...]:
        """The last committed value; within a transaction also those since its first statement: a snapshot may be older."""
        versions = [RowVersion(key=key, cell=(), by=step, fate=WriteOutcome.COMMITTED), *table.committed.get(key, ())]
        mine = self._open.get(step.task)
        if mine is None or mine.since is None:
            return (versions[-1],)
        first = max(i for i, change in enumerate(versions) if change.committed_at <= mine.since)
        return tuple(versions[first:])


_INITIAL: Final = StepCompleted(
    task="nobody",
    path=(),
    what="nobody wrote the row",
    arguments=(),
    outcome=Affected(),
    in_transaction=None,
    now_us=0,
    session=None,
    has_expectation=False,
    ordered=False,
)


PARTIAL_FAILURES: Final = frozenset(
    (
        ErrorClass.UNIQUE_VIOLATION,
        ErrorClass.CHECK_VIOLATION,
        ErrorClass.NOT_NULL_VIOLATION,
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorClass.DATATYPE_MISMATCH,
    )
)
"""The errors that a statement may meet at one row after it has done others."""


def _matches_columns(statement: InsertRows | SetValue | AddToValue | DeleteRow, table: _TableHistory) -> bool:
    """Whether its columns are those of the table, where they should be."""
    match statement:
        case InsertRows():
            return True
        case DeleteRow(where=where):
            return where == table.key
        case SetValue(column=column, where=where) | AddToValue(column=column, where=where):
            return column == table.value and where in (None, table.key)


def _savepoint_index(mine: _OpenTransaction, name: str) -> int | None:
    return next((i for i in range(len(mine.marks) - 1, -1, -1) if mine.marks[i][0] == name), None)
