"""Random tables whose rows belong to tasks: every task reads all rows, and none changes the rows of another one.

So a task knows what its own rows must be, whatever the schedule, while the engine still sees concurrent writers in one
table and one index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.generation.expressions.drawing import draw_expression, draw_predicate_true_for
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import KEY, FixtureTable, RowCells, SchemaFixture, draw_fixture
from simdsl.plan.backend_facts import generated_plan_backends
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Value
from simdsl.properties.plan_builder import PlanBuilder

EXPRESSION_BACKENDS: Final = generated_plan_backends()
"""The backends whose dialects expressions are printed in."""

_KEYS_PER_OWNER: Final = 1000  # the keys of an owner begin at its number times this


class LabelGroup:
    """The labels of one group of queries, `pqs3_row`, `pqs3_found` ..."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def of(self, role: str) -> str:
        """The label of the result with this role."""
        return f"{self._prefix}_{role}"


class OwnedRows:
    """The tables of one plan, the rows that were given to tasks so far, and conditions over them.

    Adds the tables, their rows, which belong to no task, and their indexes to the setup of the plan, and restricts the
    plan to the backends whose dialects are printed.
    """

    def __init__(self, plan: PlanBuilder, tag: str) -> None:
        self.plan = plan
        self.fixture: SchemaFixture = draw_fixture(plan.seed, plan.size.profile)
        self._tag = tag
        self._groups = 0
        self._given: dict[tuple[str, int], int] = {}
        plan.dialect = Dialect.SQLITE
        plan.backends = EXPRESSION_BACKENDS
        for table in self.tables:
            plan.setup.add(plan.setup.sql(table.create()))
            if table.rows:
                plan.setup.add(plan.setup.sql(table.insert(table.rows)))
        plan.setup.add(*map(plan.setup.sql, self.fixture.indexes))

    @property
    def tables(self) -> tuple[FixtureTable, ...]:
        """All tables."""
        return self.fixture.tables

    def new_group(self) -> LabelGroup:
        """Labels that no other group has."""
        self._groups += 1
        return LabelGroup(f"{self._tag}{self._groups}")

    def new_rows(self, table: FixtureTable, owner: int, count: int) -> list[RowCells]:
        """New rows for an owner (a task's number); no value twice in a column that is UNIQUE."""
        made: list[RowCells] = []
        for _ in range(count):
            number = self._given[table.name, owner] = self._given.get((table.name, owner), 0) + 1
            key = owner * _KEYS_PER_OWNER + number
            made.append({KEY: key, **{column.name: self._value(table, key, column) for column in table.columns}})
        return made

    def _value(self, table: FixtureTable, key: int, column: ColumnRef) -> Value:
        value = draw_value(
            seed=self.plan.seed,
            place=("owned", table.name, key, column.name),
            of=column.type,
            rates=self.fixture.rates,
            nullable=column.nullable,
            narrow=True,
        )
        if value is not None and "UNIQUE" in table.constraints.get(column.name, ""):
            # The key makes it unique among all owners, without knowing what the others have drawn.
            return f"{value}#{key}" if isinstance(value, str) else 60_000_000 + key
        return value

    def true_for(self, row: RowCells, columns: Sequence[ColumnRef], *place: int | str) -> SqlExpression:
        """A random condition that is true for the row."""
        return draw_predicate_true_for(
            row,
            seed=self.plan.seed,
            place=(self._tag, *place),
            columns=columns,
            depth=self._depth(*place),
            rates=self.fixture.rates,
        )

    def condition(self, columns: Sequence[ColumnRef], *place: int | str) -> SqlExpression:
        """A random condition."""
        return draw_expression(
            seed=self.plan.seed,
            place=(self._tag, *place),
            wanted=SqlType.BOOLEAN,
            columns=columns,
            depth=self._depth(*place),
            rates=self.fixture.rates,
        )

    def _depth(self, *place: int | str) -> int:
        return 1 + self.plan.choose(max(self.plan.size.profile.expression_depth, 1), "depth", *place)


def where_owned(owner: int, condition: SqlExpression) -> DialectText:
    """WHERE: the rows of an owner for which the condition is true."""
    return render("WHERE {condition} AND {owned}", condition=condition, owned=owned_by(owner))


def owned_by(owner: int, alias: str = "") -> str:
    """The condition that a row belongs to the owner; ``alias`` is that of the table, with its dot."""
    return f"{alias}{KEY} BETWEEN {owner * _KEYS_PER_OWNER} AND {owner * _KEYS_PER_OWNER + _KEYS_PER_OWNER - 1}"


def rows_matching(rows: Sequence[RowCells], condition: SqlExpression) -> list[RowCells]:
    """The rows for which the condition is true."""
    return [row for row in rows if evaluate(condition, row) is True]
