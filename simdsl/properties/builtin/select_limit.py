"""LIMIT and OFFSET cut a slice out of a result.

Claim: a query with LIMIT n OFFSET m returns at most n rows, all of them among the rows of the same query without; exactly
min(n, rows - m) of them, or none; and with a total order exactly the rows from m to m + n.

Steps: a query with a condition of a table or a join, sorted by some columns and then by the keys or not sorted, and the same
query with LIMIT and OFFSET: 0, in the middle, or beyond the end. Nobody changes these tables; meanwhile other tasks do the
same, and write to another table. There are more tasks than connections.

Violated when: there are more rows than n, fewer than there must be, or others than those of the whole result; or, in a total
order, others than that slice.

Evidence: the whole result and the slice.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.printing import render
from simdsl.plan.steps import Step
from simdsl.properties.owned_rows import OwnedRows
from simdsl.properties.plan_builder import PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import (
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

_QUERIES_PER_ROUND: Final = 3
_OWN_ROWS: Final = 3  # beside those of the fixture, which may be none


@register(
    "select-limit",
    specification=__doc__,
    summary="LIMIT and OFFSET cut a slice out of a result.",
    check=relation_checker("cut", "a query with LIMIT does not give the slice of the same query without"),
    requires=(Requirement.POOLS,),
    unchecked="no query had a LIMIT",
)
def select_limit(plan: PlanBuilder) -> None:
    """Tasks that read slices."""
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
        columns = (*table.called("a"), *other.called("b"))
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
