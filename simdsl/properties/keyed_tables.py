"""What the statements of a trace do to keyed tables, and which tables exist: as far as either can be told for certain.

A keyed table has two columns, an integer key and an integer: ``CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)``. A few
forms of statement about such tables are understood; everything else is ``None``. A guess would be reported as a bug of the
engine, so uncertain knowledge is given up.

``TableCatalog`` follows CREATE TABLE and DROP TABLE of any table. A change counts for its own task at once, and for the
others when it is committed. Until then it is uncertain for the others, and it stays uncertain for a transaction that began
before the commit, whose snapshot may be older.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.trace import SessionRolledBack, StepCompleted, TraceEvent
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.sql import TransactionAction, TransactionControl
from simdsl.plan.values import Value, literal
from simdsl.properties.relations import CONTENTION
from simdsl.syntax.sql_lexer import parse_transaction

# Statements


@dataclass(frozen=True, slots=True)
class CreateKeyed:
    """CREATE TABLE of a keyed table, with the names of its two columns."""

    table: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    """CREATE INDEX or DROP INDEX, which changes no row."""


@dataclass(frozen=True, slots=True)
class InsertRows:
    """INSERT of rows, each a key and a value."""

    table: str
    rows: tuple[tuple[int, Value], ...]


@dataclass(frozen=True, slots=True)
class SetValue:
    """UPDATE of the value of one row, or of every row if ``key`` is None. ``where`` is the column of the condition."""

    table: str
    key: int | None
    value: Value
    column: str
    where: str | None


@dataclass(frozen=True, slots=True)
class AddToValue:
    """UPDATE that adds to the value of one row, or of every row if ``key`` is None."""

    table: str
    key: int | None
    delta: int
    column: str
    where: str | None


@dataclass(frozen=True, slots=True)
class DeleteRow:
    """DELETE of one row."""

    table: str
    key: int
    where: str


@dataclass(frozen=True, slots=True)
class ReadRows:
    """SELECT of key and value of one row, or of every row if ``key`` is None; ``columns`` are all columns that it names."""

    table: str
    key: int | None
    columns: tuple[str, ...]


KeyedStatement: TypeAlias = CreateKeyed | ChangeIndex | InsertRows | SetValue | AddToValue | DeleteRow | ReadRows

_NAME: Final = r"([a-z_][a-z0-9_]*)"
_VALUE: Final = r"(?:-?\d+|NULL)"  # a text, for one, may be stored as another value than the one that was written
_WHERE: Final = rf"(?: WHERE {_NAME} = (-?\d+))?"

_CREATE: Final = lazy_regex(
    rf"CREATE TABLE {_NAME} \({_NAME} INTEGER PRIMARY KEY, {_NAME} INTEGER(?: NOT NULL)?(?: CHECK \([^()]*\))?\)",
    re.IGNORECASE,
)

_INDEX: Final = lazy_regex(rf"CREATE INDEX {_NAME} ON {_NAME} \([^()]*\)|DROP INDEX {_NAME}", re.IGNORECASE)
_INSERT: Final = lazy_regex(rf"INSERT INTO {_NAME} VALUES (\(.*\))", re.IGNORECASE)
_ROW: Final = rf"\((-?\d+), ({_VALUE})\)"
_ROWS: Final = lazy_regex(rf"{_ROW}(?:, {_ROW})*", re.IGNORECASE)
_EACH: Final = lazy_regex(_ROW, re.IGNORECASE)
_UPDATE: Final = lazy_regex(rf"UPDATE {_NAME} SET {_NAME} = (?:({_VALUE})|\2 ([+-]) (\d+)){_WHERE}", re.IGNORECASE)
_DELETE: Final = lazy_regex(rf"DELETE FROM {_NAME} WHERE {_NAME} = (-?\d+)", re.IGNORECASE)
_READ: Final = lazy_regex(rf"SELECT {_NAME}, {_NAME} FROM {_NAME}{_WHERE}(?: ORDER BY {_NAME})?", re.IGNORECASE)
_VARIABLE: Final = lazy_regex(r"\$([a-z_][a-z0-9_]*)")


def parse_keyed_statement(text: str, values: Mapping[str, Value]) -> KeyedStatement | None:
    """The statement, if it is one of the known forms; ``values`` are those of its variables.

    The names of its columns are not compared with those of the table: the caller knows the table.
    """
    # Tried in the order of how often they occur: a trace is mostly queries and updates.
    statement = _VARIABLE.sub(lambda match: _literal(match, values), " ".join(text.split()).removesuffix(";"))
    if match := _READ.fullmatch(statement):
        columns = (match[1], match[2], *filter(None, (match[4], match[6])))
        return ReadRows(match[3].lower(), _key(match[5]), columns)
    if match := _UPDATE.fullmatch(statement):
        table, column, value, sign, delta, where, key = match.groups()
        if value is not None:
            return SetValue(table.lower(), _key(key), _value(value), column, where)
        return AddToValue(table.lower(), _key(key), int(f"{sign}{delta}"), column, where)
    if (match := _INSERT.fullmatch(statement)) and _ROWS.fullmatch(match[2]):
        return InsertRows(match[1].lower(), tuple((int(row[1]), _value(row[2])) for row in _EACH.finditer(match[2])))
    if match := _DELETE.fullmatch(statement):
        return DeleteRow(match[1].lower(), int(match[3]), match[2])
    if match := _CREATE.fullmatch(statement):
        return CreateKeyed(match[1].lower(), match[2], match[3])
    if _INDEX.fullmatch(statement):
        return ChangeIndex()
    return None


def mentions_table(text: str, table: str) -> bool:
    """Whether a statement names a table anywhere."""
    return re.search(rf"(?<!\w){re.escape(table)}(?!\w)", text, re.IGNORECASE) is not None


def has_unknown_effects(text: str) -> bool:
    """Whether a statement may write to a table that it does not name: it calls code, or takes a name from a variable."""
    return "$" in text or text.split(None, 1)[0].upper() in ("CALL", "DO", "EXEC", "EXECUTE")


def _literal(match: re.Match[str], values: Mapping[str, Value]) -> str:
    return literal(values[match[1]]) if match[1] in values else match[0]


def _key(text: str | None) -> int | None:
    return None if text is None else int(text)


def _value(text: str) -> Value:
    return None if text.upper() == "NULL" else int(text)


# Which tables exist


class Presence(StrEnum):
    """What is certain of a table."""

    EXISTS = "exists"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """What is certain, and the steps that made it so, the last of them last."""

    presence: Presence
    because: tuple[StepCompleted, ...]
    undone: bool = False  # a change of it was rolled back since


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _TableChange:
    table: str
    presence: Presence | None  # None: uncertain
    by: StepCompleted


@dataclass(slots=True, kw_only=True, eq=False)
class _OpenTransaction:
    since: int
    changes: list[_TableChange] = field(default_factory=list)
    savepoints: list[tuple[str, int]] = field(default_factory=list)
    implicit: bool = False  # begun by SAVEPOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommittedTable:
    known: TableState | None
    at: int


class TableCatalog:
    """The tables of one trace, whose events are fed to it in order."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenTransaction] = {}
        self._committed: dict[str, _CommittedTable] = {}
        self._number = 0
        self._lost_at = -1  # the number of the last event that may have changed any table

    def known(self, task: str, table: str) -> TableState | None:
        """What is certain of a table for the next statement of a task."""
        table = table.lower()
        open_ = self._open.get(task)
        own = [change for change in open_.changes if change.table == table] if open_ is not None else []
        if own:
            last = own[-1]
            return None if last.presence is None else TableState(presence=last.presence, because=(last.by,))
        others = (other for name, other in self._open.items() if name != task)
        if any(change.table == table for other in others for change in other.changes):
            return None
        committed = self._committed.get(table)
        if committed is None or committed.at <= self._lost_at or (open_ is not None and committed.at > open_.since):
            return None
        return committed.known

    def follow(self, event: TraceEvent) -> None:
        """Take note of an event."""
        self._number += 1
        if isinstance(event, SessionRolledBack):
            self._undo(event.task, None)
        elif isinstance(event, StepCompleted):
            self._step(event)

    def _step(self, step: StepCompleted) -> None:
        failed = step.outcome if isinstance(step.outcome, Failed) else None
        if step.what == "return":
            self._undo(step.task, step)
            return
        transaction = parse_transaction(step.what)
        if transaction is not None and failed is None:
            self._control(step, transaction)
        elif failed is not None:
            gone = failed.error_class in (ErrorClass.IN_FAILED_SQL_TRANSACTION, ErrorClass.NO_ACTIVE_TRANSACTION)
            commit = transaction is not None and transaction.action is TransactionAction.COMMIT
            if step.in_transaction is False or (gone and commit):
                self._undo(step.task, step)
        else:
            for change in self._changes(step):
                open_ = self._open.get(step.task)
                if open_ is None:
                    self._commit(change, None)
                else:
                    open_.changes.append(change)

    def _control(self, step: StepCompleted, transaction: TransactionControl) -> None:
        open_ = self._open.get(step.task)
        name = (transaction.name or "").lower()
        match transaction.action:
            case TransactionAction.BEGIN:
                self._open[step.task] = _OpenTransaction(since=self._number)
            case TransactionAction.COMMIT:
                self._commit_all(step)
            case TransactionAction.ROLLBACK:
                self._undo(step.task, step)
            case TransactionAction.SAVEPOINT:
                if open_ is None:
                    open_ = self._open[step.task] = _OpenTransaction(since=self._number, implicit=True)
                open_.savepoints.append((name, len(open_.changes)))
            case TransactionAction.ROLLBACK_TO if open_ is not None:
                at = _savepoint_index(open_, name)
                if at is not None:
                    del open_.changes[open_.savepoints[at][1] :]
                    del open_.savepoints[at + 1 :]
            case TransactionAction.RELEASE if open_ is not None:
                at = _savepoint_index(open_, name)
                if at is not None:
                    del open_.savepoints[at:]
                if open_.implicit and not open_.savepoints:
                    self._commit_all(step)
            case TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE:
                pass  # outside of a transaction there is no savepoint that it could name

    def _changes(self, step: StepCompleted) -> Iterator[_TableChange]:
        what = " ".join(step.what.split())
        if match := CREATE_TABLE.match(what) or _CREATE_IF_NOT_EXISTS.match(what):
            yield _TableChange(table=match[1].lower(), presence=Presence.EXISTS, by=step)
        elif match := DROP_TABLE.fullmatch(what):
            yield _TableChange(table=match[1].lower(), presence=Presence.GONE, by=step)
        elif has_unknown_effects(what):
            self._lost_at = self._number
        elif what.split(None, 1)[0].upper() in ("CREATE", "DROP", "ALTER") and not _ANY_INDEX_CHANGE.match(what):
            names = (*self._committed, *(change.table for one in self._open.values() for change in one.changes))
            for table in dict.fromkeys(names):
                if mentions_table(what, table):
                    yield _TableChange(table=table, presence=None, by=step)

    def _commit_all(self, step: StepCompleted) -> None:
        open_ = self._open.pop(step.task, None)
        for change in open_.changes if open_ is not None else ():
            self._commit(change, step)

    def _commit(self, change: _TableChange, step: StepCompleted | None) -> None:
        because = (change.by,) if step is None else (change.by, step)
        known = None if change.presence is None else TableState(presence=change.presence, because=because)
        self._committed[change.table] = _CommittedTable(known=known, at=self._number)

    def _undo(self, task: str, step: StepCompleted | None) -> None:
        """Undo what a transaction changed. That the table is as before is from now on worth checking: ``undone``."""
        open_ = self._open.pop(task, None)
        for change in open_.changes if open_ is not None else ():
            committed = self._committed.get(change.table)
            if committed is not None and committed.known is not None and change.presence is not committed.known.presence:
                because = (*committed.known.because, change.by, *((step,) if step is not None else ()))
                known = TableState(presence=committed.known.presence, because=because, undone=True)
                self._committed[change.table] = _CommittedTable(known=known, at=committed.at)


def _savepoint_index(open_: _OpenTransaction, name: str) -> int | None:
    return next((i for i in range(len(open_.savepoints) - 1, -1, -1) if open_.savepoints[i][0] == name), None)


CREATE_TABLE: Final = lazy_regex(rf"CREATE TABLE (?!IF\b){_NAME} ?\(", re.IGNORECASE)
"""A CREATE TABLE that fails where there is one of this name already."""

DROP_TABLE: Final = lazy_regex(rf"DROP TABLE (?!IF\b){_NAME};?", re.IGNORECASE)
"""A DROP TABLE that fails where there is none."""

SELECT_ONE_TABLE: Final = lazy_regex(rf"SELECT [^()]+ FROM {_NAME}(?: WHERE [^()]+)?(?: ORDER BY [^()]+)?;?", re.IGNORECASE)
"""A query of one table."""

_CREATE_IF_NOT_EXISTS: Final = lazy_regex(rf"CREATE TABLE IF NOT EXISTS {_NAME} ?\(", re.IGNORECASE)
_ANY_INDEX_CHANGE: Final = lazy_regex(r"(?:CREATE (?:UNIQUE )?|DROP )INDEX\b", re.IGNORECASE)

NOT_EXECUTED: Final = CONTENTION | {ErrorClass.IN_FAILED_SQL_TRANSACTION}
"""The errors of a statement that was not executed, because of other sessions or of an earlier error."""
