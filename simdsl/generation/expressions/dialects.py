"""The dialects that expressions are written in."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from simdsl.generation.expressions.postgres import PostgresPrinter
from simdsl.generation.expressions.printing import Printer
from simdsl.generation.expressions.sqlite import SqlitePrinter
from simdsl.plan.ir import Dialect

PRINTERS: Final = MappingProxyType({Dialect.SQLITE: SqlitePrinter(), Dialect.POSTGRES: PostgresPrinter()})


def printer(dialect: Dialect) -> Printer:
    """Who writes a dialect. ``KeyError`` where nobody does yet."""
    return PRINTERS[dialect]
