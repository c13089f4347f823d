"""Statements as the drivers of SQLite's family take them: ``?`` for what is bound, names between double quotes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from simdsl.backends.protocol import Refusal, Statement
from simdsl.plan.sql import IsolationLevel, Sql, TransactionAction, TransactionControl, TransactionMode

# What may hold a semicolon that ends nothing.
_OPAQUE: Final = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^]]*\]|--[^\n]*|/\*.*?(?:\*/|$)""", re.DOTALL)


_TRIGGER: Final = re.compile(r"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?TRIGGER\b", re.IGNORECASE)


def compile_statement(
    sql: Sql, identifiers: Mapping[str, str], engine: str, *, concurrent: bool = False
) -> Statement | Refusal:
    """Variables that name things are written as quoted names, all others become ``?`` in the order of the text.

    ``engine`` is how a refusal calls it, and ``concurrent`` whether it has BEGIN CONCURRENT.
    """
    if sql.transaction is not None:
        text = control_text(sql.transaction, engine, concurrent=concurrent)
        if isinstance(text, Refusal):
            return text
        return Statement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction)
    pieces, parameters = split_at_parameters(sql, identifiers)
    return Statement(text="?".join(pieces), parameters=parameters, kind=sql.kind)


def split_at_parameters(sql: Sql, identifiers: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text cut at what is bound, one piece more than there are parameters; and their names in order."""
    pieces = [""]
    parameters: list[str] = []
    for part in sql.fragments:
        if isinstance(part, str):
            pieces[-1] += part
        elif part.name in identifiers:
            pieces[-1] += quote_name(identifiers[part.name])
        else:
            pieces.append("")
            parameters.append(part.name)
    return tuple(pieces), tuple(parameters)


def control_text(transaction: TransactionControl, engine: str, *, concurrent: bool = False) -> str | Refusal:
    """Transaction control in SQLite's words."""
    match transaction.action:
        case TransactionAction.BEGIN:
            return _begin_text(transaction, engine, concurrent)
        case TransactionAction.COMMIT | TransactionAction.ROLLBACK as action:
            return action.name
        case TransactionAction.SAVEPOINT:
            return f"SAVEPOINT {transaction.name}"
        case TransactionAction.ROLLBACK_TO:
            return f"ROLLBACK TO {transaction.name}"
        case TransactionAction.RELEASE:
            return f"RELEASE {transaction.name}"


def has_second_statement(text: str) -> bool:
    """Whether a second statement begins behind a semicolon. A trigger's body is no second statement."""
    code = _OPAQUE.sub(lambda found: " " if found[0][0] in "-/" else " x ", text)
    return not _TRIGGER.match(code) and bool(code.partition(";")[2].replace(";", "").strip())


def quote_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _begin_text(transaction: TransactionControl, engine: str, concurrent: bool) -> str | Refusal:
    if transaction.isolation not in (None, IsolationLevel.SERIALIZABLE):
        return Refusal(reason=f"{engine} has no isolation level {transaction.isolation.upper()}, only SERIALIZABLE")
    if transaction.mode is TransactionMode.CONCURRENT and not concurrent:
        return Refusal(reason=f"{engine} has no BEGIN CONCURRENT")
    if transaction.read_only:
        return Refusal(reason=f"{engine} has no READ ONLY transactions")
    return f"BEGIN {transaction.mode.name}" if transaction.mode else "BEGIN"
