"""The engine's own check finds nothing wrong.

Claim: whatever is written, and whatever indexes come and go, `PRAGMA integrity_check` returns `ok`.

Steps: INSERT, UPDATE and DELETE with conditions, CREATE INDEX and DROP INDEX, REINDEX, transactions that are rolled
back; the check. Other tasks write to a table of their own.
SQLite, libSQL and Turso only: PostgreSQL has no such statement without an extension.

Violated when: the engine returns anything but `ok`.

Evidence: what it returned.
"""

from __future__ import annotations

from simdsl.generation.expressions.ir import Literal
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import FixtureTable, draw_fixture_index
from simdsl.generation.query_sources import QuerySampler
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import constant, equal, relation_checker, value


@register(
    "integrity",
    specification=__doc__,
    summary="The engine's own check finds nothing wrong.",
    check=relation_checker("sound", "the engine says that its own data is damaged"),
    unchecked="the engine was never asked",
)
def integrity(plan: PlanBuilder) -> None:
    """Writes and indexes, and the check again and again."""
    backends = ("sqlite", "libsql", "turso")
    build_claims(plan, "sound", _claim, concurrency=NO_CONFLICTS, backends=backends)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    is_undone = sampler.draws.below(3) == 0
    table = sampler.table().table
    if sampler.draws.below(2):
        made.change(
            draw_fixture_index(
                made.plan.seed, made.plan.size.profile, made.fixture.rates, table, f"extra_{made.number}", (made.number,)
            )
        )
    # A rollback writes pages back as well, so what was undone is checked like what was done.
    if is_undone:
        made.begin()
    for i in range(1 + sampler.draws.below(3)):
        made.write(_write(made, sampler, table), f"wrote{i}")
    if is_undone:
        made.rollback()
    said = made.query("said", render("PRAGMA integrity_check"))
    made.check(equal(value(said), constant("ok")), said)


def _write(made: MetamorphicPlan, sampler: QuerySampler, table: FixtureTable) -> DialectText:
    condition = sampler.predicate(table.keyed, depth=1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or sampler.draws.below(3) == 0:
        # The first rows stay, or the table would soon be empty and the rest of the plan about nothing.
        keep = sampler.draws.below(20)
        return render("DELETE FROM {t} WHERE {p} AND id > {n}", t=table.name, p=condition, n=keep)
    column = sampler.draws.one_of(free)
    place = (made.plan.name, made.number, len(made.script.steps))
    new = draw_value(seed=made.plan.seed, place=place, of=column.type, rates=made.fixture.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return render("UPDATE {t} SET {c} = {new} WHERE {p}", t=table.name, c=column.name, new=literal, p=condition)
