"""Backends that do not always do the same, for ``python:tests.runs.unstable_backends:...``."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.backends.protocol import Backend, Database, Statement
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedDatabase, WrappedSession
from simdsl.plan.outcomes import Outcome, Rows
from simdsl.plan.values import Value


class _Off(WrappedSession):
    """The first integer of a query with FROM is one too large."""

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if isinstance(outcome, Rows) and outcome.rows and isinstance(outcome.rows[0][0], int) and "FROM" in statement.text:
            first, *rest = outcome.rows[0]
            assert isinstance(first, int)
            return outcome._replace(rows=[(first + 1, *rest), *outcome.rows[1:]])
        return outcome


class _NowAndThen(WrappedBackend):
    """Every n-th world is off."""

    def __init__(self, n: int) -> None:
        super().__init__(resolve("sqlite"), "sqlite")
        self._n = n
        self._made = 0

    def create(self) -> Database:
        self._made += 1
        world = super().create()
        return world if self._made % self._n else WrappedDatabase(world, _Off)


class _TwoFaults(WrappedSession):
    """A single row comes with texts, and of several the last one is lost."""

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if not isinstance(outcome, Rows) or "FROM t" not in statement.text:
            return outcome
        if len(outcome.rows) == 1:
            return outcome._replace(rows=[tuple(map(str, outcome.rows[0]))])
        return outcome._replace(rows=outcome.rows[:-1])


class _Hashed(WrappedSession):
    """Rows of a query with FROM hold a hash, which is another one in every process."""

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if isinstance(outcome, Rows) and "FROM" in statement.text:
            return outcome._replace(rows=[(hash("x"),)])
        return outcome


def every(n: str) -> Backend:
    """SQLite, off every n-th time."""
    return _NowAndThen(int(n))


def two_faults() -> Backend:
    """SQLite with two faults, of which only one shows at a time."""
    return WrappedBackend(resolve("sqlite"), "sqlite", _TwoFaults)


def hashed() -> Backend:
    """SQLite, whose rows depend on the seed for hashes."""
    return WrappedBackend(resolve("sqlite"), "sqlite", _Hashed)
