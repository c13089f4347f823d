"""The engine's own check finds nothing wrong.

Claim: whatever is written, and whatever indexes come and go, `PRAGMA integrity_check` says `ok`.

Steps: INSERT, UPDATE and DELETE with conditions, CREATE INDEX and DROP INDEX, REINDEX, transactions that are rolled
back; the check. Other tasks write to a table of their own.
SQLite, libSQL and Turso only: PostgreSQL has no such statement without an extension.

Violated when: the engine says anything but `ok`.

Evidence: what it said.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import Literal
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import FixtureTable, draw_fixture_index
from simdsl.generation.query_sources import QuerySampler
from simdsl.plan.plan import Plan
from simdsl.plan.sql import TransactionAction
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicBuilder, build_plan, equal, relation_checker, text, value
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "integrity"


def make(seed: int, size: PlanSize) -> Plan:
    """Writes and indexes, and the check again and again."""
    doc = "The engine's own check finds nothing wrong."
    backends = ("sqlite", "libsql", "turso")
    return build_plan(_NAME, "sound", doc, seed, size, _claim, among=NO_CONFLICTS, backends=backends)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    is_undone = asking.draws.below(3) == 0
    table = asking.table().table
    if asking.draws.below(2):
        made.change(
            draw_fixture_index(made.seed, made.size.profile, made.ground.rates, table, f"extra_{made.place}", (made.place,))
        )
    if is_undone:
        made.control(TransactionAction.BEGIN)
    for i in range(1 + asking.draws.below(3)):
        made.write(_write(made, asking, table), f"wrote{i}")
    if is_undone:
        made.control(TransactionAction.ROLLBACK)
    said = made.query("said", render("PRAGMA integrity_check"))
    made.check(equal(value(said), text("ok")), said)


def _write(made: MetamorphicBuilder, asking: QuerySampler, table: FixtureTable) -> DialectText:
    test = asking.predicate(table.keyed, depth=1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or asking.draws.below(3) == 0:
        return render("DELETE FROM {t} WHERE {p} AND id > {n}", t=table.name, p=test, n=asking.draws.below(20))
    column = asking.draws.one_of(free)
    place = (_NAME, made.place, len(made.steps))
    new = draw_value(seed=made.seed, place=place, of=column.type, rates=made.ground.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return render("UPDATE {t} SET {c} = {new} WHERE {p}", t=table.name, c=column.name, new=literal, p=test)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("sound", "the engine says that its own data is damaged"),
    never="the engine was never asked",
)
