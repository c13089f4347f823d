"""PostgreSQL: the conformance suite on the throwaway server, and what is its own."""

from __future__ import annotations

from typing import ClassVar

import pytest

from simdsl.backends.differences import Difference
from simdsl.backends.postgres.differences import DIFFERENCES
from simdsl.backends.protocol import Backend, Tx
from simdsl.backends.registry import resolve
from simdsl.plan.outcomes import ErrorClass
from tests.backends.conformance import Conformance
from tests.backends.idiom import Idiom
from tests.backends.idioms.postgres import POSTGRES
from tests.backends.terminal import Terminal


class TestPostgres(Conformance):
    idiom: ClassVar[Idiom] = POSTGRES
    differences: ClassVar[tuple[Difference, ...]] = DIFFERENCES

    @pytest.fixture(params=["postgres", "postgres?pool=queuepool"])
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        return resolve(str(request.param))

    @pytest.mark.parametrize("text", ["ROLLBACK TO s", "RELEASE s"])
    def test_unknown_savepoint(self, a: Terminal, text: str) -> None:
        assert a.error(text) is ErrorClass.NO_ACTIVE_TRANSACTION
        a.ok("BEGIN")
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        assert a.session.tx() is Tx.FAILED

    def test_deferred_constraint_is_checked_by_commit(self, backend: Backend, a: Terminal) -> None:
        a.ok(*self.idiom.deferred, "BEGIN", "INSERT INTO d VALUES (99)")
        assert a.error("COMMIT") is ErrorClass.FOREIGN_KEY_VIOLATION
        assert a.session.tx() is Tx.IDLE
