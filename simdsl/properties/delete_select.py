"""What was deleted by a condition is not found by it, and nothing else is gone.

Claim: after DELETE with a condition no row is left for which it is true, within the transaction and, once that is
committed, for everybody; every other row is still there. After a ROLLBACK all rows are as they were.

Steps: INSERT of rows, a query of them, DELETE of those for which a condition is true, random steps, and the same condition
as a query, in a transaction that commits or rolls back; then again outside of it, on the same connection or on another one.
Meanwhile other tasks do the same with rows of their own in the same tables. There are more tasks than connections.

Violated when: a row is found by the condition, a row is missing for which it was not true, or the number of deleted rows is
another one; or after a ROLLBACK the rows differ from before, as a bag.

Evidence: the queries before and after.
"""

from __future__ import annotations

from simdsl.generation.expressions.ir import Expression
from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.tables import Cells, Table
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.making import SETUP, Draft, Line
from simdsl.properties.owned import BACKENDS, Labels, Owned, check, line, mine, those, where
from simdsl.properties.property import Need, Property, Size

_MOST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    owned: Owned
    table: Table
    owner: int
    condition: Expression
    labels: Labels
    place: tuple[int, ...]

    def query(self, role: str, *, hit: bool = False) -> Line:
        """The rows of the owner, or those that the condition finds."""
        rows: str | Both = where(self.table, self.owner, self.condition) if hit else f"WHERE {mine(self.owner)}"
        said = say("SELECT {names} FROM {table} {rows}", names=", ".join(self.table.names), table=self.table.name, rows=rows)
        return line(said, label=self.labels.of(role))

    def deletes(self) -> list[Line]:
        """Before, the DELETE and after."""
        before, hit, done, rest, found = map(self.labels.of, ("before", "hit", "done", "rest", "found"))
        said = say("DELETE FROM {table} {rows}", table=self.table.name, rows=where(self.table, self.owner, self.condition))
        return [
            self.query("before"),
            self.query("hit", hit=True),
            line(said, label=done),
            *self.owned.draft.extras(in_transaction=True),
            self.query("found", hit=True),
            self.query("rest"),
            check(f"rows({found}) = 0 and affected({done}) = rows({hit}) and bag({rest}) = bag({before}) - bag({hit})"),
        ]

    def later(self, expected: str) -> Line:
        """What there is when the transaction has ended."""
        draft, found, rest = self.owned.draft, self.labels.of("found_later"), self.labels.of("rest_later")
        queries: list[Line] = [self.query("rest_later"), check(f"bag({rest}) = bag({self.labels.of(expected)})")]
        if expected == "rest":
            queries = [self.query("found_later", hit=True), check(f"rows({found}) = 0"), *queries]
        return draft.until_done(queries, *self.place, "later")


def make(seed: int, size: Size) -> Plan:
    """Tasks that delete what they inserted."""
    draft = Draft("delete-select", "What is deleted by a condition is not found by it.", seed, size)
    owned = Owned(draft, "del")
    tasks: dict[str, list[Line]] = {}
    for number in range(1, size.writers + 1):
        steps: list[Line] = []
        live: dict[str, list[Cells]] = {}
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(owned, live, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    setup = [*SETUP, *owned.setup(rows=True)]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, dialect="sqlite", backends=BACKENDS)


def _turn(owned: Owned, live: dict[str, list[Cells]], number: int, turn: int) -> list[Line]:
    draft, place = owned.draft, (number, turn)
    table = owned.tables[draft.pick(len(owned.tables), "table", *place)]
    new = owned.rows(table, number, 2 + draft.pick(_MOST - 1, "rows", *place))
    rows = live.setdefault(table.name, [])
    rows += new
    condition = owned.true_for(rows[draft.pick(len(rows), "pivot", *place)], table.keyed, *place)
    one = _Round(owned=owned, table=table, owner=number, condition=condition, labels=owned.group(), place=place)
    steps: list[Line] = [draft.until_done([line(table.insert(tuple(new)), f"{len(new)} affected")], *place), *draft.extras()]
    rolls_back = draft.pick(3, "end", *place) == 0
    body = ["BEGIN", *one.deletes(), "ROLLBACK" if rolls_back else "COMMIT"]
    steps.append(draft.until_done(body, *place, "delete"))
    if not rolls_back:
        gone = those(rows, condition)
        rows[:] = [row for row in rows if row not in gone]
    if draft.pick(2, "another", *place):
        steps += [{"return": f"w{number}"}, {"checkout": "from main"}]
    return [*steps, *draft.extras(), one.later("before" if rolls_back else "rest")]


PROPERTY = Property(
    name="delete-select",
    specification=__doc__,
    make=make,
    judge=judge_checks("del", "a DELETE with a condition did not leave exactly the rows for which that is not true"),
    needs=(Need.POOLS,),
    never="no query came after a DELETE with a condition",
)
