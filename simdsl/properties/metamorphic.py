"""Plans of metamorphic properties: one task asks labelled queries whose results must be related, other tasks write.

A metamorphic relation holds between the results of several queries, whatever the right result is, so it needs no model of
the database. That is also why it can be checked beside other writers: if they write to the same tables, the queries of
one claim are one serializable transaction and still see one state.

Every statement is printed in SQLite's SQL, and in PostgreSQL's beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from simdsl.core.choices import Sampler
from simdsl.generation.expressions.ir import Literal
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import FixtureTable, QuerySampler, SchemaFixture, draw_fixture
from simdsl.generation.statements import BEGIN_SERIALIZABLE, COMMIT, ROLLBACK, expect_error
from simdsl.plan.expectations import Expectation
from simdsl.plan.expressions import Expression
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Dialect, Sql
from simdsl.plan.steps import SqlStep
from simdsl.properties.owned_rows import EXPRESSION_BACKENDS
from simdsl.properties.plan_builder import KEYED_COLUMNS, OK, PlanBuilder, Script
from simdsl.properties.relations import bag, equal, unless_failed

QUERY_TASK: Final = "q"


class Concurrency(Enum):
    """What other tasks do while a claim is evaluated."""

    NONE = "there is no other task"
    DISJOINT = "they write to a table of their own"
    CONFLICTING = "they write to the same tables, and the queries of each claim are one serializable transaction"


ANY_CONCURRENCY: Final = (Concurrency.NONE, Concurrency.DISJOINT, Concurrency.CONFLICTING)
NO_CONFLICTS: Final = (Concurrency.NONE, Concurrency.DISJOINT)
"""For claims about rows that are known, and for those that change the schema."""


class MetamorphicPlan:
    """The claims of one plan. ``number`` counts them, from 1; ``fixture`` holds the tables that they are about."""

    def __init__(self, plan: PlanBuilder, tag: str, concurrency: Concurrency) -> None:
        self.plan = plan
        self.concurrency = concurrency
        self.fixture: SchemaFixture = draw_fixture(plan.seed, plan.size.profile)
        self.script = plan.task(QUERY_TASK)
        self.number = 0
        self._tag = tag

    def sampler(self) -> QuerySampler:
        """The random choices of the claim at hand."""
        return QuerySampler(self.fixture, self.plan.name, self.number)

    def query(self, role: str, text: DialectText, *, ordered: bool = False) -> str:
        """Add a labelled query. Returns its label."""
        label = self._label(role)
        expect = _MAY_CONFLICT if self.concurrency is Concurrency.CONFLICTING else OK
        self.script.add(self.script.sql(text, expect, label=label, ordered=ordered))
        return label

    def write(self, text: DialectText, role: str = "wrote") -> str:
        """Add a labelled statement that changes rows. Returns its label."""
        label = self._label(role)
        # Even writers of another table are in the way where one lock is for the whole database.
        expect = OK if self.concurrency is Concurrency.NONE else _MAY_CONFLICT
        self.script.add(self.script.sql(text, expect, label=label))
        return label

    def change(self, text: DialectText) -> None:
        """Add a statement that changes the schema, or what the engine knows of it (ANALYZE, REINDEX)."""
        self.script.add(self.script.sql(text, OK))

    def begin(self) -> None:
        """Begin a serializable transaction. With conflicting writers each claim is in one already."""
        self._control(BEGIN_SERIALIZABLE)

    def commit(self) -> None:
        """Commit, which may fail because of other writers."""
        self._control(COMMIT, _MAY_FAIL_TO_COMMIT)

    def rollback(self) -> None:
        """Roll back."""
        self._control(ROLLBACK)

    def check(self, expression: Expression, *labels: str) -> None:
        """State a relation between these results. Beside other writers it holds if one of them failed."""
        if self.concurrency is not Concurrency.NONE:
            expression = unless_failed(expression, *labels)
        self.script.add(self.script.check(expression))

    def same(self, *labels: str) -> None:
        """State that all these results are the same bag of rows."""
        first, *others = labels
        for other in others:
            self.check(equal(bag(first), bag(other)), first, other)

    def _label(self, role: str) -> str:
        return f"{self._tag}{self.number}_{role}"

    def _control(self, sql: Sql, expect: Expectation | None = None) -> None:
        self.script.add(SqlStep(task=QUERY_TASK, sql=sql, expect=expect))


def build_claims(
    plan: PlanBuilder,
    tag: str,
    claim: Callable[[MetamorphicPlan], None],
    *,
    concurrency: tuple[Concurrency, ...] = ANY_CONCURRENCY,
    prepare: Callable[[MetamorphicPlan], Iterator[DialectText]] = lambda made: iter(()),
    backends: tuple[str, ...] = EXPRESSION_BACKENDS,
) -> None:
    """Fill the plan: ``claim`` adds one claim after the other until there are about as many steps as the profile says.

    ``concurrency`` is what other tasks may do, of which one is chosen for the plan; ``prepare`` are further statements
    of the setup; ``tag`` begins every label (see `relations`).
    """
    sampler = Sampler(plan.seed, plan.name, "plan")
    chosen = sampler.one_of(concurrency) if plan.size.writers > 1 else Concurrency.NONE
    made = MetamorphicPlan(plan, tag, chosen)
    plan.setup.add(*(plan.setup.sql(text, OK) for text in (*made.fixture.setup(), *prepare(made))))
    while len(made.script.steps) < plan.size.profile.steps:
        made.number += 1
        before = len(made.script.steps)
        if chosen is Concurrency.CONFLICTING:
            made.begin()
        claim(made)
        if chosen is Concurrency.CONFLICTING:
            made.commit()
        if len(made.script.steps) == before:
            break  # a claim that found nothing to state would be asked for ever
    if chosen is not Concurrency.NONE:
        plan.setup.add(plan.setup.sql(render(f"CREATE TABLE noise {KEYED_COLUMNS}"), OK))
        for number in range(1, min(plan.size.writers, _MAX_WRITERS)):
            _add_writer(made, plan.task(f"w{number}", number))
    plan.pool_size = None
    plan.dialect = Dialect.SQLITE
    plan.backends = backends
    # Without other tasks there is one interleaving only, and a second run would repeat the first.
    plan.runs = 1 if chosen is Concurrency.NONE else 2


def _add_writer(made: MetamorphicPlan, script: Script) -> None:
    """A task that writes a third as often as the claims have steps: enough to meet them, and not most of the plan."""
    for i in range(max(len(made.script.steps) // 3, 1)):
        sampler = Sampler(made.plan.seed, "noise", script.number, i)
        table = sampler.one_of(made.fixture.tables)
        if made.concurrency is Concurrency.CONFLICTING:
            text = _conflicting_write(made, table, sampler, script.number, i)
        else:
            values = {"id": script.number * 100_000 + i, "v": i}
            text = render("INSERT INTO noise (id, v) VALUES ({id}, {v})", **values)
        script.add(script.sql(text, _MAY_CONFLICT))


def _conflicting_write(made: MetamorphicPlan, table: FixtureTable, sampler: Sampler, writer: int, i: int) -> DialectText:
    """An UPDATE or a DELETE of one row. It breaks no constraint, for it must only fail because of other tasks."""
    key = 1 + sampler.below(len(table.rows) + 1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or sampler.below(6) == 0:
        return render("DELETE FROM {table} WHERE id = {key}", table=table.name, key=key)
    column = sampler.one_of(free)
    value = draw_value(
        seed=made.plan.seed, place=("noise", writer, i), of=column.type, rates=made.fixture.rates, narrow=True
    )
    literal = Literal(type=column.type, value=value)
    return render("UPDATE {t} SET {c} = {value} WHERE id = {key}", t=table.name, c=column.name, value=literal, key=key)


_MAX_WRITERS: Final = 4
_CONFLICTS: Final = expect_error(
    ErrorClass.BUSY,
    ErrorClass.SNAPSHOT_CONFLICT,
    ErrorClass.SERIALIZATION_FAILURE,
    ErrorClass.DEADLOCK_DETECTED,
    ErrorClass.IN_FAILED_SQL_TRANSACTION,
)
_MAY_CONFLICT: Final[Expectation] = (*OK, *_CONFLICTS)
_MAY_FAIL_TO_COMMIT: Final[Expectation] = (*_MAY_CONFLICT, *expect_error(ErrorClass.NO_ACTIVE_TRANSACTION))
