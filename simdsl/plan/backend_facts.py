"""Facts about backends that everything but the backend itself asks: names, dialects, URL options, documentation.

Each backend that comes with simdsl states its facts once, in ``simdsl/backends/NAME/__init__.py``, as frozen data that
imports no driver. The plan language and the generators need some of them and lie below ``backends``, so the facts are found
here by name, as those of a plug-in would be: one function imports them dynamically, when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Final

from simdsl.plan.deferred import dataclass
from simdsl.plan.sql import Dialect

BUILT_IN_BACKENDS: Final = ("sqlite", "postgres", "mssql", "libsql", "turso")
"""The backends that come with simdsl, in the order in which they are shown."""

RESERVED_NAMES: Final[Mapping[str, Dialect | None]] = MappingProxyType(
    {
        "duckdb": Dialect.DUCKDB,
        "mariadb": Dialect.MYSQL,
        "mysql": Dialect.MYSQL,
        "odbc": None,  # the engine at the other end decides
    }
)
"""Names that plans may use for backends of the user's own, and the SQL of what is called so (docs/adr/0018)."""

BACKEND_NAMES: Final = (*BUILT_IN_BACKENDS, *RESERVED_NAMES)
"""The names that may stand in plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Where a backend breaks a rule of the conformance suite. ``rule`` is the name of its test without ``test_``.

    The backend's own suite tests what ``does`` says instead, so no rule is skipped in silence.
    """

    rule: str
    does: str  # what this backend does, as a sentence
    why: str  # and the reason, with a link where the engine's manual gives it


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlForm:
    """One way to select a backend, for the reference: ``selects`` is what each of ``urls`` means."""

    urls: tuple[str, ...]
    selects: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFacts:
    """What is known of a backend without its driver."""

    name: str
    engine: str  # "PostgreSQL", as reports and the reference call it
    dialect: Dialect
    schemes: tuple[str, ...]  # of its URLs, the name among them
    url_forms: tuple[UrlForm, ...]
    url_options: Mapping[str, str]  # what may follow the ``?``, with its meaning
    extra: str | None = None  # ``pip install 'simdsl[EXTRA]'``
    runs_generated_plans: bool = True
    locks_rows: bool = False  # a statement waits for the lock of one row, and others go on
    option_prefix: str | None = None  # of command line options that stand for a URL: "pg" of ``--pg-host``
    url_of_options: Callable[[Mapping[str, str]], str] | None = None  # and the URL that they mean
    page: str = ""  # under docs/
    variants: Mapping[str, str] = field(default_factory=dict)  # further columns of the reference: heading -> URL
    example_url: str | None = None  # for the reference, where the bare name needs a server
    preloads: tuple[str, ...] = ()  # modules that a campaign imports before it forks its workers
    deviations: tuple[Deviation, ...] = ()

    @property
    def module(self) -> str:
        """The module whose ``from_url`` makes the backend."""
        return f"simdsl.backends.{self.name}.backend"


@cache
def facts_of(name: str) -> BackendFacts:
    """The facts of a backend that comes with simdsl. Raises ``LookupError`` for any other name."""
    if name not in BUILT_IN_BACKENDS:
        raise LookupError(f"no backend `{name}` comes with simdsl")
    facts: BackendFacts = import_module(f"simdsl.backends.{name}").FACTS
    return facts


def built_in_facts() -> tuple[BackendFacts, ...]:
    """The facts of every backend that comes with simdsl, in the order in which they are shown."""
    return tuple(map(facts_of, BUILT_IN_BACKENDS))


@cache
def dialect_of_backend(name: str) -> Dialect | None:
    """The SQL of a backend, None where its name does not tell."""
    return facts_of(name).dialect if name in BUILT_IN_BACKENDS else RESERVED_NAMES.get(name)


@cache
def generated_plan_backends() -> tuple[str, ...]:
    """Where generated plans run: what they expect has been tried on each. First the backends of their own dialect."""
    runs = [facts for facts in built_in_facts() if facts.runs_generated_plans]
    return tuple(facts.name for facts in sorted(runs, key=lambda facts: facts.dialect is not Dialect.SQLITE))


@cache
def row_locking_backends() -> tuple[str, ...]:
    """Those that have a lock for every row; the others have one for all rows."""
    return tuple(facts.name for facts in built_in_facts() if facts.locks_rows)
