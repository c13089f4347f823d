"""A statement in each of the dialects that expressions are written in."""

from __future__ import annotations

from typing import TypeAlias

from simdsl.generation.expressions.dialects import PRINTERS
from simdsl.generation.expressions.ir import Column, Expression, Literal
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """A text as SQLite and as PostgreSQL take it; mostly they are one."""

    sqlite: str
    postgres: str


Part: TypeAlias = Expression | Both | str | int
"""What may stand in a text: an expression, a text that is made already, a name or a number."""


def say(template: str, **parts: Part) -> Both:
    """The template with its ``{parts}`` filled in, once for each dialect. Braces of its own are written twice."""
    return Both(
        sqlite=template.format_map({name: _said(part, Dialect.SQLITE) for name, part in parts.items()}),
        postgres=template.format_map({name: _said(part, Dialect.POSTGRES) for name, part in parts.items()}),
    )


def join(separator: str, parts: list[Both]) -> Both:
    """All of them with this between them."""
    return Both(
        sqlite=separator.join(part.sqlite for part in parts), postgres=separator.join(part.postgres for part in parts)
    )


def _said(part: Part, dialect: Dialect) -> str:
    match part:
        case str():
            return part
        case int():
            return str(part)
        case Both():
            return part.sqlite if dialect is Dialect.SQLITE else part.postgres
        case Column() | Literal():
            return PRINTERS[dialect].text(part)
        case _:
            return f"({PRINTERS[dialect].text(part)})"
