"""Statements as texts: enough to change one at one point, for bugs that stand before the engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LITERAL: Final = re.compile(r"'(?:[^']|'')*'")


def rewritten(sql: str, head: str, change: Callable[[str], str]) -> str:
    """Every ``head(inner)`` becomes ``change(inner)``. Nothing within quotes is looked at, nor within an ``inner``."""
    done, rest = "", sql
    while (at := _find(rest, f"{head}(")) >= 0:
        start = at + len(head)
        end = _closing(rest, start)
        done += rest[:at] + change(rest[start + 1 : end])
        rest = rest[end + 1 :]
    return done + rest


def items(inner: str) -> list[str]:
    """What commas part, outside of quotes and parentheses."""
    blind = _blind(inner)
    depth, start, found = 0, 0, []
    for i, character in enumerate(blind):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append(inner[start:i].strip())
            start = i + 1
    return [*found, inner[start:].strip()]


def _find(sql: str, wanted: str) -> int:
    return _blind(sql).find(wanted)


def _closing(sql: str, start: int) -> int:
    depth = 0
    for i, character in enumerate(_blind(sql)[start:], start):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return i
    raise ValueError(f"a parenthesis is not closed: {sql}")


def _blind(sql: str) -> str:
    """As long as the statement, with what is quoted blanked out."""
    return LITERAL.sub(lambda found: "'" + " " * (len(found[0]) - 2) + "'", sql)
