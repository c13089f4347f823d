"""The corpus: files of statements with what is expected of each on every other engine.

A file has a dialect, a setup, and entries by name. An entry is a statement, or a mapping: `setup` before it, `sql`, an
`insert` and a query (`then`) behind it, `with` for what is bound. `error` says that it fails where it was written.
`refused` is the beginning of the construct that is named, by target or for all (`true`: whatever it is called). `differs`
says, by target, why the engines disagree on something that is translated as well as possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from simdsl.plan.sql import Dialect, Sql
from simdsl.plan.values import Value
from simdsl.syntax.sql_lexer import parse_sql

FOLDER: Final = Path(__file__).resolve().parent / "corpus"
TARGETS: Final = {
    Dialect.SQLITE: (Dialect.POSTGRES, Dialect.DUCKDB, Dialect.TSQL),
    Dialect.POSTGRES: (Dialect.SQLITE, Dialect.DUCKDB, Dialect.TSQL),
}
"""The targets of each source dialect in the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One statement with what stands around it. ``refused`` and ``differs`` are by target."""

    name: str
    setup: tuple[Sql, ...]
    sql: Sql
    after: tuple[Sql, ...]
    values: Mapping[str, Value]
    error: bool
    refused: Mapping[Dialect, str]
    differs: Mapping[Dialect, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One file of the corpus."""

    name: str
    dialect: Dialect
    setup: tuple[Sql, ...]
    entries: tuple[Entry, ...]


def collections() -> tuple[Collection, ...]:
    """The whole corpus in the order of its files."""
    return tuple(_collection(path) for path in sorted(FOLDER.glob("*.yaml")))


def _collection(path: Path) -> Collection:
    content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    dialect = Dialect(content["dialect"])
    entries = tuple(_entry(name, given, dialect) for name, given in content["entries"].items())
    return Collection(name=path.stem, dialect=dialect, setup=_all(content["setup"], dialect), entries=entries)


def _entry(name: str, given: Any, dialect: Dialect) -> Entry:
    given = {"sql": given} if isinstance(given, str) else given
    unknown = set(given) - {"setup", "sql", "insert", "then", "with", "error", "refused", "differs"}
    assert not unknown, (name, unknown)
    return Entry(
        name=name,
        setup=_all(given.get("setup", ()), dialect),
        sql=parse_sql(given["sql"], dialect),
        after=_all([given[key] for key in ("insert", "then") if key in given], dialect),
        values=given.get("with", {}),
        error=given.get("error", False),
        refused=_by_target(given.get("refused", {}), dialect),
        differs=_by_target(given.get("differs", {}), dialect),
    )


def _all(texts: Any, dialect: Dialect) -> tuple[Sql, ...]:
    return tuple(parse_sql(text, dialect) for text in texts)


def _by_target(given: Any, dialect: Dialect) -> Mapping[Dialect, str]:
    if isinstance(given, dict):
        return {Dialect(target): text for target, text in given.items()}
    return dict.fromkeys(TARGETS[dialect], "" if given is True else str(given))
