"""Statements as PEP 249 drivers take them: placeholders in the driver's style, quoted names, transaction control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import assert_never

from simdsl.backends.protocol import Refusal, Statement
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.sql import IsolationLevel, Sql, TransactionAction, TransactionControl, TransactionMode


class ParameterStyle(StrEnum):
    """``paramstyle`` of PEP 249, and PostgreSQL's own ``$1``."""

    QMARK = "qmark"  # ?
    NUMERIC = "numeric"  # :1
    NAMED = "named"  # :name
    FORMAT = "format"  # %s
    PYFORMAT = "pyformat"  # %(name)s
    DOLLAR = "dollar"  # $1


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSyntax:
    """How an engine writes transaction control. What it cannot write is refused, so that the plan is skipped there."""

    engine: str  # as a refusal names it
    levels: frozenset[IsolationLevel] = frozenset({IsolationLevel.SERIALIZABLE})
    names_levels: bool = False  # BEGIN may say ISOLATION LEVEL; otherwise the only level goes without saying
    modes: frozenset[TransactionMode] = frozenset()
    access_modes: bool = False  # BEGIN may say READ ONLY or READ WRITE
    savepoints: bool = True
    savepoint_word: bool = False  # ROLLBACK TO SAVEPOINT s, as the SQL standard has it, instead of ROLLBACK TO s


def compile_statement(
    sql: Sql,
    identifiers: Mapping[str, str],
    syntax: TransactionSyntax,
    style: ParameterStyle = ParameterStyle.QMARK,
    quote: Callable[[str], str] | None = None,
) -> Statement | Refusal:
    """A statement for a driver: variables in ``identifiers`` become quoted names, all others become placeholders."""
    if sql.transaction is not None:
        text = control_text(sql.transaction, syntax)
        if isinstance(text, Refusal):
            return text
        return Statement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction)
    pieces, parameters = split_at_parameters(sql, identifiers, quote or quote_name)
    return Statement(text=join_pieces(pieces, parameters, style), parameters=parameters, kind=sql.kind)


def split_at_parameters(
    sql: Sql, identifiers: Mapping[str, str], quote: Callable[[str], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text split at what is bound, one piece more than there are parameters; and their names in text order."""
    pieces = [""]
    parameters: list[str] = []
    for part in sql.fragments:
        if isinstance(part, str):
            pieces[-1] += part
        elif part.name in identifiers:
            pieces[-1] += quote(identifiers[part.name])
        else:
            pieces.append("")
            parameters.append(part.name)
    return tuple(pieces), tuple(parameters)


def join_pieces(pieces: tuple[str, ...], parameters: tuple[str, ...], style: ParameterStyle) -> str:
    """The text with placeholders. A parameter that occurs twice is bound twice, so order alone decides in every style."""
    if style is ParameterStyle.QMARK:
        return "?".join(pieces)
    if style in (ParameterStyle.FORMAT, ParameterStyle.PYFORMAT) and parameters:
        # Such drivers format the text when there is something to bind, so a literal percent sign must be doubled.
        pieces = tuple(piece.replace("%", "%%") for piece in pieces)
    marks = (_placeholder(style, number, name) for number, name in enumerate(parameters, 1))
    return "".join(piece + next(marks, "") for piece in pieces)


def _placeholder(style: ParameterStyle, number: int, name: str) -> str:
    match style:
        case ParameterStyle.QMARK:
            return "?"
        case ParameterStyle.NUMERIC:
            return f":{number}"
        case ParameterStyle.DOLLAR:
            return f"${number}"
        case ParameterStyle.NAMED:
            return f":{name}"
        case ParameterStyle.FORMAT:
            return "%s"
        case ParameterStyle.PYFORMAT:
            return f"%({name})s"
    assert_never(style)


def quote_name(name: str) -> str:
    """A name as an identifier of the SQL standard."""
    return '"' + name.replace('"', '""') + '"'


def control_text(transaction: TransactionControl, syntax: TransactionSyntax) -> str | Refusal:
    """The text of a transaction statement, or why this engine has none."""
    if transaction.name is not None and not syntax.savepoints:
        return Refusal(reason=f"{syntax.engine} has no savepoints")
    word = "SAVEPOINT " if syntax.savepoint_word else ""
    match transaction.action:
        case TransactionAction.BEGIN:
            return _begin_text(transaction, syntax)
        case TransactionAction.COMMIT | TransactionAction.ROLLBACK as action:
            return action.name
        case TransactionAction.SAVEPOINT | TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE if (
            not syntax.savepoints
        ):
            return Refusal(reason=f"{syntax.engine} has no savepoints")
        case TransactionAction.SAVEPOINT:
            return f"SAVEPOINT {transaction.name}"
        case TransactionAction.ROLLBACK_TO:
            return f"ROLLBACK TO {word}{transaction.name}"
        case TransactionAction.RELEASE:
            return f"RELEASE {word}{transaction.name}"


def _begin_text(transaction: TransactionControl, syntax: TransactionSyntax) -> str | Refusal:
    isolation, mode, read_only = transaction.isolation, transaction.mode, transaction.read_only
    if isolation is not None and isolation not in syntax.levels:
        only = "" if syntax.names_levels else f", only {', '.join(level.upper() for level in sorted(syntax.levels))}"
        return Refusal(reason=f"{syntax.engine} has no isolation level {isolation.upper()}{only}")
    if mode is not None and mode not in syntax.modes:
        return Refusal(reason=f"{syntax.engine} has no BEGIN {mode.name}")
    if read_only and not syntax.access_modes:
        return Refusal(reason=f"{syntax.engine} has no READ ONLY transactions")
    text = "BEGIN" if mode is None else f"BEGIN {mode.name}"
    if isolation is not None and syntax.names_levels:
        text += f" ISOLATION LEVEL {isolation.upper()}"
    if read_only is not None and syntax.access_modes:
        text += " READ ONLY" if read_only else " READ WRITE"
    return text
