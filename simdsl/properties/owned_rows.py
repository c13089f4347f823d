"""Tables of the ground whose rows belong to tasks: everybody reads all of them, nobody changes the rows of another one."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.generation.expressions.drawing import draw_expression, draw_predicate_true_for
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import KEY, FixtureTable, RowCells, SchemaFixture, draw_fixture
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.values import Value
from simdsl.properties.plan_builder import PlanBuilder, StepText

BACKENDS = ["sqlite", "libsql", "turso", "postgres"]
"""What the printers of expressions write for."""


_SHARE = 1000  # a task's keys begin at its number times this


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelGroup:
    """The names of the results of one group of queries."""

    tag: str
    number: int

    def of(self, role: str) -> str:
        """The label of a role."""
        return f"{self.tag}{self.number}_{role}"


class OwnedRows:
    """The ground of a plan in the making."""

    def __init__(self, draft: PlanBuilder, tag: str) -> None:
        self.draft = draft
        self.ground: SchemaFixture = draw_fixture(draft.seed, draft.size.profile)
        self._tag = tag
        self._groups = 0
        self._predicates = 0
        self._given: dict[tuple[str, int], int] = {}

    @property
    def tables(self) -> tuple[FixtureTable, ...]:
        """All tables."""
        return self.ground.tables

    def group(self) -> LabelGroup:
        """Labels that no other group has."""
        self._groups += 1
        return LabelGroup(tag=self._tag, number=self._groups)

    def setup(self, *, rows: bool) -> list[StepText]:
        """CREATE TABLE and CREATE INDEX; the rows of the ground, which are nobody's, only if wanted."""
        lines: list[StepText] = []
        for table in self.tables:
            lines.append(sql_step(table.create()))
            if rows and table.rows:
                lines.append(sql_step(table.insert(table.rows)))
        return [*lines, *map(sql_step, self.ground.indexes)]

    def rows(self, table: FixtureTable, owner: int, count: int) -> list[RowCells]:
        """New rows for an owner, numbered from 1; no value twice where the table wants that."""
        made: list[RowCells] = []
        for _ in range(count):
            number = self._given[table.name, owner] = self._given.get((table.name, owner), 0) + 1
            key = owner * _SHARE + number
            made.append({KEY: key, **{column.name: self._value(table, key, column) for column in table.columns}})
        return made

    def _value(self, table: FixtureTable, key: int, column: ColumnRef) -> Value:
        seed, place = self.draft.seed, ("owned", table.name, key, column.name)
        value = draw_value(
            seed=seed, place=place, of=column.type, rates=self.ground.rates, nullable=column.nullable, narrow=True
        )
        if value is not None and "UNIQUE" in table.constraints.get(column.name, ""):
            return f"{value}#{key}" if isinstance(value, str) else 60_000_000 + key
        return value

    def true_for(self, row: RowCells, columns: Sequence[ColumnRef], *place: int | str) -> SqlExpression:
        """A condition that is true for the row."""
        return draw_predicate_true_for(
            row,
            seed=self.draft.seed,
            place=(self._tag, *place),
            columns=columns,
            depth=self._depth(*place),
            rates=self.ground.rates,
        )

    def condition(self, columns: Sequence[ColumnRef], *place: int | str) -> SqlExpression:
        """Any condition."""
        return draw_expression(
            seed=self.draft.seed,
            place=(self._tag, *place),
            wanted=SqlType.BOOLEAN,
            columns=columns,
            depth=self._depth(*place),
            rates=self.ground.rates,
        )

    def _depth(self, *place: int | str) -> int:
        return 1 + self.draft.pick(max(self.draft.size.profile.expression_depth, 1), "depth", *place)


def where_owned(table: FixtureTable, owner: int, condition: SqlExpression) -> DialectText:
    """The rows of an owner for which the condition is true."""
    return render("WHERE {condition} AND {mine}", condition=condition, mine=owned_by(owner))


def owned_by(owner: int, alias: str = "") -> str:
    """The rows of an owner, of the table with this alias (``a.``)."""
    return f"{alias}{KEY} BETWEEN {owner * _SHARE} AND {owner * _SHARE + _SHARE - 1}"


def rows_matching(rows: Sequence[RowCells], condition: SqlExpression) -> list[RowCells]:
    """The rows for which the condition is true."""
    return [row for row in rows if evaluate(condition, row) is True]


def sql_step(said: DialectText, expect: str = "", *, label: str | None = None) -> StepText:
    """A step in both dialects, also where they are one text: a translation would take SQLite's TRUE for an integer."""
    made: dict[str, str] = {"sql": f"{said.sqlite}{f' => {expect}' if expect else ''}"}
    if label is not None:
        made["label"] = label
    made["postgres"] = said.postgres
    return made


def check_step(text: str) -> StepText:
    """A check."""
    return {"check": text}
