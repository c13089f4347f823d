"""What `python -m tests.dialect` writes: the page of the reference, and the T-SQL of the corpus for people to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
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
# SQL from dialect to dialect

Made by `python -m tests.dialect`, which runs what it says; do not edit.

The SQL of a plan is written in its `dialect`. Where a backend speaks another one, each statement is carried over: sqlglot
rewrites it, simdsl mends what would mean something else there, and refuses what it cannot carry. A refusal names the
construct and what to write instead; nothing is left out in silence. An override (`postgres: ...`) is sent as it stands.

Nothing is known of the types of columns: a statement is carried alone, whatever was created before. What only a type
would tell apart is left to the engine, which mostly complains. Where it does not, the table says `differs`.

Two such things are worth knowing. The text of a real (`CAST(r AS TEXT)`, `r || ''`) and of a boolean column is each
engine's own. A value that is an integer in one row and a real in the next is one type elsewhere, so that `/` divides it
otherwise.

SQL Server compares texts by collation and ignores blanks at their end; the text columns that are created for it get a
binary collation, so that `'a' = 'A'` is false as elsewhere. What is said here of T-SQL is for SQL Server 2022. A key
`INTEGER PRIMARY KEY` takes the numbers that are given and makes none there; with AUTOINCREMENT it makes them and takes none.

MySQL gets what is carried for the others, unpromised: nothing here was run on it. SQL that is written in a dialect other
than SQLite's and PostgreSQL's is sent to its own backends only.

## The corpus

Each statement is run on the engine of its own dialect and, carried, on the other one. `same`: the text needed no change
but for blanks and keywords, and the engines agree on rows, counts and kinds of errors. `rewritten`: it was mended, and
they agree. `refused`: it is not carried. `differs`: it is carried as well as can be, and this is how they disagree. T-SQL
is `carried`, to a text that is kept under tests/dialect/golden, and is run where `SIMDSL_MSSQL_URL` names a server.

A boolean is equal to 1 or 0, numbers are equal to twelve digits whatever their type, dates and times by their ISO text;
rows in order where the statement has an order, else as bags.
"""


def page(results_of: ResultsOf) -> str:
    """The page of the reference."""
    lines = [_INTRODUCTION, *_summary(results_of)]
    for collection in collections():
        lines += _table(collection, results_of)
    return "\n".join(lines).rstrip("\n") + "\n"


def golden(collection: Collection, results_of: ResultsOf) -> str:
    """The T-SQL of a collection, each statement under its name and as it was written."""
    lines = [f"-- T-SQL of tests/dialect/corpus/{collection.name}.yaml, written by `python -m tests.dialect`; do not edit."]
    for result in results_of(collection.name, Dialect.TSQL):
        lines += ["", f"-- {result.entry.name}: {_line(result.entry.sql.text)}"]
        lines.append(f"-- refused: {result.detail}" if result.came is Came.REFUSED else f"{result.text};")
    return "\n".join(lines) + "\n"


def _summary(results_of: ResultsOf) -> Iterator[str]:
    yield "| from | to | statements | same | rewritten | carried, not run | refused | differs |"
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
            numbers = [counts[came] for came in (Came.UNTOUCHED, Came.MENDED, Came.UNRUN, Came.REFUSED, Came.DIFFERS)]
            yield f"| {source} | {target} | {len(found)} | {' | '.join(map(str, numbers))} |"
    yield ""


def _table(collection: Collection, results_of: ResultsOf) -> Iterator[str]:
    targets = TARGETS[collection.dialect]
    yield f"## {collection.name}"
    yield ""
    yield f"Written for {collection.dialect}."
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
            return "carried"
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
