"""Statements with ODBC's placeholders."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simdsl.backends.protocol import Statement
from simdsl.plan.ir import Sql


def compiled(sql: Sql, identifiers: Mapping[str, str], quoted: Callable[[str], str]) -> Statement:
    """Variables that name things are written as quoted names, all others become ``?`` in the order of the text."""
    text: list[str] = []
    parameters: list[str] = []
    for part in sql.fragments:
        if isinstance(part, str):
            text.append(part)
        elif part.name in identifiers:
            text.append(quoted(identifiers[part.name]))
        else:
            text.append("?")
            parameters.append(part.name)
    return Statement(text="".join(text), parameters=tuple(parameters), kind=sql.kind)
