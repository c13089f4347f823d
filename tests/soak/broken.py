"""A backend that keeps what is rolled back."""

from __future__ import annotations

from simdsl.backends.protocol import Backend
from tests.properties.planted import PLANTED


def make() -> Backend:
    """A factory for ``python:tests.soak.broken:make``."""
    return PLANTED["tx-rollback-invisible"][0]()
