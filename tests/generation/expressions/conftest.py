"""Engines to ask, one of each for a module: a world is cheap, a server of PostgreSQL is the worker's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.generation.expressions.tables import Engine


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Engine, ...]]:
    """SQLite and PostgreSQL, each with the table."""
    made = (Engine("sqlite"), Engine("postgres"))
    yield made
    for engine in made:
        engine.close()
