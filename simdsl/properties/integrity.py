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
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.sources import Asking
from simdsl.generation.ground.tables import Table, draw_index
from simdsl.plan.ir import Action, Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.property import Property, Size
from simdsl.properties.stating import UNTOUCHED, Statement, equal, state, text, value

_NAME: Final = "integrity"


def make(seed: int, size: Size) -> Plan:
    """Writes and indexes, and the check again and again."""
    doc = "The engine's own check finds nothing wrong."
    backends = ("sqlite", "libsql", "turso")
    return state(_NAME, "sound", doc, seed, size, _claim, among=UNTOUCHED, backends=backends)


def _claim(made: Statement) -> None:
    asking = made.asking()
    is_undone = asking.draws.below(3) == 0
    table = asking.table().table
    if asking.draws.below(2):
        made.change(draw_index(made.seed, made.size.profile, made.ground.rates, table, f"extra_{made.place}", (made.place,)))
    if is_undone:
        made.control(Action.BEGIN)
    for i in range(1 + asking.draws.below(3)):
        made.write(_write(made, asking, table), f"wrote{i}")
    if is_undone:
        made.control(Action.ROLLBACK)
    said = made.query("said", say("PRAGMA integrity_check"))
    made.check(equal(value(said), text("ok")), said)


def _write(made: Statement, asking: Asking, table: Table) -> Both:
    test = asking.predicate(table.keyed, depth=1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or asking.draws.below(3) == 0:
        return say("DELETE FROM {t} WHERE {p} AND id > {n}", t=table.name, p=test, n=asking.draws.below(20))
    column = asking.draws.one_of(free)
    place = (_NAME, made.place, len(made.steps))
    new = draw_value(seed=made.seed, place=place, of=column.type, rates=made.ground.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return say("UPDATE {t} SET {c} = {new} WHERE {p}", t=table.name, c=column.name, new=literal, p=test)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=judge_checks("sound", "the engine says that its own data is damaged"),
    never="the engine was never asked",
)
