"""Making plans whose claims are checks: labelled queries by one task, while others write.

Every statement is said in SQLite's SQL, and in PostgreSQL's beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import Final

from simdsl.generation.draws import Draws
from simdsl.generation.expressions.ir import Literal
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.sources import Asking
from simdsl.generation.ground.tables import Ground, Table, draw_ground
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import (
    Action,
    AnError,
    Binary,
    Check,
    Constant,
    Dialect,
    Expectation,
    Expression,
    Isolation,
    LabelFunction,
    OfLabel,
    Ok,
    Operator,
    Options,
    Override,
    Plan,
    RandomWalk,
    Scalar,
    Sql,
    SqlKind,
    SqlStep,
    Step,
    Task,
    Transaction,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.properties.property import Size

BACKENDS: Final = ("sqlite", "libsql", "turso", "postgres")
ASKER: Final = "q"


_OK: Final[Expectation] = (Ok(),)


class Among(Enum):
    """What the other tasks do while a claim is asked."""

    NOBODY = "there is no other task"
    STRANGERS = "they write to a table of their own"
    RIVALS = "they write to the same tables, and each claim is asked within one serializable transaction"


ANYWHERE: Final = (Among.NOBODY, Among.STRANGERS, Among.RIVALS)
UNTOUCHED: Final = (Among.NOBODY, Among.STRANGERS)
"""For claims about rows that are known, and for those that change the schema."""


@dataclass(slots=True, kw_only=True, eq=False)
class Statement:
    """A plan in the making. ``place`` numbers the claims."""

    name: str
    tag: str
    doc: str
    seed: int
    size: Size
    among: Among
    ground: Ground
    place: int = 0
    steps: list[Step] = field(default_factory=list)

    def asking(self) -> Asking:
        """What is drawn for the claim at hand."""
        return Asking(self.ground, self.name, self.place)

    def query(self, role: str, text: Both, *, ordered: bool = False) -> str:
        """A labelled query, and its label."""
        label = f"{self.tag}{self.place}_{role}"
        self.steps.append(_step(ASKER, text, _kind(text), label=label, expect=self._rows, ordered=ordered))
        return label

    def write(self, text: Both, role: str = "wrote") -> str:
        """A labelled statement that changes rows, and its label."""
        label = f"{self.tag}{self.place}_{role}"
        alone = self.among is Among.NOBODY  # where one lock is for everything, strangers are in the way too
        self.steps.append(_step(ASKER, text, SqlKind.DML, label=label, expect=_OK if alone else _MAY_FAIL))
        return label

    def change(self, text: Both, *, only: tuple[str, ...] = ()) -> None:
        """A statement that changes the schema, or what the engine knows of it."""
        self.steps.append(_step(ASKER, text, _kind(text), only=only))

    def control(self, action: Action) -> None:
        """BEGIN, which is serializable, COMMIT or ROLLBACK; BEGIN and COMMIT only where that is not done for every claim."""
        self.steps.append(control(action))

    def check(self, expression: Expression, *labels: str) -> None:
        """The claim about these results. Where others contend it says nothing if one of them is an error."""
        if self.among is not Among.NOBODY:
            for label in labels:
                failed = Binary(operator=Operator.NE, left=OfLabel(function=LabelFunction.ERROR, label=label), right=_NULL)
                expression = Binary(operator=Operator.OR, left=failed, right=expression)
        self.steps.append(Check(expression=expression, task=ASKER))

    def same(self, *labels: str) -> None:
        """The bags of all these results are one."""
        first, *others = labels
        for other in others:
            self.check(equal(bag(first), bag(other)), first, other)

    @property
    def _rows(self) -> Expectation:
        return _MAY_FAIL if self.among is Among.RIVALS else _OK


def state(
    name: str,
    tag: str,
    doc: str,
    seed: int,
    size: Size,
    claim: Callable[[Statement], None],
    *,
    among: tuple[Among, ...] = ANYWHERE,
    prepare: Callable[[Statement], Iterator[Both]] = lambda statement: iter(()),
    backends: tuple[str, ...] = BACKENDS,
) -> Plan:
    """A plan of about as many steps as the profile says: one ``claim`` after the other, with other tasks around it."""
    draws = Draws(seed, name, "plan")
    chosen = draws.one_of(among) if size.writers > 1 else Among.NOBODY
    ground = draw_ground(seed, size.profile)
    made = Statement(name=name, tag=tag, doc=doc, seed=seed, size=size, among=chosen, ground=ground)
    setup = [_step("setup", text, _kind(text)) for text in (*ground.setup(), *prepare(made))]
    while len(made.steps) < size.profile.steps:
        made.place += 1
        if chosen is Among.RIVALS:
            made.control(Action.BEGIN)
        before = len(made.steps)
        claim(made)
        if chosen is Among.RIVALS:
            made.control(Action.COMMIT)
        if len(made.steps) == before:
            break
    tasks = [Task(name=ASKER, steps=tuple(made.steps))]
    if chosen is not Among.NOBODY:
        setup.append(_step("setup", say("CREATE TABLE noise (id INTEGER PRIMARY KEY, v INTEGER)"), SqlKind.DDL))
        tasks += [_noise(made, f"w{i}", i) for i in range(1, min(size.writers, _WRITERS))]
    return Plan(
        name=name,
        doc=doc,
        tags=("property",),
        dialect=Dialect.SQLITE,
        backends=backends,
        setup=tuple(setup),
        tasks=tuple(tasks),
        schedule=RandomWalk(runs=1 if chosen is Among.NOBODY else 2, seed=seed),
        properties=(name,),
        seed=seed,
    )


def equal(left: Expression, right: Expression) -> Expression:
    """``left = right``."""
    return Binary(operator=Operator.EQ, left=left, right=right)


def plus(*terms: Expression) -> Expression:
    """All of them added: numbers, or bags."""
    total, *others = terms
    for term in others:
        total = Binary(operator=Operator.ADD, left=total, right=term)
    return total


def bag(label: str) -> Expression:
    """``bag(label)``."""
    return OfLabel(function=LabelFunction.BAG, label=label)


def rows(label: str) -> Expression:
    """``rows(label)``."""
    return OfLabel(function=LabelFunction.ROWS, label=label)


def value(label: str) -> Expression:
    """``value(label)``."""
    return OfLabel(function=LabelFunction.VALUE, label=label)


def text(said: str) -> Expression:
    """A text."""
    return Constant(cell=Scalar(value=said))


def control(action: Action, task: str = ASKER) -> SqlStep:
    """Transaction control as a step."""
    if action is Action.BEGIN:
        transaction = Transaction(action=action, isolation=Isolation.SERIALIZABLE)
        return SqlStep(task=task, sql=Sql(fragments=(_BEGIN,), kind=SqlKind.TRANSACTION, transaction=transaction))
    said = Sql(fragments=(action.upper(),), kind=SqlKind.TRANSACTION, transaction=Transaction(action=action))
    return SqlStep(task=task, sql=said, expect=_ENDS if action is Action.COMMIT else None)


def _noise(made: Statement, task: str, number: int) -> Task:
    """A task that writes, a third as often as the claims have steps."""
    steps: list[Step] = []
    for i in range(len(made.steps) // 3):
        draws = Draws(made.seed, "noise", number, i)
        table = draws.one_of(made.ground.tables)
        said = _written(made, table, draws, number, i) if made.among is Among.RIVALS else _insert(number, i)
        steps.append(_step(task, said, SqlKind.DML, expect=_MAY_FAIL))
    return Task(name=task, steps=tuple(steps) or (_step(task, _insert(number, 0), SqlKind.DML, expect=_MAY_FAIL),))


def _written(made: Statement, table: Table, draws: Draws, number: int, i: int) -> Both:
    """A row of a table changes, or goes."""
    key = 1 + draws.below(len(table.rows) + 1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or draws.below(6) == 0:
        return say("DELETE FROM {table} WHERE id = {key}", table=table.name, key=key)
    column = draws.one_of(free)
    new = draw_value(seed=made.seed, place=("noise", number, i), of=column.type, rates=made.ground.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return say("UPDATE {t} SET {c} = {new} WHERE id = {key}", t=table.name, c=column.name, new=literal, key=key)


def _insert(number: int, i: int) -> Both:
    return say("INSERT INTO noise (id, v) VALUES ({id}, {v})", id=number * 100_000 + i, v=i)


def _step(
    task: str,
    said: Both,
    kind: SqlKind,
    *,
    label: str | None = None,
    expect: Expectation | None = _OK,
    ordered: bool = False,
    only: tuple[str, ...] = (),
) -> SqlStep:
    # Also where the texts are one: PostgreSQL is to get exactly this, and not what it is translated to.
    overrides = (Override(backend="postgres", sql=Sql(fragments=(said.postgres,), kind=kind, ordered=ordered)),)
    return SqlStep(
        task=task,
        sql=Sql(fragments=(said.sqlite,), kind=kind, ordered=ordered),
        expect=expect,
        options=Options(label=label, overrides=overrides, only=only),
    )


def _kind(said: Both) -> SqlKind:
    return _KINDS.get(said.sqlite.split(maxsplit=1)[0], SqlKind.OTHER)


_KINDS: Final = MappingProxyType(
    {
        "SELECT": SqlKind.QUERY,
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE"), SqlKind.DML),
        **dict.fromkeys(("CREATE", "DROP"), SqlKind.DDL),
    }
)
_BEGIN: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_NULL: Final = Constant(cell=Scalar(value=None))
_WRITERS: Final = 4
_CONFLICTS: Final = tuple(
    AnError(error_class=one)
    for one in (
        ErrorClass.BUSY,
        ErrorClass.SNAPSHOT_CONFLICT,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    )
)
_MAY_FAIL: Final[Expectation] = (Ok(), *_CONFLICTS)
_ENDS: Final[Expectation] = (Ok(), *_CONFLICTS, AnError(error_class=ErrorClass.NO_ACTIVE_TRANSACTION))
