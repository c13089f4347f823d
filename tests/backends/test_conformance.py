"""The conformance suite over every backend that this version has, and over one that wraps another."""

from __future__ import annotations

import pytest

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from tests.backends.conformance import Conformance

BACKENDS = (
    "sqlite",
    "sqlite:///{directory}/mine.db?journal_mode=wal",
    "python:tests.backends.threaded_sqlite:make",
    "python:tests.backends.wrapper:make",
)


class TestConformance(Conformance):
    @pytest.fixture(params=BACKENDS)
    def backend(self, request: pytest.FixtureRequest, tmp_path: pytest.TempPathFactory) -> Backend:
        return resolve(str(request.param).format(directory=tmp_path))
