"""Properties of statements with a condition or a LIMIT, over rows that belong to one task."""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import MARK, FixtureTable, RowCells
from simdsl.generation.statements import expect_affected
from simdsl.plan.deferred import dataclass
from simdsl.plan.steps import Step
from simdsl.properties.owned_rows import LabelGroup, OwnedRows, owned_by, rows_matching, where_owned
from simdsl.properties.plan_builder import PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import (
    affected,
    all_of,
    bag,
    constant,
    equal,
    greatest,
    least,
    minus,
    relation_checker,
    rows,
    slice_of,
    subset,
)

# read-your-updates-back


_UPDATE_MAX_ROWS: Final = 6


@register(
    "read-your-updates-back",
    summary="What is updated carries the new values.",
    check=relation_checker("ryu", "an UPDATE with a condition did not change exactly the rows that the condition finds"),
    requires=(Requirement.POOLS,),
    unchecked="no query came after an UPDATE with a condition",
)
def read_your_updates_back(plan: PlanBuilder) -> None:
    """Rows that were updated carry the new values, exactly those, and only if that was committed.

    Claim: an UPDATE with a condition changes the rows that a query with that condition finds, and no other: so the
    transaction itself sees it, and after the COMMIT everybody. After a ROLLBACK the rows are as they were, as a bag.

    Steps: INSERT of rows, BEGIN, a query of those for which a condition is true, UPDATE of them, random steps, a query of
    the new value, COMMIT or ROLLBACK, and a query of both again, also on another connection. The value that is written is
    new each time, to a column that no condition reads; now and then that column has an index. Meanwhile other tasks do the
    same with rows of their own in the same tables. There are more tasks than connections.

    Violated when: the rows with the new value are not those that the query found, another row has changed, or the number of
    updated rows is another one; or after a ROLLBACK the rows differ from before.

    Evidence: the queries before and after.
    """
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "ryu")
    for table in owned.tables:
        if plan.choose(2, "index", table.name):
            plan.setup.add(plan.setup.sql(f"CREATE INDEX {table.name}_mark ON {table.name} ({MARK})"))
    for task in plan.writers():
        live: dict[str, list[RowCells]] = {}
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_update(owned, task, live, turn), task.release())
    plan.add_reader()


def _turn_update(owned: OwnedRows, task: Script, live: dict[str, list[RowCells]], turn: int) -> list[Step]:
    plan, place = owned.plan, (task.number, turn)
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    new = owned.new_rows(table, task.number, 1 + plan.choose(_UPDATE_MAX_ROWS, "rows", *place))
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


# delete-select


_DELETE_MAX_ROWS: Final = 6


@register(
    "delete-select",
    summary="What is deleted by a condition is not found by it.",
    check=relation_checker("del", "a DELETE with a condition did not leave exactly the rows for which that is not true"),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a DELETE with a condition",
)
def delete_select(plan: PlanBuilder) -> None:
    """What was deleted by a condition is not found by it, and nothing else is gone.

    Claim: after DELETE with a condition no row is left for which it is true, within the transaction and, once that is
    committed, for everybody; every other row is still there. After a ROLLBACK all rows are as they were.

    Steps: INSERT of rows, a query of them, DELETE of those for which a condition is true, random steps, and the same
    condition as a query, in a transaction that commits or rolls back; then again outside of it, on the same connection or on
    another one. Meanwhile other tasks do the same with rows of their own in the same tables. There are more tasks than
    connections.

    Violated when: a row is found by the condition, a row is missing for which it was not true, or the number of deleted rows
    is another one; or after a ROLLBACK the rows differ from before, as a bag.

    Evidence: the queries before and after.
    """
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "del")
    for task in plan.writers():
        live: dict[str, list[RowCells]] = {}
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_delete(owned, task, live, turn), task.release())
    plan.add_reader()


def _turn_delete(owned: OwnedRows, task: Script, live: dict[str, list[RowCells]], turn: int) -> list[Step]:
    plan, place = owned.plan, (task.number, turn)
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    new = owned.new_rows(table, task.number, 2 + plan.choose(_DELETE_MAX_ROWS - 1, "rows", *place))
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


# select-limit


_QUERIES_PER_ROUND: Final = 3
_OWN_ROWS: Final = 3  # beside those of the fixture, which may be none


@register(
    "select-limit",
    summary="LIMIT and OFFSET cut a slice out of a result.",
    check=relation_checker("cut", "a query with LIMIT does not give the slice of the same query without"),
    requires=(Requirement.POOLS,),
    unchecked="no query had a LIMIT",
)
def select_limit(plan: PlanBuilder) -> None:
    """LIMIT and OFFSET cut a slice out of a result.

    Claim: a query with LIMIT n OFFSET m returns at most n rows, all of them among the rows of the same query without;
    exactly min(n, rows - m) of them, or none; and with a total order exactly the rows from m to m + n.

    Steps: a query with a condition of a table or a join, sorted by some columns and then by the keys or not sorted, and the
    same query with LIMIT and OFFSET: 0, in the middle, or beyond the end. Nobody changes these tables; meanwhile other tasks
    do the same, and write to another table. There are more tasks than connections.

    Violated when: there are more rows than n, fewer than there must be, or others than those of the whole result; or, in a
    total order, others than that slice.

    Evidence: the whole result and the slice.
    """
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "cut")
    for table in owned.tables:
        plan.setup.add(plan.setup.sql(table.insert(tuple(owned.new_rows(table, 1, _OWN_ROWS)))))
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout())
            for i in range(_QUERIES_PER_ROUND):
                place = (task.number, turn, i)
                task.add(*task.extras(), task.retry(_slice(owned, task, *place), *place))
            task.add(task.release())
    plan.add_reader()


def _slice(owned: OwnedRows, task: Script, *place: int) -> list[Step]:
    """A query, the same query with LIMIT, and their relation."""
    plan = owned.plan
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    columns, source, keys = table.keyed, table.name, ["id"]
    count = len(table.rows) + _OWN_ROWS
    if plan.choose(4, "join", *place) == 0:
        other = owned.tables[plan.choose(len(owned.tables), "other", *place)]
        columns = (*table.aliased("a"), *other.aliased("b"))
        source, keys = f"{table.name} AS a CROSS JOIN {other.name} AS b", ["a.id", "b.id"]
        count *= len(other.rows) + _OWN_ROWS
    condition = owned.condition(columns, *place)
    where = render("WHERE {condition}", condition=condition) if plan.choose(2, "where", *place) else render("")
    is_total = plan.choose(3, "total", *place) != 0
    order = ""
    if is_total:
        # The keys come last: they make the order total, and the columns before them make it one that needs sorting.
        first = [
            f"{columns[plan.choose(len(columns), 'by', i, *place)].name}{(' DESC', '')[plan.choose(2, 'desc', i, *place)]}"
            for i in range(plan.choose(3, "columns", *place))
        ]
        order = f" ORDER BY {', '.join([*first, *keys])}"
    names = ", ".join(column.name for column in columns)
    query = render("SELECT {names} FROM {source} {where}{order}", names=names, source=source, where=where, order=order)
    n = plan.choose(count + 2, "limit", *place)
    m = plan.choose(count // 2 + 2, "offset", *place) if plan.choose(2, "has offset", *place) else 0
    offset = f" OFFSET {m}" if m or plan.choose(2, "zero", *place) else ""
    labels = owned.new_group()
    whole, part = labels.of("whole"), labels.of("part")
    if is_total:
        relation = equal(bag(part), slice_of(whole, m, n))
    else:
        remaining = least(constant(n), minus(rows(whole), constant(m)))
        as_many = equal(rows(part), greatest(constant(0), remaining))
        relation = all_of(as_many, subset(bag(part), bag(whole)))
    limited = render("{query} LIMIT {n}{offset}", query=query, n=n, offset=offset)
    return [
        task.sql(query, label=whole, ordered=is_total),
        task.sql(limited, label=part, ordered=is_total),
        task.check(relation),
    ]
