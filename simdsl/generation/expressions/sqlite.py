"""Expressions as SQLite takes them (https://www.sqlite.org/lang_expr.html), from version 3.23 on."""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import Like, SqlType
from simdsl.generation.expressions.printing import Printed, Printer, Rank
from simdsl.plan.values import INT64_MIN, Value, literal, quoted


class SqlitePrinter(Printer):
    """Types are those of the values. ``IS`` is IS NOT DISTINCT FROM, LIKE folds ASCII, GLOB does not."""

    def literal(self, value: Value, of: SqlType) -> Printed:
        """See ``Printer``. A boolean is a word for 1 or 0."""
        if isinstance(value, bool):
            return ("TRUE" if value else "FALSE", Rank.ATOM)
        if value == INT64_MIN and of is SqlType.INTEGER:
            # Its digits alone are no integer, and nothing promises that the sign is seen in time.
            return (f"({INT64_MIN + 1} - 1)", Rank.ATOM)
        text = literal(value)
        return (text, Rank.SIGN if text.startswith("-") else Rank.ATOM)

    def parameter(self, name: str, of: SqlType) -> str:
        """See ``Printer``."""
        return f"${name}"

    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """See ``Printer``. A boolean is an integer, and stays one."""
        return f"CAST({text} AS {_NAMES[target]})"

    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """See ``Printer``."""
        return f"{left} IS {'' if negated else 'NOT '}{right}"

    def like(self, text: str, node: Like) -> str:
        """See ``Printer``. What GLOB would take for a wildcard stands between brackets."""
        word = "GLOB" if node.exact else "LIKE"
        pattern = "".join(_GLOB.get(letter, letter) for letter in node.pattern) if node.exact else node.pattern
        return f"{text} {'NOT ' if node.negated else ''}{word} {quoted(pattern)}"

    def length(self, text: str) -> str:
        """See ``Printer``."""
        return f"length({text})"

    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """See ``Printer``. Of two arguments these are no aggregates."""
        return f"{'max' if greatest else 'min'}({left}, {right})"


_NAMES: Final = {
    SqlType.INTEGER: "INTEGER",
    SqlType.REAL: "REAL",
    SqlType.TEXT: "TEXT",
    SqlType.BOOLEAN: "BOOLEAN",
    SqlType.BLOB: "BLOB",
}
_GLOB: Final = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
