"""LIMIT and OFFSET cut a slice out of a result.

Claim: a query with LIMIT n OFFSET m gives at most n rows, all of them among the rows of the same query without; exactly
min(n, rows - m) of them, or none; and with a total order exactly the rows from m to m + n.

Steps: a query with a condition of a table or a join, sorted by some columns and then by the keys or not sorted, and the same
query with LIMIT and OFFSET: 0, in the middle, or beyond the end. Nobody changes these tables; meanwhile other tasks do the
same, and write to another table. There are more tasks than connections.

Violated when: there are more rows than n, fewer than there must be, or others than those of the whole result; or, in a total
order, others than that slice.

Evidence: the whole result and the slice.
"""

from __future__ import annotations

from simdsl.generation.expressions.printing import render
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import relation_checker
from simdsl.properties.owned_rows import BACKENDS, OwnedRows, check_step, sql_step
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, Requirement

_QUERIES = 3  # of a round


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that read slices."""
    draft = PlanBuilder("select-limit", "LIMIT and OFFSET cut a slice out of a result.", seed, size)
    owned = OwnedRows(draft, "cut")
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps.append({"checkout": "from main"})
            for i in range(_QUERIES):
                steps += [*draft.extras(), draft.until_done(_cut(owned, number, turn, i), number, turn, i)]
            steps.append({"return": f"w{number}"})
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    rows = [sql_step(table.insert(tuple(owned.rows(table, 1, 3)))) for table in owned.tables]
    setup = [*KEYED_TABLES, *owned.setup(rows=True), *rows]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, dialect="sqlite", backends=BACKENDS)


def _cut(owned: OwnedRows, *place: int) -> list[StepText]:
    draft = owned.draft
    table = owned.tables[draft.pick(len(owned.tables), "table", *place)]
    columns, source, keys = table.keyed, table.name, ["id"]
    many = len(table.rows) + 3
    if draft.pick(4, "join", *place) == 0:
        other = owned.tables[draft.pick(len(owned.tables), "other", *place)]
        columns = (*table.called("a"), *other.called("b"))
        source, keys = f"{table.name} AS a CROSS JOIN {other.name} AS b", ["a.id", "b.id"]
        many *= len(other.rows) + 3
    condition = owned.condition(columns, *place)
    kept = render("WHERE {condition}", condition=condition) if draft.pick(2, "where", *place) else render("")
    total = draft.pick(3, "total", *place) != 0
    order = ""
    if total:
        first = [
            f"{columns[draft.pick(len(columns), 'by', i, *place)].name}{(' DESC', '')[draft.pick(2, 'desc', i, *place)]}"
            for i in range(draft.pick(3, "columns", *place))
        ]
        order = f" ORDER BY {', '.join([*first, *keys])}"
    names = ", ".join(column.name for column in columns)
    query = render("SELECT {names} FROM {source} {kept}{order}", names=names, source=source, kept=kept, order=order)
    n = draft.pick(many + 2, "limit", *place)
    m = draft.pick(many // 2 + 2, "offset", *place) if draft.pick(2, "has offset", *place) else 0
    offset = f" OFFSET {m}" if m or draft.pick(2, "zero", *place) else ""
    labels = owned.group()
    whole, part = labels.of("whole"), labels.of("part")
    counted = f"rows({part}) = max(0, min({n}, rows({whole}) - {m})) and bag({part}) subset of bag({whole})"
    return [
        sql_step(query, label=whole),
        sql_step(render("{query} LIMIT {n}{offset}", query=query, n=n, offset=offset), label=part),
        check_step(f"bag({part}) = slice({whole}, {m}, {n})" if total else counted),
    ]


PROPERTY = Property(
    name="select-limit",
    specification=__doc__,
    make=make,
    judge=relation_checker("cut", "a query with LIMIT does not give the slice of the same query without"),
    needs=(Requirement.POOLS,),
    never="no query had a LIMIT",
)
