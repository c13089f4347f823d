"""Rows that were updated carry the new values, exactly those, and only if that was committed.

Claim: an UPDATE with a condition changes the rows that a query with that condition finds, and no other: so the transaction
itself sees it, and after the COMMIT everybody. After a ROLLBACK the rows are as they were, as a bag.

Steps: INSERT of rows, BEGIN, a query of those for which a condition is true, UPDATE of them, random steps, a query of the
new value, COMMIT or ROLLBACK, and a query of both again, also on another connection. The value that is written is new each
time, to a column that no condition reads; now and then that column has an index. Meanwhile other tasks do the same with
rows of their own in the same tables. There are more tasks than connections.

Violated when: the rows with the new value are not those that the query found, another row has changed, or the number of
updated rows is another one; or after a ROLLBACK the rows differ from before.

Evidence: the queries before and after.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import render
from simdsl.generation.fixture import MARK, FixtureTable, RowCells
from simdsl.generation.statements import expect_affected
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.steps import Step
from simdsl.properties.owned_rows import LabelGroup, OwnedRows, owned_by, where_owned
from simdsl.properties.plan_builder import PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import affected, all_of, bag, equal, minus, relation_checker, rows

_MAX_ROWS: Final = 6


@register(
    "read-your-updates-back",
    specification=__doc__,
    summary="What is updated carries the new values.",
    check=relation_checker("ryu", "an UPDATE with a condition did not change exactly the rows that the condition finds"),
    requires=(Requirement.POOLS,),
    unchecked="no query came after an UPDATE with a condition",
)
def read_your_updates_back(plan: PlanBuilder) -> None:
    """Tasks that update what they inserted."""
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "ryu")
    for table in owned.tables:
        if plan.choose(2, "index", table.name):
            plan.setup.add(plan.setup.sql(f"CREATE INDEX {table.name}_mark ON {table.name} ({MARK})"))
    for task in plan.writers():
        live: dict[str, list[RowCells]] = {}
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(owned, task, live, turn), task.release())
    plan.add_reader()


def _turn(owned: OwnedRows, task: Script, live: dict[str, list[RowCells]], turn: int) -> list[Step]:
    plan, place = owned.plan, (task.number, turn)
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    new = owned.new_rows(table, task.number, 1 + plan.choose(_MAX_ROWS, "rows", *place))
    known = live.setdefault(table.name, [])
    known += new
    # True for one row at least, so that no UPDATE is about nothing.
    condition = owned.true_for(known[plan.choose(len(known), "pivot", *place)], table.keyed, *place)
    one = _Modification(task=task, table=table, condition=condition, value=plan.new_value(), labels=owned.new_group())
    rolls_back = plan.choose(3, "end", *place) == 0
    insert = task.sql(table.insert(tuple(new)), expect_affected(len(new)))
    steps: list[Step] = [task.retry([insert], *place), *task.extras()]
    end = task.rollback() if rolls_back else task.commit(None)
    steps.append(task.retry([task.begin(), *one.steps(), end], *place, "update"))
    if plan.choose(2, "another", *place):
        steps += [task.release(), task.checkout()]
    later = one.later("before" if rolls_back else "after")
    return [*steps, *task.extras(), task.retry(later, *place, "later")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Modification:
    """An UPDATE, and the queries around it."""

    task: Script
    table: FixtureTable
    condition: SqlExpression
    value: int
    labels: LabelGroup

    def steps(self) -> list[Step]:
        """Before, the UPDATE and after, within the transaction."""
        found, done, new, rest, others = map(self.labels.of, ("found", "done", "new", "rest", "others"))
        hit = where_owned(self.task.number, self.condition)
        name, names = self.table.name, ", ".join(self.table.names)
        query = render("SELECT {names} FROM {table} {hit}", names=names, table=name, hit=hit)
        update = render("UPDATE {table} SET mark = {value} {hit}", table=name, value=self.value, hit=hit)
        relation = all_of(
            equal(bag(new), bag(found)),
            equal(affected(done), rows(found)),
            equal(bag(rest), minus(bag(others), bag(found))),
        )
        as_many = equal(rows(self.labels.of("before")), rows(self.labels.of("after")))
        return [
            self._rows("before", marked=True),
            self._rows("others"),
            self.task.sql(query, label=found),
            self.task.sql(update, label=done),
            *self.task.extras(in_transaction=True),
            self._rows("new", f" AND {MARK} = {self.value}"),
            self._rows("rest", f" AND {MARK} <> {self.value}"),
            self._rows("after", marked=True),
            self.task.check(relation),
            self.task.check(as_many),
        ]

    def later(self, expected: str) -> list[Step]:
        """The same when the transaction has ended: the rows are those of the query with this role."""
        unchanged = equal(bag(self.labels.of("again")), bag(self.labels.of(expected)))
        return [self._rows("again", marked=True), self.task.check(unchanged)]

    def _rows(self, role: str, further: str = "", *, marked: bool = False) -> Step:
        """Rows of the task, with their mark if wanted."""
        names = ", ".join((*self.table.names, *((MARK,) if marked else ())))
        text = f"SELECT {names} FROM {self.table.name} WHERE {owned_by(self.task.number)}{further}"
        return self.task.sql(render("{text}", text=text), label=self.labels.of(role))
