"""From where to where a statement is carried, and the word for what stops it."""

from __future__ import annotations

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.sql import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectPair:
    """The dialect in which a statement is written, and the one that it is to be in."""

    source: Dialect
    target: Dialect


class Unsupported(Exception):
    """A statement cannot be carried: it holds ``construct``. ``advice`` says how it could be written for both, if it can."""

    def __init__(self, construct: str, advice: str | None = None) -> None:
        super().__init__(construct)
        self.construct = construct
        self.advice = advice
