"""Bugs of what stands between the caller and a correct engine: sessions that cache, repeat, and mix errors up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.backends.protocol import Session, Statement
from simdsl.backends.wrappers import WrappedSession
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value
from tests.mutation.bug import Bug, Kind, session


class CachesUntilItWrites(WrappedSession):
    def __init__(self, inner: Session) -> None:
        super().__init__(inner)
        self._known: dict[tuple[str, tuple[Value, ...]], Outcome] = {}

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        if statement.kind is not SqlKind.QUERY:
            self._known.clear()
            return super().start(statement, arguments)
        key = statement.text, tuple(arguments)
        known = self._known.get(key)
        if known is not None:
            return known
        outcome = super().start(statement, arguments)
        if outcome is not None and not isinstance(outcome, Failed):
            self._known[key] = outcome
        return outcome


class RepeatsAfterBusy(WrappedSession):
    """What was refused is remembered, and sent beside the caller's own next attempt."""

    def __init__(self, inner: Session) -> None:
        super().__init__(inner)
        self._refused: str | None = None

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if statement.kind is not SqlKind.DML:
            return outcome
        if isinstance(outcome, Failed):
            self._refused = statement.text if outcome.error_class is ErrorClass.BUSY else None
        elif self._refused == statement.text:
            self._refused = None
            super().start(statement, arguments)
        return outcome


class BusyIsDone(WrappedSession):
    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if statement.kind is SqlKind.DML and isinstance(outcome, Failed) and outcome.error_class is ErrorClass.BUSY:
            return Affected(1)
        return outcome


def _mistaken(wrong: ErrorClass, right: ErrorClass) -> type[WrappedSession]:
    class Mistaken(WrappedSession):
        def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
            outcome = super().start(statement, arguments)
            if isinstance(outcome, Failed) and outcome.error_class is right:
                return outcome._replace(error_class=wrong)
            return outcome

    return Mistaken


BUGS: Final = (
    Bug(
        name="cached-read",
        kind=Kind.DRIVER,
        does="A connection repeats the rows of a query until it writes itself.",
        model="a cache that knows only its own writes",
        expected="tx-commit-visible",
        make=session(CachesUntilItWrites),
    ),
    Bug(
        name="repeated-after-busy",
        kind=Kind.DRIVER,
        does="A statement that was refused once is done twice when it is repeated.",
        model="at-least-once delivery",
        expected="retry-after-busy",
        make=session(RepeatsAfterBusy),
    ),
    Bug(
        name="busy-is-done",
        kind=Kind.DRIVER,
        does="A write that a lock refuses is reported as done.",
        model="an error that is logged and forgotten",
        expected="retry-after-busy",
        make=session(BusyIsDone),
    ),
    Bug(
        name="wrong-class-of-missing-table",
        kind=Kind.DRIVER,
        does="A table that is not there is reported as a column that is not there.",
        model="error codes that are mixed up",
        expected="drop-select",
        make=session(_mistaken(ErrorClass.UNDEFINED_COLUMN, ErrorClass.UNDEFINED_TABLE)),
    ),
    Bug(
        name="wrong-class-of-second-table",
        kind=Kind.DRIVER,
        does="A table that exists already is reported as a syntax error.",
        model="errors that are told by their messages",
        expected="double-create-failure",
        make=session(_mistaken(ErrorClass.SYNTAX_ERROR, ErrorClass.DUPLICATE_TABLE)),
    ),
)
