"""The conformance suite over SQLite, and over backends that stand around it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed
from simdsl.testing.conformance import Conformance
from simdsl.testing.engine_kit import LIMIT_US, EngineKit, SqlClient
from tests.backends.kits.sqlite import SQLITE, THREADED

BACKENDS = (
    "sqlite",
    "sqlite:///{directory}/mine.db?journal_mode=wal",
    "python:tests.backends.wrapper:make",
    "sqlite?driver=apsw",
)


class TestSqlite(Conformance):
    kit: ClassVar[EngineKit] = SQLITE

    @pytest.fixture(params=BACKENDS)
    def backend(self, request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
        return resolve(str(request.param).format(directory=tmp_path))


class TestThreaded(Conformance):
    kit: ClassVar[EngineKit] = THREADED
    deviations: ClassVar[tuple[Deviation, ...]] = (
        Deviation(
            rule="circle_of_waiting_is_seen_and_broken_by_cancel",
            does="A circle needs a reader that commits: there is one lock for all rows.",
            why="https://www.sqlite.org/lockingv3.html",
        ),
    )

    @pytest.fixture
    def backend(self) -> Backend:
        return resolve("python:tests.backends.threaded_sqlite:make")

    def test_circle_of_waiting_is_seen_and_broken_by_cancel(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        for terminal in (a, b):
            terminal.ok("BEGIN", "SELECT * FROM t")
        a.ok("INSERT INTO t (id) VALUES (2)")
        assert b.begin("INSERT INTO t (id) VALUES (3)") is None
        assert a.begin("COMMIT") is None
        both = [a.session, b.session]
        blockers = a.database.settle(both, LIMIT_US).blockers
        assert blockers == {a.session.id: {b.session.id}, b.session.id: {a.session.id}}
        b.session.cancel()
        canceled = b.heard()
        assert isinstance(canceled, Failed)
        assert canceled.error_class is ErrorClass.QUERY_CANCELED
        b.ok("ROLLBACK")
        assert a.heard() == Affected(None)
