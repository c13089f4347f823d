"""A backend under another name, as ``name=python:module:factory`` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simdsl.backends.protocol import Backend, Capabilities, Description, Refusal, Statement, World
from simdsl.plan.ir import Dialect, Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """See ``protocol.Backend``; everything but the name is the other's."""

    backend: Backend
    name: str

    @property
    def url(self) -> str:
        """With the name in front, so that it selects the same again."""
        return f"{self.name}={self.backend.url}"

    @property
    def dialect(self) -> Dialect:
        """The other's."""
        return self.backend.dialect

    @property
    def capabilities(self) -> Capabilities:
        """The other's."""
        return self.backend.capabilities

    def describe(self) -> Description:
        """The other's."""
        return self.backend.describe()

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """The other's."""
        return self.backend.compile(sql, identifiers)

    def create(self) -> World:
        """The other's."""
        return self.backend.create()
