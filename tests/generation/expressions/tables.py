"""A table of every type, in our own hands and in an engine's."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.backends.protocol import Database, Refusal
from simdsl.backends.registry import resolve
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import printer
from simdsl.generation.expressions.values import SamplingRates, draw_value
from simdsl.plan.outcomes import Failed, Outcome, Rows
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Value
from simdsl.syntax.sql_lexer import parse_sql

Cells: TypeAlias = dict[str, Value]

COLUMNS: Final = (
    ColumnRef(name="a", type=SqlType.INTEGER),
    ColumnRef(name="n", type=SqlType.INTEGER, narrow=True),
    ColumnRef(name="r", type=SqlType.REAL),
    ColumnRef(name="q", type=SqlType.REAL, narrow=True),
    ColumnRef(name="s", type=SqlType.TEXT),
    ColumnRef(name="t", type=SqlType.TEXT),
    ColumnRef(name="f", type=SqlType.BOOLEAN),
    ColumnRef(name="x", type=SqlType.BLOB),
)
RATES: Final = SamplingRates()
WILD: Final = SamplingRates(null=120, zero=120, limit=280, empty=80, unicode=280, long=10, duplicate=200, column=800)
"""Where limits and foreign letters are everyday."""

_TYPES: Final = MappingProxyType(
    {
        Dialect.SQLITE: ("INTEGER", "REAL", "TEXT", "BOOLEAN", "BLOB"),
        Dialect.POSTGRES: ("BIGINT", "DOUBLE PRECISION", "TEXT", "BOOLEAN", "BYTEA"),
    }
)


def drawn_rows(seed: int, count: int, rates: SamplingRates = RATES, *, fill: int = 0) -> list[Cells]:
    """Rows of the table, by seed, for the time that it is filled."""
    return [
        {
            column.name: draw_value(
                seed=seed, place=(fill, i, column.name), of=column.type, rates=rates, narrow=column.narrow
            )
            for column in COLUMNS
        }
        for i in range(count)
    ]


def as_type(value: Value, wanted: SqlType) -> Value:
    """A value as an engine gave it, as ours would be: SQLite has no booleans."""
    return bool(value) if wanted is SqlType.BOOLEAN and isinstance(value, int) else value


class Engine:
    """A world with one session, in which the table ``v`` stands, its rows numbered by ``id``."""

    def __init__(self, selector: str) -> None:
        self._backend = resolve(selector)
        self.dialect = self._backend.dialect
        self.printer = printer(self.dialect)
        self._world: Database = self._backend.create()
        self._session = self._world.open()
        words = dict(zip(SqlType, _TYPES[self.dialect], strict=True))
        self.must(f"CREATE TABLE v (id INTEGER PRIMARY KEY, {', '.join(f'{c.name} {words[c.type]}' for c in COLUMNS)})")

    @property
    def version(self) -> str:
        """What is installed, in two words."""
        described = self._backend.describe()
        return f"{described.engine} {described.engine_version}"

    def close(self) -> None:
        """Give the database up."""
        self._session.close()
        self._world.close()

    def fill(self, rows: Sequence[Cells]) -> None:
        """These rows and no others, as ids 0, 1 ..."""
        self.must("DELETE FROM v")
        names = [column.name for column in COLUMNS]
        for i, row in enumerate(rows):
            text = f"INSERT INTO v (id, {', '.join(names)}) VALUES ({i}, {', '.join(f'${name}' for name in names)})"
            self.must(text, row)

    def run(self, text: str, values: Cells | None = None) -> Outcome:
        """What a statement comes to."""
        statement = self._backend.compile(parse_sql(text, self.dialect), {})
        assert not isinstance(statement, Refusal), statement
        arguments = tuple((values or {})[name] for name in statement.parameters)
        outcome = self._session.start(statement, arguments)
        if outcome is None:
            self._world.settle([self._session], 20_000_000)
            outcome = self._session.poll()
        assert outcome is not None, f"{text} waits"
        return outcome

    def must(self, text: str, values: Cells | None = None) -> list[tuple[Value, ...]]:
        """The rows of a statement that must succeed."""
        outcome = self.run(text, values)
        assert not isinstance(outcome, Failed), (outcome, text)
        return outcome.rows if isinstance(outcome, Rows) else []

    def values(self, expressions: Sequence[SqlExpression], *, bound: bool = False) -> list[tuple[Value, ...]] | Failed:
        """A list of values for each row, in the order of ids; with ``bound`` literals are variables."""
        texts, given = [], dict[str, Value]()
        for i, expression in enumerate(expressions):
            if bound:
                text, values = self.printer.bound_text(expression, f"p{i}_")
                given.update(values)
            else:
                text = self.printer.text(expression)
            texts.append(text)
        outcome = self.run(f"SELECT {', '.join(texts)} FROM v ORDER BY id", given)
        if isinstance(outcome, Failed):
            return outcome
        assert isinstance(outcome, Rows), outcome
        types = [expression.type for expression in expressions]
        return [tuple(map(as_type, row, types)) for row in outcome.rows]
