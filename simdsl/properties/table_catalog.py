"""Which tables exist: what a trace tells for certain, for each task and at each moment of it.

A change counts for its own task at once, and for the others when it is committed. Until then it is uncertain for the
others, and it stays uncertain for a transaction that began before the commit, whose snapshot may be older.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from typing import Final

from simdsl.core.trace import SessionRolledBack, StepCompleted, TraceEvent
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import TransactionAction, TransactionControl
from simdsl.properties.keyed_statements import has_unknown_effects, mentions_table
from simdsl.properties.relations import CONTENTION
from simdsl.syntax.sql_statements import parse_transaction


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
        elif what.split(None, 1)[0].upper() in ("CREATE", "DROP", "ALTER") and not _INDEX.match(what):
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


_NAME: Final = r"([a-z_][a-z0-9_]*)"


CREATE_TABLE: Final = lazy_regex(rf"CREATE TABLE (?!IF\b){_NAME} ?\(", re.IGNORECASE)
"""A CREATE TABLE that fails where there is one of this name already."""


DROP_TABLE: Final = lazy_regex(rf"DROP TABLE (?!IF\b){_NAME};?", re.IGNORECASE)
"""A DROP TABLE that fails where there is none."""


SELECT_ONE_TABLE: Final = lazy_regex(rf"SELECT [^()]+ FROM {_NAME}(?: WHERE [^()]+)?(?: ORDER BY [^()]+)?;?", re.IGNORECASE)
"""A query of one table."""


_CREATE_IF_NOT_EXISTS: Final = lazy_regex(rf"CREATE TABLE IF NOT EXISTS {_NAME} ?\(", re.IGNORECASE)


_INDEX: Final = lazy_regex(r"(?:CREATE (?:UNIQUE )?|DROP )INDEX\b", re.IGNORECASE)


NOT_EXECUTED: Final = CONTENTION | {ErrorClass.IN_FAILED_SQL_TRANSACTION}
"""The errors of a statement that was not executed, because of other sessions or of an earlier error."""
