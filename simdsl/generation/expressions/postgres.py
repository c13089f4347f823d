"""Expressions as PostgreSQL takes them (its manual, chapters 4 and 9).

Every literal of a number says its type, since ``5`` has 32 bits and ``1.5`` is a NUMERIC; so does NULL.
"""

from __future__ import annotations

import math
from typing import Final

from simdsl.generation.expressions.ir import Like, SqlType
from simdsl.generation.expressions.printing import Printed, Printer, Rank
from simdsl.plan.values import INT64_MIN, Value, literal, quoted


class PostgresPrinter(Printer):
    """Integers are BIGINT, reals DOUBLE PRECISION, blobs BYTEA. ILIKE folds ASCII alone where the locale is C."""

    def literal(self, value: Value, of: SqlType) -> Printed:
        """See ``Printer``."""
        match value:
            case None:
                return (f"NULL::{_NAMES[of]}", Rank.ATOM)
            case bool():
                return ("TRUE" if value else "FALSE", Rank.ATOM)
            case int() if value == INT64_MIN:
                return (f"'{value}'::bigint", Rank.ATOM)  # the sign binds less than the cast
            case int() | float():
                is_negative = math.copysign(1, value) < 0
                return (f"{literal(value)}::{_NAMES[of]}", Rank.SIGN if is_negative else Rank.ATOM)
            case bytes():
                return (f"'\\x{value.hex()}'::bytea", Rank.ATOM)
            case _:
                return (literal(value), Rank.ATOM)

    def parameter(self, name: str, of: SqlType) -> str:
        """See ``Printer``."""
        return f"${name}::{_NAMES[of]}"

    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """See ``Printer``. A cast of a real would round; of a boolean there is one to 32 bits only."""
        if source is SqlType.REAL:
            text = f"trunc({text})"
        if source is SqlType.BOOLEAN:
            text = f"CAST({text} AS integer)"
        return f"CAST({text} AS {_NAMES[target]})"

    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """See ``Printer``."""
        return f"{left} IS {'NOT ' if negated else ''}DISTINCT FROM {right}"

    def like(self, text: str, node: Like) -> str:
        """See ``Printer``."""
        return f"{text} {'NOT ' if node.negated else ''}{'LIKE' if node.exact else 'ILIKE'} {quoted(node.pattern)}"

    def length(self, text: str) -> str:
        """See ``Printer``. The function's own result has 32 bits, and sums of it would leave them."""
        return f"length({text})::bigint"

    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """See ``Printer``. GREATEST and LEAST would pass over NULL."""
        first, second = (">=", "<") if greatest else ("<=", ">")
        return f"CASE WHEN {left} {first} {right} THEN {left} WHEN {left} {second} {right} THEN {right} END"


_NAMES: Final = {
    SqlType.INTEGER: "bigint",
    SqlType.REAL: "double precision",
    SqlType.TEXT: "text",
    SqlType.BOOLEAN: "boolean",
    SqlType.BLOB: "bytea",
}
