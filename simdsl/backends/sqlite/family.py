"""What the backends of SQLite's family (SQLite, libSQL, Turso) have in common: URLs, transaction syntax, capabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simdsl.backends.dbapi.file_backend import FileBackend, parse_path
from simdsl.backends.dbapi.statements import TransactionSyntax
from simdsl.backends.protocol import BackendUnavailable, Capabilities
from simdsl.backends.urls import check_parameters
from simdsl.plan.backend_facts import BackendFacts
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Dialect, IsolationLevel, TransactionMode

_LEVELS: Final = frozenset({IsolationLevel.SERIALIZABLE})
_MODES: Final = frozenset({TransactionMode.DEFERRED, TransactionMode.IMMEDIATE, TransactionMode.EXCLUSIVE})


def transaction_syntax(engine: str, *, concurrent: bool = False) -> TransactionSyntax:
    """How the family writes transactions. ``concurrent`` adds BEGIN CONCURRENT, which only Turso has."""
    modes = _MODES | {TransactionMode.CONCURRENT} if concurrent else _MODES
    return TransactionSyntax(engine=engine, levels=_LEVELS, modes=modes)


class SqliteFamilyBackend(FileBackend):
    """Base of the family's backends. ``journal_mode`` None: WAL for a throwaway, and a user's file stays as it is."""

    journal_mode: str | None

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return Dialect.SQLITE

    def url_options(self) -> Mapping[str, str | None]:
        """The parameters of the URL; None leaves one out."""
        return {"journal_mode": self.journal_mode, "pool": self.pool}


def family_capabilities(
    syntax: TransactionSyntax, declared: frozenset[ErrorClass], *, snapshot_reads: bool = True, returning: bool = True
) -> Capabilities:
    """What all engines of the family can do, each tested by the conformance suite."""
    return Capabilities(
        error_classes=declared,
        isolation_levels=syntax.levels,
        begin_modes=syntax.modes,
        blocks_on_locks=False,  # with a busy timeout of 0, the answer to a lock is ``busy``
        snapshot_reads=snapshot_reads,
        savepoints=True,
        transactional_ddl=True,
        returning=returning,
        upsert=True,
        boolean_type=False,
        deferred_constraints=True,
        nulls_first=True,
        integer_division=True,
        cancel=False,
    )


def family_arguments(
    facts: BackendFacts, head: str, query: Mapping[str, str], *, journal_modes: Sequence[str], memory: bool = False
) -> dict[str, Any]:
    """``path``, ``journal_mode`` and ``pool`` of a URL, for the backend's constructor. Raises ``BackendUnavailable``."""
    check_parameters(facts.name, query, tuple(facts.url_options))
    mode = query.get("journal_mode")
    if mode is not None and mode not in journal_modes:
        raise BackendUnavailable(f"journal_mode is {' or '.join(journal_modes)}, not `{mode}`")
    path = parse_path(head, facts.name, facts.engine, memory=memory)
    return {"path": path, "journal_mode": mode, "pool": query.get("pool")}
