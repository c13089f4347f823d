"""Which tables there are: what a trace tells for certain, for each task and at each moment of it.

A change counts for its own task at once and for everybody when it is committed. Within a transaction nobody knows whether
a change of somebody else counts already (a snapshot may be older), and nobody knows it while that one has not ended.
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
from simdsl.properties.metamorphic import CONTENTION
from simdsl.syntax.sql_statements import parse_transaction


class Presence(StrEnum):
    """What is certain of a table."""

    THERE = "there"
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
    presence: Presence | None  # None: nobody knows
    by: StepCompleted


@dataclass(slots=True, kw_only=True, eq=False)
class _OpenTransaction:
    since: int
    changes: list[_TableChange] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)
    implicit: bool = False  # begun by SAVEPOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommittedTable:
    known: TableState | None
    at: int


class TableCatalog:
    """One reading of one trace, event by event."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenTransaction] = {}
        self._committed: dict[str, _CommittedTable] = {}
        self._number = 0
        self._lost_at = -1  # when a statement may have done anything

    def known(self, task: str, table: str) -> TableState | None:
        """What is certain of a table for the next statement of a task."""
        table = table.lower()
        mine = self._open.get(task)
        own = [change for change in mine.changes if change.table == table] if mine is not None else []
        if own:
            last = own[-1]
            return None if last.presence is None else TableState(presence=last.presence, because=(last.by,))
        others = (other for name, other in self._open.items() if name != task)
        if any(change.table == table for other in others for change in other.changes):
            return None
        standing = self._committed.get(table)
        if standing is None or standing.at <= self._lost_at or (mine is not None and standing.at > mine.since):
            return None
        return standing.known

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
                mine = self._open.get(step.task)
                if mine is None:
                    self._commit(change, None)
                else:
                    mine.changes.append(change)

    def _control(self, step: StepCompleted, transaction: TransactionControl) -> None:
        mine = self._open.get(step.task)
        name = (transaction.name or "").lower()
        match transaction.action:
            case TransactionAction.BEGIN:
                self._open[step.task] = _OpenTransaction(since=self._number)
            case TransactionAction.COMMIT:
                self._commit_all(step)
            case TransactionAction.ROLLBACK:
                self._undo(step.task, step)
            case TransactionAction.SAVEPOINT:
                if mine is None:
                    mine = self._open[step.task] = _OpenTransaction(since=self._number, implicit=True)
                mine.marks.append((name, len(mine.changes)))
            case TransactionAction.ROLLBACK_TO if mine is not None:
                at = _savepoint_index(mine, name)
                if at is not None:
                    del mine.changes[mine.marks[at][1] :]
                    del mine.marks[at + 1 :]
            case TransactionAction.RELEASE if mine is not None:
                at = _savepoint_index(mine, name)
                if at is not None:
                    del mine.marks[at:]
                if mine.implicit and not mine.marks:
                    self._commit_all(step)
            case _:
                pass

    def _changes(self, step: StepCompleted) -> Iterator[_TableChange]:
        what = " ".join(step.what.split())
        if match := CREATE_TABLE.match(what) or _CREATE_IF_NOT_EXISTS.match(what):
            yield _TableChange(table=match[1].lower(), presence=Presence.THERE, by=step)
        elif match := DROP_TABLE.fullmatch(what):
            yield _TableChange(table=match[1].lower(), presence=Presence.GONE, by=step)
        elif has_unknown_effects(what):
            self._lost_at = self._number
        elif what.split(None, 1)[0].upper() in ("CREATE_TABLE", "DROP_TABLE", "ALTER") and not _INDEX.match(what):
            names = (*self._committed, *(change.table for one in self._open.values() for change in one.changes))
            for table in dict.fromkeys(names):
                if mentions_table(what, table):
                    yield _TableChange(table=table, presence=None, by=step)

    def _commit_all(self, step: StepCompleted) -> None:
        mine = self._open.pop(step.task, None)
        for change in mine.changes if mine is not None else ():
            self._commit(change, step)

    def _commit(self, change: _TableChange, step: StepCompleted | None) -> None:
        because = (change.by,) if step is None else (change.by, step)
        known = None if change.presence is None else TableState(presence=change.presence, because=because)
        self._committed[change.table] = _CommittedTable(known=known, at=self._number)

    def _undo(self, task: str, step: StepCompleted | None) -> None:
        """What a transaction changed is as it was; from now on that is something to be judged."""
        mine = self._open.pop(task, None)
        for change in mine.changes if mine is not None else ():
            standing = self._committed.get(change.table)
            if standing is not None and standing.known is not None and change.presence is not standing.known.presence:
                because = (*standing.known.because, change.by, *((step,) if step is not None else ()))
                known = TableState(presence=standing.known.presence, because=because, undone=True)
                self._committed[change.table] = _CommittedTable(known=known, at=standing.at)


def _savepoint_index(mine: _OpenTransaction, name: str) -> int | None:
    return next((i for i in range(len(mine.marks) - 1, -1, -1) if mine.marks[i][0] == name), None)


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
"""The errors of a statement that was not tried, because of other sessions or of an error before it."""
