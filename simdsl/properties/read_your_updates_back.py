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

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import render
from simdsl.generation.fixture import MARK, FixtureTable, RowCells
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import relation_checker
from simdsl.properties.owned_rows import BACKENDS, LabelGroup, OwnedRows, check_step, owned_by, sql_step, where_owned
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, Requirement

_MOST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    owned: OwnedRows
    table: FixtureTable
    owner: int
    condition: SqlExpression
    value: int
    labels: LabelGroup
    place: tuple[int, ...]

    def rows(self, role: str, further: str = "", *, marked: bool = False) -> StepText:
        """Rows of the owner, with the mark if wanted."""
        names = ", ".join((*self.table.names, *((MARK,) if marked else ())))
        text = f"SELECT {names} FROM {self.table.name} WHERE {owned_by(self.owner)}{further}"
        return sql_step(render("{text}", text=text), label=self.labels.of(role))

    def updates(self) -> list[StepText]:
        """Before, the UPDATE and after."""
        found, done, new, rest, others = map(self.labels.of, ("found", "done", "new", "rest", "others"))
        hit = where_owned(self.table, self.owner, self.condition)
        names = ", ".join(self.table.names)
        query = render("SELECT {names} FROM {table} {hit}", names=names, table=self.table.name, hit=hit)
        update = render("UPDATE {table} SET mark = {value} {hit}", table=self.table.name, value=self.value, hit=hit)
        all_of_it, is_new = self.labels.of("before"), f"bag({new}) = bag({found}) and affected({done}) = rows({found})"
        return [
            self.rows("before", marked=True),
            self.rows("others"),
            sql_step(query, label=found),
            sql_step(update, label=done),
            *self.owned.draft.extras(in_transaction=True),
            self.rows("new", f" AND {MARK} = {self.value}"),
            self.rows("rest", f" AND {MARK} <> {self.value}"),
            self.rows("after", marked=True),
            check_step(f"{is_new} and bag({rest}) = bag({others}) - bag({found})"),
            check_step(f"rows({all_of_it}) = rows({self.labels.of('after')})"),
        ]

    def later(self, expected: str) -> StepText:
        """What there is when the transaction has ended."""
        again = self.labels.of("again")
        queries: list[StepText] = [
            self.rows("again", marked=True),
            check_step(f"bag({again}) = bag({self.labels.of(expected)})"),
        ]
        return self.owned.draft.until_done(queries, *self.place, "later")


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that update what they inserted."""
    draft = PlanBuilder("read-your-updates-back", "What is updated carries the new values.", seed, size)
    owned = OwnedRows(draft, "ryu")
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        live: dict[str, list[RowCells]] = {}
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(owned, live, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    marks = [table.name for table in owned.tables if draft.pick(2, "index", table.name)]
    indexes = [f"CREATE INDEX {name}_mark ON {name} ({MARK})" for name in marks]
    setup = [*KEYED_TABLES, *owned.setup(rows=True), *indexes]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, dialect="sqlite", backends=BACKENDS)


def _turn(owned: OwnedRows, live: dict[str, list[RowCells]], number: int, turn: int) -> list[StepText]:
    draft, place = owned.draft, (number, turn)
    table = owned.tables[draft.pick(len(owned.tables), "table", *place)]
    new = owned.rows(table, number, 1 + draft.pick(_MOST, "rows", *place))
    rows = live.setdefault(table.name, [])
    rows += new
    condition = owned.true_for(rows[draft.pick(len(rows), "pivot", *place)], table.keyed, *place)
    one = _Round(
        owned=owned,
        table=table,
        owner=number,
        condition=condition,
        value=draft.value(),
        labels=owned.group(),
        place=place,
    )
    rolls_back = draft.pick(3, "end", *place) == 0
    steps: list[StepText] = [
        draft.until_done([sql_step(table.insert(tuple(new)), f"{len(new)} affected")], *place),
        *draft.extras(),
    ]
    body = ["BEGIN", *one.updates(), "ROLLBACK" if rolls_back else "COMMIT"]
    steps.append(draft.until_done(body, *place, "update"))
    if draft.pick(2, "another", *place):
        steps += [{"return": f"w{number}"}, {"checkout": "from main"}]
    return [*steps, *draft.extras(), one.later("before" if rolls_back else "after")]


PROPERTY = Property(
    name="read-your-updates-back",
    specification=__doc__,
    make=make,
    judge=relation_checker("ryu", "an UPDATE with a condition did not change exactly the rows that the condition finds"),
    needs=(Requirement.POOLS,),
    never="no query came after an UPDATE with a condition",
)
