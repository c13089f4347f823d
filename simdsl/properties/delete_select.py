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

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import FixtureTable, RowCells
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import relation_checker
from simdsl.properties.owned_rows import (
    BACKENDS,
    LabelGroup,
    OwnedRows,
    check_step,
    owned_by,
    rows_matching,
    sql_step,
    where_owned,
)
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, Requirement

_MOST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    owned: OwnedRows
    table: FixtureTable
    owner: int
    condition: SqlExpression
    labels: LabelGroup
    place: tuple[int, ...]

    def query(self, role: str, *, hit: bool = False) -> StepText:
        """The rows of the owner, or those that the condition finds."""
        rows: str | DialectText = (
            where_owned(self.table, self.owner, self.condition) if hit else f"WHERE {owned_by(self.owner)}"
        )
        said = render(
            "SELECT {names} FROM {table} {rows}", names=", ".join(self.table.names), table=self.table.name, rows=rows
        )
        return sql_step(said, label=self.labels.of(role))

    def deletes(self) -> list[StepText]:
        """Before, the DELETE and after."""
        before, hit, done, rest, found = map(self.labels.of, ("before", "hit", "done", "rest", "found"))
        said = render(
            "DELETE FROM {table} {rows}", table=self.table.name, rows=where_owned(self.table, self.owner, self.condition)
        )
        return [
            self.query("before"),
            self.query("hit", hit=True),
            sql_step(said, label=done),
            *self.owned.draft.extras(in_transaction=True),
            self.query("found", hit=True),
            self.query("rest"),
            check_step(f"rows({found}) = 0 and affected({done}) = rows({hit}) and bag({rest}) = bag({before}) - bag({hit})"),
        ]

    def later(self, expected: str) -> StepText:
        """What there is when the transaction has ended."""
        draft, found, rest = self.owned.draft, self.labels.of("found_later"), self.labels.of("rest_later")
        queries: list[StepText] = [self.query("rest_later"), check_step(f"bag({rest}) = bag({self.labels.of(expected)})")]
        if expected == "rest":
            queries = [self.query("found_later", hit=True), check_step(f"rows({found}) = 0"), *queries]
        return draft.until_done(queries, *self.place, "later")


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that delete what they inserted."""
    draft = PlanBuilder("delete-select", "What is deleted by a condition is not found by it.", seed, size)
    owned = OwnedRows(draft, "del")
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        live: dict[str, list[RowCells]] = {}
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(owned, live, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    setup = [*KEYED_TABLES, *owned.setup(rows=True)]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, dialect="sqlite", backends=BACKENDS)


def _turn(owned: OwnedRows, live: dict[str, list[RowCells]], number: int, turn: int) -> list[StepText]:
    draft, place = owned.draft, (number, turn)
    table = owned.tables[draft.pick(len(owned.tables), "table", *place)]
    new = owned.rows(table, number, 2 + draft.pick(_MOST - 1, "rows", *place))
    rows = live.setdefault(table.name, [])
    rows += new
    condition = owned.true_for(rows[draft.pick(len(rows), "pivot", *place)], table.keyed, *place)
    one = _Round(owned=owned, table=table, owner=number, condition=condition, labels=owned.group(), place=place)
    steps: list[StepText] = [
        draft.until_done([sql_step(table.insert(tuple(new)), f"{len(new)} affected")], *place),
        *draft.extras(),
    ]
    rolls_back = draft.pick(3, "end", *place) == 0
    body = ["BEGIN", *one.deletes(), "ROLLBACK" if rolls_back else "COMMIT"]
    steps.append(draft.until_done(body, *place, "delete"))
    if not rolls_back:
        gone = rows_matching(rows, condition)
        rows[:] = [row for row in rows if row not in gone]
    if draft.pick(2, "another", *place):
        steps += [{"return": f"w{number}"}, {"checkout": "from main"}]
    return [*steps, *draft.extras(), one.later("before" if rolls_back else "rest")]


PROPERTY = Property(
    name="delete-select",
    specification=__doc__,
    make=make,
    judge=relation_checker("del", "a DELETE with a condition did not leave exactly the rows for which that is not true"),
    needs=(Requirement.POOLS,),
    never="no query came after a DELETE with a condition",
)
