"""What a statement says about a keyed table, as far as that can be told for certain.

A keyed table has two columns, an integer key and an integer: ``CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)``. Of
such tables a few forms of statement are understood; everything else is ``None``, and nobody guesses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.values import Value, literal


@dataclass(frozen=True, slots=True)
class CreateKeyed:
    """A keyed table, and what its columns are called."""

    table: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    """An index comes or goes; no row changes."""


@dataclass(frozen=True, slots=True)
class InsertRows:
    """Rows of key and value."""

    table: str
    rows: tuple[tuple[int, Value], ...]


@dataclass(frozen=True, slots=True)
class SetValue:
    """One row, or every row where ``key`` is None, has another value now."""

    table: str
    key: int | None
    value: Value
    column: str
    where: str | None


@dataclass(frozen=True, slots=True)
class AddToValue:
    """The same, by addition."""

    table: str
    key: int | None
    delta: int
    column: str
    where: str | None


@dataclass(frozen=True, slots=True)
class DeleteRow:
    """One row goes."""

    table: str
    key: int
    where: str


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Key and value of one row, or of every row where ``key`` is None."""

    table: str
    key: int | None
    columns: tuple[str, ...]


KeyedStatement: TypeAlias = CreateKeyed | ChangeIndex | InsertRows | SetValue | AddToValue | DeleteRow | ReadRows


_NAME: Final = r"([a-z_][a-z0-9_]*)"


_VALUE: Final = r"(?:-?\d+|NULL)"  # what an engine may store as something else, text for one, is not understood


_WHERE: Final = rf"(?: WHERE {_NAME} = (-?\d+))?"


_CREATE: Final = lazy_regex(
    rf"CREATE TABLE {_NAME} \({_NAME} INTEGER PRIMARY KEY, {_NAME} INTEGER(?: NOT NULL)?(?: CHECK \([^()]*\))?\)",
    re.IGNORECASE,
)


_INDEX: Final = lazy_regex(rf"CREATE INDEX {_NAME} ON {_NAME} \([^()]*\)|DROP INDEX {_NAME}", re.IGNORECASE)


_INSERT: Final = lazy_regex(rf"INSERT INTO {_NAME} VALUES (\(.*\))", re.IGNORECASE)


_ROW: Final = rf"\((-?\d+), ({_VALUE})\)"


_ROWS: Final = lazy_regex(rf"{_ROW}(?:, {_ROW})*", re.IGNORECASE)


_EACH: Final = lazy_regex(_ROW, re.IGNORECASE)


_UPDATE: Final = lazy_regex(rf"UPDATE {_NAME} SET {_NAME} = (?:({_VALUE})|\2 ([+-]) (\d+)){_WHERE}", re.IGNORECASE)


_DELETE: Final = lazy_regex(rf"DELETE FROM {_NAME} WHERE {_NAME} = (-?\d+)", re.IGNORECASE)


_READ: Final = lazy_regex(rf"SELECT {_NAME}, {_NAME} FROM {_NAME}{_WHERE}(?: ORDER BY {_NAME})?", re.IGNORECASE)


_VARIABLE: Final = lazy_regex(r"\$([a-z_][a-z0-9_]*)")


def parse_keyed_statement(text: str, values: Mapping[str, Value]) -> KeyedStatement | None:
    """What the statement says; ``values`` are those of its variables. The columns are for the caller to compare."""
    said = _VARIABLE.sub(lambda match: _literal(match, values), " ".join(text.split()).removesuffix(";"))
    if match := _READ.fullmatch(said):
        columns = (match[1], match[2], *filter(None, (match[4], match[6])))
        return ReadRows(match[3].lower(), _key(match[5]), columns)
    if match := _UPDATE.fullmatch(said):
        table, column, value, sign, delta, where, key = match.groups()
        if value is not None:
            return SetValue(table.lower(), _key(key), _value(value), column, where)
        return AddToValue(table.lower(), _key(key), int(f"{sign}{delta}"), column, where)
    if (match := _INSERT.fullmatch(said)) and _ROWS.fullmatch(match[2]):
        return InsertRows(match[1].lower(), tuple((int(row[1]), _value(row[2])) for row in _EACH.finditer(match[2])))
    if match := _DELETE.fullmatch(said):
        return DeleteRow(match[1].lower(), int(match[3]), match[2])
    if match := _CREATE.fullmatch(said):
        return CreateKeyed(match[1].lower(), match[2], match[3])
    if _INDEX.fullmatch(said):
        return ChangeIndex()
    return None


def mentions_table(text: str, table: str) -> bool:
    """Whether a statement names a table anywhere."""
    return re.search(rf"(?<!\w){re.escape(table)}(?!\w)", text, re.IGNORECASE) is not None


def has_unknown_effects(text: str) -> bool:
    """Whether a statement may write to a table that it does not name: code of the engine, or a name that is a variable."""
    return "$" in text or text.split(None, 1)[0].upper() in ("CALL", "DO", "EXEC", "EXECUTE")


def _literal(match: re.Match[str], values: Mapping[str, Value]) -> str:
    return literal(values[match[1]]) if match[1] in values else match[0]


def _key(text: str | None) -> int | None:
    return None if text is None else int(text)


def _value(text: str) -> Value:
    return None if text.upper() == "NULL" else int(text)
