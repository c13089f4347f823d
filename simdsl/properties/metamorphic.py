"""Plans whose claims are checks over labelled queries, and the checker that evaluates those checks on a trace.

One task asks the queries, others write meanwhile. Every statement is printed in SQLite's SQL, and in PostgreSQL's beside it.
A label is the property's tag, a number, and the role of the result in the claim: `tlp3_kept`. The check of claim 3 names
only labels that begin with `tlp3_`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from simdsl.core.evaluation import CheckError, Evaluation
from simdsl.core.matcher import describe
from simdsl.core.trace import CheckEvaluated, StepCompleted, TraceEvent
from simdsl.generation.expressions.ir import Literal
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import FixtureTable, SchemaFixture, draw_fixture
from simdsl.generation.query_sources import QuerySampler
from simdsl.generation.sampler import Sampler
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Expectation, ExpectedError, Ok, Scalar
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    Expression,
    PoolCounter,
    ResultFunction,
    ResultReference,
    ResultSlice,
)
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.plan import Plan, Task
from simdsl.plan.schedules import RandomSchedule
from simdsl.plan.source import Path
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl
from simdsl.plan.steps import Check, For, Override, Retry, SqlStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.properties.property import PlanSize, PropertyFinding, PropertyHeld, PropertyViolation, TraceCheck

BACKENDS: Final = ("sqlite", "libsql", "turso", "postgres")


QUERY_TASK: Final = "q"


_OK: Final[Expectation] = (Ok(),)


class Concurrency(Enum):
    """What the other tasks do while a claim is asked."""

    NOBODY = "there is no other task"
    STRANGERS = "they write to a table of their own"
    RIVALS = "they write to the same tables, and each claim is asked within one serializable transaction"


ANY_CONCURRENCY: Final = (Concurrency.NOBODY, Concurrency.STRANGERS, Concurrency.RIVALS)


NO_CONFLICTS: Final = (Concurrency.NOBODY, Concurrency.STRANGERS)
"""For claims about rows that are known, and for those that change the schema."""


@dataclass(slots=True, kw_only=True, eq=False)
class MetamorphicBuilder:
    """A plan in the making. ``place`` numbers the claims."""

    name: str
    tag: str
    doc: str
    seed: int
    size: PlanSize
    among: Concurrency
    ground: SchemaFixture
    place: int = 0
    steps: list[Step] = field(default_factory=list)

    def asking(self) -> QuerySampler:
        """What is drawn for the claim at hand."""
        return QuerySampler(self.ground, self.name, self.place)

    def query(self, role: str, text: DialectText, *, ordered: bool = False) -> str:
        """A labelled query, and its label."""
        label = f"{self.tag}{self.place}_{role}"
        self.steps.append(_step(QUERY_TASK, text, _sql_kind(text), label=label, expect=self._rows, ordered=ordered))
        return label

    def write(self, text: DialectText, role: str = "wrote") -> str:
        """A labelled statement that changes rows, and its label."""
        label = f"{self.tag}{self.place}_{role}"
        alone = self.among is Concurrency.NOBODY  # where one lock is for everything, strangers are in the way too
        self.steps.append(_step(QUERY_TASK, text, SqlKind.DML, label=label, expect=_OK if alone else _MAY_CONFLICT))
        return label

    def change(self, text: DialectText, *, only: tuple[str, ...] = ()) -> None:
        """A statement that changes the schema, or what the engine knows of it."""
        self.steps.append(_step(QUERY_TASK, text, _sql_kind(text), only=only))

    def control(self, action: TransactionAction) -> None:
        """BEGIN, which is serializable, COMMIT or ROLLBACK; BEGIN and COMMIT only where that is not done for every claim."""
        self.steps.append(control(action))

    def check(self, expression: Expression, *labels: str) -> None:
        """The claim about these results. Where others contend it says nothing if one of them is an error."""
        if self.among is not Concurrency.NOBODY:
            for label in labels:
                failed = BinaryOperation(
                    operator=BinaryOperator.NE, left=ResultReference(function=ResultFunction.ERROR, label=label), right=_NULL
                )
                expression = BinaryOperation(operator=BinaryOperator.OR, left=failed, right=expression)
        self.steps.append(Check(expression=expression, task=QUERY_TASK))

    def same(self, *labels: str) -> None:
        """The bags of all these results are one."""
        first, *others = labels
        for other in others:
            self.check(equal(bag(first), bag(other)), first, other)

    @property
    def _rows(self) -> Expectation:
        return _MAY_CONFLICT if self.among is Concurrency.RIVALS else _OK


def build_plan(
    name: str,
    tag: str,
    doc: str,
    seed: int,
    size: PlanSize,
    claim: Callable[[MetamorphicBuilder], None],
    *,
    among: tuple[Concurrency, ...] = ANY_CONCURRENCY,
    prepare: Callable[[MetamorphicBuilder], Iterator[DialectText]] = lambda statement: iter(()),
    backends: tuple[str, ...] = BACKENDS,
) -> Plan:
    """A plan of about as many steps as the profile says: one ``claim`` after the other, with other tasks around it."""
    draws = Sampler(seed, name, "plan")
    chosen = draws.one_of(among) if size.writers > 1 else Concurrency.NOBODY
    ground = draw_fixture(seed, size.profile)
    made = MetamorphicBuilder(name=name, tag=tag, doc=doc, seed=seed, size=size, among=chosen, ground=ground)
    setup = [_step("setup", text, _sql_kind(text)) for text in (*ground.setup(), *prepare(made))]
    while len(made.steps) < size.profile.steps:
        made.place += 1
        if chosen is Concurrency.RIVALS:
            made.control(TransactionAction.BEGIN)
        before = len(made.steps)
        claim(made)
        if chosen is Concurrency.RIVALS:
            made.control(TransactionAction.COMMIT)
        if len(made.steps) == before:
            break
    tasks = [Task(name=QUERY_TASK, steps=tuple(made.steps))]
    if chosen is not Concurrency.NOBODY:
        setup.append(_step("setup", render("CREATE TABLE noise (id INTEGER PRIMARY KEY, v INTEGER)"), SqlKind.DDL))
        tasks += [_concurrent_writer(made, f"w{i}", i) for i in range(1, min(size.writers, _WRITERS))]
    return Plan(
        name=name,
        doc=doc,
        tags=("property",),
        dialect=Dialect.SQLITE,
        backends=backends,
        setup=tuple(setup),
        tasks=tuple(tasks),
        schedule=RandomSchedule(runs=1 if chosen is Concurrency.NOBODY else 2, seed=seed),
        properties=(name,),
        seed=seed,
    )


def equal(left: Expression, right: Expression) -> Expression:
    """``left = right``."""
    return BinaryOperation(operator=BinaryOperator.EQ, left=left, right=right)


def plus(*terms: Expression) -> Expression:
    """All of them added: numbers, or bags."""
    total, *others = terms
    for term in others:
        total = BinaryOperation(operator=BinaryOperator.ADD, left=total, right=term)
    return total


def bag(label: str) -> Expression:
    """``bag(label)``."""
    return ResultReference(function=ResultFunction.BAG, label=label)


def rows(label: str) -> Expression:
    """``rows(label)``."""
    return ResultReference(function=ResultFunction.ROWS, label=label)


def value(label: str) -> Expression:
    """``value(label)``."""
    return ResultReference(function=ResultFunction.VALUE, label=label)


def text(said: str) -> Expression:
    """A text."""
    return Constant(cell=Scalar(value=said))


def control(action: TransactionAction, task: str = QUERY_TASK) -> SqlStep:
    """Transaction control as a step."""
    if action is TransactionAction.BEGIN:
        transaction = TransactionControl(action=action, isolation=IsolationLevel.SERIALIZABLE)
        return SqlStep(task=task, sql=Sql(fragments=(_BEGIN,), kind=SqlKind.TRANSACTION, transaction=transaction))
    said = Sql(fragments=(action.upper(),), kind=SqlKind.TRANSACTION, transaction=TransactionControl(action=action))
    return SqlStep(task=task, sql=said, expect=_MAY_FAIL_TO_COMMIT if action is TransactionAction.COMMIT else None)


def _concurrent_writer(made: MetamorphicBuilder, task: str, number: int) -> Task:
    """A task that writes, a third as often as the claims have steps."""
    steps: list[Step] = []
    for i in range(len(made.steps) // 3):
        draws = Sampler(made.seed, "noise", number, i)
        table = draws.one_of(made.ground.tables)
        said = (
            _conflicting_write(made, table, draws, number, i)
            if made.among is Concurrency.RIVALS
            else _disjoint_insert(number, i)
        )
        steps.append(_step(task, said, SqlKind.DML, expect=_MAY_CONFLICT))
    return Task(
        name=task, steps=tuple(steps) or (_step(task, _disjoint_insert(number, 0), SqlKind.DML, expect=_MAY_CONFLICT),)
    )


def _conflicting_write(made: MetamorphicBuilder, table: FixtureTable, draws: Sampler, number: int, i: int) -> DialectText:
    """A row of a table changes, or goes."""
    key = 1 + draws.below(len(table.rows) + 1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or draws.below(6) == 0:
        return render("DELETE FROM {table} WHERE id = {key}", table=table.name, key=key)
    column = draws.one_of(free)
    new = draw_value(seed=made.seed, place=("noise", number, i), of=column.type, rates=made.ground.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return render("UPDATE {t} SET {c} = {new} WHERE id = {key}", t=table.name, c=column.name, new=literal, key=key)


def _disjoint_insert(number: int, i: int) -> DialectText:
    return render("INSERT INTO noise (id, v) VALUES ({id}, {v})", id=number * 100_000 + i, v=i)


def _step(
    task: str,
    said: DialectText,
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
        options=StepOptions(label=label, overrides=overrides, only=only),
    )


def _sql_kind(said: DialectText) -> SqlKind:
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
    ExpectedError(error_class=one)
    for one in (
        ErrorClass.BUSY,
        ErrorClass.SNAPSHOT_CONFLICT,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    )
)


_MAY_CONFLICT: Final[Expectation] = (Ok(), *_CONFLICTS)


_MAY_FAIL_TO_COMMIT: Final[Expectation] = (Ok(), *_CONFLICTS, ExpectedError(error_class=ErrorClass.NO_ACTIVE_TRANSACTION))


CONTENTION: Final = frozenset(
    (
        ErrorClass.BUSY,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.SNAPSHOT_CONFLICT,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    )
)
"""What may keep a query from giving anything because of other tasks. A claim with such a query is not judged."""


_EVIDENCE_ROWS: Final = 3
"""So many rows of a result are evidence."""


def relation_checker(tag: str, claim: str) -> TraceCheck:
    """A judge of the checks whose labels begin with the tag. ``claim`` says what is broken, in a few words.

    Each check is evaluated again, from the trace alone.
    """

    def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
        named = _LabelledSteps.of(plan, tag)
        results: dict[str, StepCompleted] = {}
        for event in events:
            if isinstance(event, StepCompleted) and (label := named.labels.get(event.path)) is not None:
                results[label] = event
            elif isinstance(event, CheckEvaluated) and (check := named.checks.get(event.path)) is not None:
                steps = [results[label] for label in check.labels if label in results]
                if len(steps) == len(check.labels) and not any(map(_lost_to_contention, steps)):
                    yield _evaluate_relation(check, event, results, claim)

    return judge


@dataclass(frozen=True, slots=True)
class _Relation:
    expression: Expression
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _LabelledSteps:
    """The labels of a plan by the steps that bear them, and the checks of one property."""

    labels: dict[Path, str] = field(default_factory=dict)
    checks: dict[Path, _Relation] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, tag: str) -> _LabelledSteps:
        found, mine = cls(), re.compile(rf"{tag}\d+_")
        for path, step in _steps_with_paths(plan):
            if step.options.label is not None:
                found.labels[path] = step.options.label
            if isinstance(step, Check):
                labels = tuple(dict.fromkeys(_labels_in(step.expression)))
                if labels and all(mine.match(label) for label in labels):
                    found.checks[path] = _Relation(step.expression, labels)
        return found


@dataclass(frozen=True, slots=True)
class _TraceContext:
    """What a check of a claim may read: results, and nothing else of a run."""

    results: Mapping[str, StepCompleted]

    def variable(self, name: str) -> Value:
        raise CheckError(f"${name} is not known after the run")

    def label(self, name: str) -> Outcome | None:
        return self.results[name].outcome if name in self.results else None

    def pool(self, name: str, count: PoolCounter) -> int:
        raise CheckError("pools are not known after the run")

    def errors(self, error_class: ErrorClass) -> int:
        raise CheckError("errors are not counted after the run")

    def now_us(self) -> int:
        raise CheckError("the time is not known after the run")


def _evaluate_relation(
    check: _Relation, event: CheckEvaluated, results: Mapping[str, StepCompleted], claim: str
) -> PropertyFinding:
    try:
        holds = Evaluation(_TraceContext(results)).holds(check.expression)
    except CheckError:
        holds = False
    if holds:
        return PropertyHeld(path=event.path)
    evidence = tuple(f"{label}: {results[label].what}: {_outcome_text(results[label].outcome)}" for label in check.labels)
    return PropertyViolation(message=claim, evidence=evidence, path=event.path, task=event.task)


def _outcome_text(outcome: Outcome) -> str:
    lines = describe(outcome)
    rest = f", ... {len(lines) - _EVIDENCE_ROWS} more" if len(lines) > _EVIDENCE_ROWS else ""
    return ", ".join(lines[:_EVIDENCE_ROWS]) + rest


def _lost_to_contention(step: StepCompleted) -> bool:
    return isinstance(step.outcome, Failed) and step.outcome.error_class in CONTENTION


def _steps_with_paths(plan: Plan) -> Iterator[tuple[Path, Step]]:
    lists: list[tuple[Path, tuple[Step, ...]]] = [(("steps",), plan.steps or ())]
    lists += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    lists += [
        (("workload", "actions", deed.name, "do"), deed.body)
        for deed in (plan.workload.actions if plan.workload is not None else ())
    ]
    while lists:
        at, steps = lists.pop()
        for i, step in enumerate(steps):
            yield (*at, i), step
            if isinstance(step, For | Retry):
                lists.append(((*at, i, "do"), step.body))


def _labels_in(node: Any) -> Iterator[str]:
    if isinstance(node, ResultReference):
        yield node.label
    elif is_dataclass(node):
        if isinstance(node, ResultSlice):
            yield node.label
        for one in fields(node):
            yield from _labels_in(getattr(node, one.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _labels_in(item)
