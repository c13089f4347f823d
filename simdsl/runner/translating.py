"""Which SQL a plan is written in, and what carries it to another: translators are kept as long as a call goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simdsl.plan.ir import Dialect, Plan

if TYPE_CHECKING:
    from simdsl.dialect.translation import Translator


def dialect_of(plan: Plan, backend_dialect: Dialect) -> Dialect:
    """What the plan says, else the dialect of the only backend that it is meant for, else SQLite's (rules.md 46)."""
    if plan.dialect is not None:
        return plan.dialect
    return backend_dialect if len(plan.backends) == 1 else Dialect.SQLITE


class Translators:
    """One translator for each pair of dialects and each choice of names, made when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[Dialect, Dialect, frozenset[str]], Translator] = {}

    def between(self, source: Dialect, target: Dialect, identifiers: frozenset[str]) -> Translator:
        """``identifiers`` are the variables that stand for names."""
        from simdsl.dialect.translation import Translator  # most plans are sent as they stand

        key = (source, target, identifiers)
        if key not in self._known:
            self._known[key] = Translator(source, target, identifiers)
        return self._known[key]
