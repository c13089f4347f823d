"""The version history of keyed tables: every value of every row, the step that wrote it, and how that write ended.

The history is read from a trace alone. It follows the transactions of each task and tells, for every row that a query
returned or left out, which versions the query was allowed to see. A statement that cannot be understood for certain ends
what is known of its table: a checker must never report a violation that is only a gap in its own knowledge.

Source: versions and their order as in Adya, Weak Consistency: A Generalized Theory and Optimistic Implementations for
Distributed Transactions, PhD thesis, MIT 1999, for tables of one key and one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.matcher import describe
from simdsl.core.trace import SessionRolledBack, StepCompleted, TraceEvent
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl, TransactionMode
from simdsl.plan.values import Value, literal
from simdsl.properties.keyed_tables import (
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
from simdsl.syntax.sql_lexer import parse_transaction

KeyedValues: TypeAlias = tuple[Value, ...]
"""The values of a key: one for a row, none where there is no such row, several if a query returned the key twice."""


class WriteOutcome(StrEnum):
    """How a write ended."""

    OPEN = "not committed"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    TO_SAVEPOINT = "rolled back to a savepoint"
    RETURNED = "left open when the connection was returned"
    FAILED = "part of a statement that failed"


@dataclass(slots=True, kw_only=True, eq=False)
class RowVersion:
    """One write to one row. ``ended_by`` is the step that decided its outcome."""

    table: _TableHistory | None = None
    key: int
    values: KeyedValues
    by: StepCompleted
    outcome: WriteOutcome = WriteOutcome.OPEN
    ended_by: StepCompleted | None = None
    kept_by: StepCompleted | None = None  # a ROLLBACK TO or a RELEASE that left it in place
    committed_at: int = -1
    is_sum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a query returned for one row: ``got``, and the versions that it was allowed to return."""

    read: StepCompleted
    table: str
    key: int
    got: KeyedValues
    allowed: tuple[RowVersion, ...]
    history: tuple[RowVersion, ...]  # every version of the row so far
    own: bool  # the reader had written the row itself

    @property
    def holds(self) -> bool:
        """Whether it is an allowed version."""
        return any(change.values == self.got for change in self.allowed)

    def could_show(self, outcome: WriteOutcome) -> bool:
        """Whether a write with that outcome could have been seen by mistake: it left another value than those allowed."""
        allowed = [change.values for change in self.allowed]
        return any(change.outcome is outcome and change.values not in allowed for change in self.history)

    @property
    def culprit(self) -> RowVersion | None:
        """The last write that could have left this value; None if no step wrote it."""
        others = [
            c
            for c in self.history
            if c.values == self.got and not (c.outcome is WriteOutcome.OPEN and c.by.task == self.read.task)
        ]
        return others[-1] if others else None

    def evidence(self, *changes: RowVersion | None) -> tuple[str, ...]:
        """Those writes and the steps that ended them, and then the query."""
        steps: list[str] = []
        for change in changes:
            if change is not None:
                steps += [describe_step(step) for step in (change.by, change.kept_by, change.ended_by) if step is not None]
        return (*dict.fromkeys(steps), f"{_step_text(self.read)} gave {self.shown(self.got)}")

    def shown(self, values: KeyedValues) -> str:
        """Values of this row, as text."""
        return ", ".join(keyed_row_literal(self.key, value) for value in values) or f"no row with key {self.key}"


@dataclass(slots=True, eq=False)
class _OpenTransaction:
    """A transaction that has not ended."""

    changes: list[RowVersion] = field(default_factory=list)
    savepoints: list[tuple[str, int]] = field(default_factory=list)
    since: int | None = None  # the number of its first statement
    dirty: bool = False  # it may see uncommitted rows, or it is uncertain what it sees
    implicit: bool = False  # begun by SAVEPOINT


@dataclass(slots=True, eq=False)
class _TableHistory:
    key: str
    value: str
    history: dict[int, list[RowVersion]] = field(default_factory=dict)
    committed: dict[int, list[RowVersion]] = field(default_factory=dict)


def describe_step(step: StepCompleted) -> str:
    """A step and its outcome, in one line."""
    came = describe(step.outcome)[0]
    return _step_text(step) if came == "ok" else f"{_step_text(step)}: {came}"


def _step_text(step: StepCompleted) -> str:
    values = ", ".join(f"${name} = {literal(value)}" for name, value in zip(step.names, step.arguments, strict=False))
    return f"{step.task}: {step.what}{f' with {values}' if values else ''}"


def keyed_row_literal(key: int, value: Value) -> str:
    """A row as the plan language writes it."""
    return f"({key}, {literal(value)})"


class VersionHistory:
    """The versions of all rows of one trace, whose events are fed to it in order."""

    def __init__(self) -> None:
        self._tables: dict[str, _TableHistory] = {}
        self._open: dict[str, _OpenTransaction] = {}
        self._dirty: set[str] = set()  # tasks that may see uncommitted rows
        self._number = 0

    def read(self, events: Iterable[TraceEvent]) -> Iterator[Observation]:
        """Follow the events; yield what each query of a known table returned, row by row."""
        for event in events:
            self._number += 1
            if isinstance(event, SessionRolledBack):
                self._end(event.task, WriteOutcome.ROLLED_BACK, None)
            elif isinstance(event, StepCompleted):
                yield from self._step(event)

    def is_open(self, task: str) -> bool:
        """Whether a task is in a transaction at this moment."""
        return task in self._open

    @property
    def open_tasks(self) -> tuple[str, ...]:
        """The tasks that are in a transaction at this moment."""
        return tuple(self._open)

    # What is certain of a row for the next statement

    def last(self, task: str, table: str, key: int) -> RowVersion | None:
        """The version of the row that a task sees; None if that is not certain.

        A row that was never written is a version with empty ``values``.
        """
        known, open_ = self._tables.get(table), self._open.get(task)
        if known is None or task in self._dirty or (open_ is not None and open_.dirty):
            return None
        own = self._own(task, known, key)
        if own is not None:
            return own
        if self.pending(task, table, key):
            return None
        versions = known.committed.get(key, ())
        never = RowVersion(table=known, key=key, values=(), by=_INITIAL, outcome=WriteOutcome.COMMITTED)
        last = versions[-1] if versions else never
        # A row that was deleted after the transaction's first statement may still be there for its snapshot.
        is_newer = open_ is not None and open_.since is not None and last.committed_at > open_.since
        return None if is_newer and not last.values else last

    def pending(self, task: str, table: str, key: int) -> tuple[RowVersion, ...]:
        """The uncommitted writes of other tasks to the row: the last one of each task."""
        known = self._tables.get(table)
        if known is None:
            return ()
        found = (self._own(other, known, key) for other in self._open if other != task)
        return tuple(change for change in found if change is not None)

    def written(self, step: StepCompleted, like: RowVersion) -> RowVersion | None:
        """The version that this step wrote of the same row, or None."""
        history = like.table.history.get(like.key, ()) if like.table is not None else ()
        return next((one for one in reversed(history) if one.by is step and one.outcome is not WriteOutcome.FAILED), None)

    def stands(self, change: RowVersion) -> bool:
        """Whether the row has not been deleted since."""
        history = change.table.history.get(change.key, ()) if change.table is not None else []
        after = history[history.index(change) + 1 :] if change in history else ()
        return all(one.values for one in after)

    def was_undone(self, table: str, key: int) -> bool:
        """Whether the last write to the row was rolled back."""
        known = self._tables.get(table)
        history = known.history.get(key, ()) if known is not None else ()
        return len(history) > 0 and history[-1].outcome in (WriteOutcome.ROLLED_BACK, WriteOutcome.TO_SAVEPOINT)

    def _step(self, step: StepCompleted) -> Iterator[Observation]:
        if step.what == "return":
            self._end(step.task, WriteOutcome.RETURNED, step)
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
        open_ = self._open.get(step.task)
        if open_ is not None and open_.since is None and not step.what.startswith(("checkout", "return")):
            open_.since = self._number
        if isinstance(step.outcome, Failed) and step.in_transaction is False:
            self._end(step.task, WriteOutcome.ROLLED_BACK, step)

    # Transactions

    def _control(self, step: StepCompleted, transaction: TransactionControl) -> None:
        failed = step.outcome if isinstance(step.outcome, Failed) else None
        open_ = self._open.get(step.task)
        if failed is not None:
            gone = failed.error_class in (ErrorClass.IN_FAILED_SQL_TRANSACTION, ErrorClass.NO_ACTIVE_TRANSACTION)
            if step.in_transaction is False or (gone and transaction.action is TransactionAction.COMMIT):
                self._end(step.task, WriteOutcome.ROLLED_BACK, step)
            return
        name = (transaction.name or "").lower()
        match transaction.action:
            case TransactionAction.BEGIN:
                # What BEGIN CONCURRENT and READ UNCOMMITTED see is not the subject of any property here.
                is_vague = (
                    transaction.mode is TransactionMode.CONCURRENT
                    or transaction.isolation is IsolationLevel.READ_UNCOMMITTED
                )
                # BEGIN IMMEDIATE takes its snapshot at once, a deferred BEGIN with its first statement.
                early = transaction.mode not in (None, TransactionMode.DEFERRED)
                self._open[step.task] = _OpenTransaction(dirty=is_vague, since=self._number if early else None)
            case TransactionAction.COMMIT:
                self._commit(step)
            case TransactionAction.ROLLBACK:
                self._end(step.task, WriteOutcome.ROLLED_BACK, step)
            case TransactionAction.SAVEPOINT:
                open_ = self._open.setdefault(step.task, _OpenTransaction(implicit=True)) if open_ is None else open_
                open_.savepoints.append((name, len(open_.changes)))
                open_.since = self._number if open_.since is None else open_.since  # Turso takes its snapshot here
            case TransactionAction.ROLLBACK_TO if open_ is not None:
                at = _savepoint_index(open_, name)
                if at is not None:
                    for change in open_.changes[open_.savepoints[at][1] :]:
                        change.outcome, change.ended_by = WriteOutcome.TO_SAVEPOINT, step
                    del open_.changes[open_.savepoints[at][1] :]
                    for change in open_.changes:
                        change.kept_by = step
                    del open_.savepoints[at + 1 :]
            case TransactionAction.RELEASE if open_ is not None:
                at = _savepoint_index(open_, name)
                if at is not None:
                    for change in open_.changes[open_.savepoints[at][1] :]:
                        change.kept_by = step
                    del open_.savepoints[at:]
                if open_.implicit and not open_.savepoints:
                    self._commit(step)
            case TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE:
                pass  # outside of a transaction there is no savepoint that it could name

    def _commit(self, step: StepCompleted) -> None:
        open_ = self._open.pop(step.task, None)
        for change in open_.changes if open_ is not None else ():
            self._committed(change, step)

    def _committed(self, change: RowVersion, step: StepCompleted | None) -> None:
        change.outcome, change.ended_by, change.committed_at = WriteOutcome.COMMITTED, step, self._number
        if change.table is not None:
            change.table.committed.setdefault(change.key, []).append(change)

    def _end(self, task: str, outcome: WriteOutcome, step: StepCompleted | None) -> None:
        open_ = self._open.pop(task, None)
        for change in open_.changes if open_ is not None else ():
            change.outcome, change.ended_by = outcome, step

    # Writing

    def _write(
        self,
        step: StepCompleted,
        statement: CreateKeyed | ChangeIndex | InsertRows | SetValue | AddToValue | DeleteRow | None,
    ) -> None:
        if isinstance(statement, ChangeIndex):
            return
        if isinstance(statement, CreateKeyed):
            # A table that is created in a transaction may be rolled back with it: its rows are left unknown.
            if not isinstance(step.outcome, Failed) and step.task not in self._open:
                self._tables[statement.table] = _TableHistory(statement.key, statement.value)
            return
        table = self._tables.get(statement.table) if statement is not None else None
        open_ = self._open.get(step.task)
        if (
            statement is None
            or table is None
            or (open_ is not None and open_.dirty)
            or not _matches_columns(statement, table)
        ):
            self._forget(step)
            return
        intended = self._intended(step.task, table, statement)
        if intended is None:
            self._forget(step)
        elif isinstance(step.outcome, Failed):
            if len(intended) > 1 and step.outcome.error_class in PARTIAL_FAILURES:
                self._record(step, table, statement, intended, WriteOutcome.FAILED)
        elif isinstance(step.outcome, Affected) and step.outcome.n == 0:
            return
        elif isinstance(step.outcome, Affected) and step.outcome.n != len(intended):
            # A statement that waited for a lock may have seen other rows than those that were known when it began.
            self._forget(step)
        else:
            self._record(step, table, statement, intended, WriteOutcome.OPEN)

    def _intended(
        self, task: str, table: _TableHistory, statement: InsertRows | SetValue | AddToValue | DeleteRow
    ) -> dict[int, KeyedValues] | None:
        """The values that the statement leaves in the rows that it touches; None if that is uncertain."""
        match statement:
            case InsertRows(rows=rows):
                return {key: (value,) for key, value in rows}
            case DeleteRow(key=key):
                return {key: ()}
            case SetValue() | AddToValue():
                keys = table.history if statement.key is None else (statement.key,)
                now = {key: self._current(task, table, key) for key in keys}
                now = {key: values for key, values in now.items() if values}
                if isinstance(statement, SetValue):
                    return dict.fromkeys(now, (statement.value,))
                sums = {key: values[0] + statement.delta for key, values in now.items() if isinstance(values[0], int)}
                return {key: (total,) for key, total in sums.items()} if len(sums) == len(now) else None

    def _record(
        self,
        step: StepCompleted,
        table: _TableHistory,
        statement: InsertRows | SetValue | AddToValue | DeleteRow,
        intended: dict[int, KeyedValues],
        outcome: WriteOutcome,
    ) -> None:
        open_ = self._open.get(step.task)
        for key, values in intended.items():
            is_sum = isinstance(statement, AddToValue)
            change = RowVersion(table=table, key=key, values=values, by=step, outcome=outcome, is_sum=is_sum)
            table.history.setdefault(key, []).append(change)
            if outcome is WriteOutcome.FAILED:
                continue  # it is in the history, so that a query which shows it finds its culprit, and is never visible
            if open_ is not None:
                open_.changes.append(change)
            else:
                self._committed(change, None)

    def _current(self, task: str, table: _TableHistory, key: int) -> KeyedValues:
        own = self._own(task, table, key)
        versions = table.committed.get(key, ())
        return own.values if own is not None else versions[-1].values if versions else ()

    def _own(self, task: str, table: _TableHistory, key: int) -> RowVersion | None:
        open_ = self._open.get(task)
        changes = open_.changes if open_ is not None else ()
        return next((change for change in reversed(changes) if change.table is table and change.key == key), None)

    def _forget(self, step: StepCompleted) -> None:
        """Nothing is certain any more of the tables that a statement may have changed."""
        if isinstance(step.outcome, Rows) and step.what.lstrip()[:6].upper() == "SELECT":
            return
        if not isinstance(step.outcome, Failed):
            everything = has_unknown_effects(step.what)
            for name in [name for name in self._tables if everything or mentions_table(step.what, name)]:
                del self._tables[name]

    # Reading

    def _query(self, step: StepCompleted, statement: ReadRows) -> Iterator[Observation]:
        table, open_ = self._tables.get(statement.table), self._open.get(step.task)
        if table is None or not isinstance(step.outcome, Rows) or step.task in self._dirty or (open_ and open_.dirty):
            return
        if statement.columns[:2] != (table.key, table.value) or any(name != table.key for name in statement.columns[2:]):
            return
        got: dict[int, KeyedValues] = {}
        for key, value in step.outcome.rows:
            if isinstance(key, int):  # else `check_table_content` notices that there are more rows than versions
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
        """The last committed version; in a transaction also those that were committed since its first statement.

        Under READ COMMITTED the transaction sees the last one, under a snapshot the one that was last when it began, and
        the trace does not tell when an engine takes its snapshot. Every version since then is allowed.
        """
        versions = [RowVersion(key=key, values=(), by=step, outcome=WriteOutcome.COMMITTED), *table.committed.get(key, ())]
        open_ = self._open.get(step.task)
        if open_ is None or open_.since is None:
            return (versions[-1],)
        first = max(i for i, change in enumerate(versions) if change.committed_at <= open_.since)
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
"""The errors with which a statement may fail at one row after it has written others."""


def _matches_columns(statement: InsertRows | SetValue | AddToValue | DeleteRow, table: _TableHistory) -> bool:
    """Whether the columns that it names are the table's key and value, each where it belongs."""
    match statement:
        case InsertRows():
            return True
        case DeleteRow(where=where):
            return where == table.key
        case SetValue(column=column, where=where) | AddToValue(column=column, where=where):
            return column == table.value and where in (None, table.key)


def _savepoint_index(open_: _OpenTransaction, name: str) -> int | None:
    return next((i for i in range(len(open_.savepoints) - 1, -1, -1) if open_.savepoints[i][0] == name), None)
