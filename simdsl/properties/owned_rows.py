"""Random tables whose rows belong to tasks: every task reads all rows, and none changes the rows of another one.

So a task knows what its own rows must be, whatever the schedule, while the engine still sees concurrent writers in one
table and one index.

Checks of what queries see stand here too, since several properties share them: rows that must be invisible, and whole
tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.expressions.drawing import draw_expression, draw_predicate_true_for
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import KEY, FixtureTable, RowCells, SchemaFixture, draw_fixture
from simdsl.plan.backend_facts import generated_plan_backends
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import Plan
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Value
from simdsl.properties.keyed_tables import ReadRows, parse_keyed_statement
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, TraceCheck
from simdsl.properties.row_history import Observation, VersionHistory, WriteOutcome

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


def invisible_rows_checker(outcome: WriteOutcome) -> TraceCheck:
    """A checker that no query shows a write which ended in this way."""

    def check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
        return check_invisible_rows(events, outcome)

    return check


def check_invisible_rows(events: Iterable[TraceEvent], outcome: WriteOutcome) -> Iterator[PropertyFinding]:
    """Check every query of a row to which some write ended in this way."""
    for seen in VersionHistory().read(events):
        culprit = None if seen.holds else seen.culprit
        if culprit is not None and culprit.outcome is outcome:
            message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table}, which was {outcome}"
            evidence = seen.evidence(culprit)
            yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)
        elif seen.holds and seen.could_show(outcome):
            yield PropertyHeld(path=seen.read.path)


def check_table_content(
    history: VersionHistory, event: TraceEvent
) -> Iterator[tuple[str, PropertyHeld | PropertyViolation]]:
    """Feed the event to the history; if it is a query of a whole known table, yield the table's name and the finding."""
    by_table = groupby(history.read([event]), key=lambda seen: seen.table)
    for table, group in by_table:
        rows = list(group)
        read = rows[0].read
        if _reads_whole_table(read):
            yield table, _compare_rows(table, read, rows)


def _reads_whole_table(step: StepCompleted) -> bool:
    statement = parse_keyed_statement(step.what, dict(zip(step.names, step.arguments, strict=False)))
    return isinstance(statement, ReadRows) and statement.key is None


def _compare_rows(table: str, read: StepCompleted, rows: list[Observation]) -> PropertyHeld | PropertyViolation:
    wrong = next((seen for seen in rows if not seen.holds), None)
    got = read.outcome.rows if isinstance(read.outcome, Rows) else []
    # Every row may be right and the table still wrong: a row whose key is no integer is a row of no version.
    if wrong is None and sum(len(seen.got) for seen in rows) == len(got):
        return PropertyHeld(path=read.path)
    if wrong is None:
        message, evidence = f"{read.task} sees rows of table {table} whose key is no integer", rows[0].evidence()
    else:
        last = wrong.allowed[-1]
        message = f"{read.task} sees {wrong.shown(wrong.got)} of table {table}, where {wrong.shown(last.values)} is expected"
        evidence = wrong.evidence(last if last.by is not read else None, wrong.culprit)
    return PropertyViolation(message=message, evidence=evidence, path=read.path, task=read.task)
