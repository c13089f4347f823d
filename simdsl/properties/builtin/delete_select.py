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

from typing import Final

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import FixtureTable, RowCells
from simdsl.generation.statements import expect_affected
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.steps import Step
from simdsl.properties.owned_rows import LabelGroup, OwnedRows, owned_by, rows_matching, where_owned
from simdsl.properties.plan_builder import PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import affected, all_of, bag, constant, equal, minus, relation_checker, rows

_MAX_ROWS: Final = 6


@register(
    "delete-select",
    specification=__doc__,
    summary="What is deleted by a condition is not found by it.",
    check=relation_checker("del", "a DELETE with a condition did not leave exactly the rows for which that is not true"),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a DELETE with a condition",
)
def delete_select(plan: PlanBuilder) -> None:
    """Tasks that delete what they inserted."""
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "del")
    for task in plan.writers():
        live: dict[str, list[RowCells]] = {}
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(owned, task, live, turn), task.release())
    plan.add_reader()


def _turn(owned: OwnedRows, task: Script, live: dict[str, list[RowCells]], turn: int) -> list[Step]:
    plan, place = owned.plan, (task.number, turn)
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    new = owned.new_rows(table, task.number, 2 + plan.choose(_MAX_ROWS - 1, "rows", *place))
    known = live.setdefault(table.name, [])
    known += new
    # True for one row at least, so that no DELETE is about nothing.
    condition = owned.true_for(known[plan.choose(len(known), "pivot", *place)], table.keyed, *place)
    one = _Deletion(task=task, table=table, condition=condition, labels=owned.new_group())
    insert = task.sql(table.insert(tuple(new)), expect_affected(len(new)))
    steps: list[Step] = [task.retry([insert], *place), *task.extras()]
    rolls_back = plan.choose(3, "end", *place) == 0
    end = task.rollback() if rolls_back else task.commit(None)
    steps.append(task.retry([task.begin(), *one.steps(), end], *place, "delete"))
    if not rolls_back:
        gone = rows_matching(known, condition)
        known[:] = [row for row in known if row not in gone]
    if plan.choose(2, "another", *place):
        steps += [task.release(), task.checkout()]
    later = one.later("before" if rolls_back else "rest")
    return [*steps, *task.extras(), task.retry(later, *place, "later")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deletion:
    """A DELETE, and the queries around it."""

    task: Script
    table: FixtureTable
    condition: SqlExpression
    labels: LabelGroup

    def steps(self) -> list[Step]:
        """Before, the DELETE and after, within the transaction."""
        before, hit, done, rest, found = map(self.labels.of, ("before", "hit", "done", "rest", "found"))
        delete = render("DELETE FROM {table} {rows}", table=self.table.name, rows=self._hit())
        relation = all_of(
            equal(rows(found), constant(0)),
            equal(affected(done), rows(hit)),
            equal(bag(rest), minus(bag(before), bag(hit))),
        )
        return [
            self._query("before"),
            self._query("hit", hit=True),
            self.task.sql(delete, label=done),
            *self.task.extras(in_transaction=True),
            self._query("found", hit=True),
            self._query("rest"),
            self.task.check(relation),
        ]

    def later(self, expected: str) -> list[Step]:
        """The same when the transaction has ended: the rows are those of the query with this role."""
        found, rest = self.labels.of("found_later"), self.labels.of("rest_later")
        unchanged = equal(bag(rest), bag(self.labels.of(expected)))
        steps: list[Step] = [self._query("rest_later"), self.task.check(unchanged)]
        if expected == "rest":
            none_found = self.task.check(equal(rows(found), constant(0)))
            steps = [self._query("found_later", hit=True), none_found, *steps]
        return steps

    def _query(self, role: str, *, hit: bool = False) -> Step:
        """All rows of the task, or those that the condition finds."""
        where = self._hit() if hit else f"WHERE {owned_by(self.task.number)}"
        names = ", ".join(self.table.names)
        text = render("SELECT {names} FROM {table} {where}", names=names, table=self.table.name, where=where)
        return self.task.sql(text, label=self.labels.of(role))

    def _hit(self) -> DialectText:
        return where_owned(self.task.number, self.condition)
