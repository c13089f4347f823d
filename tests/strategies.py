"""Hypothesis strategies for the IR: plans that keep every rule of the language, so that each can be written and loaded.

``plans()`` is the one that most tests want; its parts can be used alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from simdsl.language.property_names import built_in
from simdsl.plan.backend_facts import BACKEND_NAMES, dialect_of_backend
from simdsl.plan.expectations import (
    Alternative,
    Binding,
    Blocks,
    CellRow,
    ComparisonOperator,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    Expectation,
    ExpectedError,
    FixedPoint,
    LiteralType,
    Ok,
    RowOrder,
    SameAs,
    Scalar,
    TypedLiteral,
    Wildcard,
)
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    ErrorCount,
    Expression,
    FunctionCall,
    LogicalNot,
    PoolCounter,
    PoolReference,
    ResultFunction,
    ResultReference,
    ResultSlice,
    ScalarFunction,
    UnaryMinus,
    VirtualNow,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import (
    WORKLOAD_TASK,
    DrawnVariable,
    ExhaustiveSchedule,
    ExplicitSchedule,
    Identifier,
    IntegerRange,
    OneOf,
    Param,
    PctSchedule,
    Plan,
    PoolSpec,
    RandomSchedule,
    RecordedSchedule,
    Reset,
    ResetMode,
    Schedule,
    Task,
    ValueDomain,
    Workload,
    WorkloadAction,
    numbered_tasks,
)
from simdsl.plan.sql import Dialect, Sql, SqlKind, Variable
from simdsl.plan.steps import NO_OPTIONS, BlockStep, Override, SqlStep, Step, StepOptions
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value, quoted
from simdsl.syntax.sql_lexer import dialect_of, parse_sql
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.fault import Fault
from simdsl.verbs.for_ import For, IntegerBounds, ItemList
from simdsl.verbs.retry import Retry
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep

T = TypeVar("T")

TASKS = ("a", "b", "writer", "t_1")
INTEGERS = st.integers(INT64_MIN, INT64_MAX)
COUNTS = st.integers(0, INT64_MAX)
DURATIONS_US = st.sampled_from([0, 1, 999, 1_000, 50_000, 1_000_000, 90_000_000, 3_600_000_000]) | COUNTS

# Every kind of text that a YAML reader could take for something else, besides arbitrary text.
AWKWARD = st.sampled_from(
    [
        *(
            "",
            " ",
            "\n",
            "no",
            "null",
            "~",
            "true",
            "010",
            "1_000",
            ".5",
            "1",
            "1e3",
            "- x",
            "-",
            "? x",
            ": x",
            "x:",
            "x: y",
        ),
        *(
            "x #y",
            "#x",
            "'x' y",
            '"x"',
            "@x",
            "%x",
            "`x`",
            "&x",
            "*x",
            "!x",
            "|",
            ">",
            "[x]",
            "{x}",
            "---",
            "...",
            "=>",
            "x\ny",
        ),
        *(
            "x\n",
            "x\n\n",
            "\nx",
            " x",
            "x ",
            "\tx",
            "x\ty",
            "x\r\ny",
            "\x85",
            "\u2028",
            "\u2029",
            "\ufeff",
            "\x00",
            "\x7f",
            "😀",
        ),
        *(
            "x\n  y\n z",
            "x\n\n\ny",
            "x\n ",
            "\\",
            "\\n",
            "é",
            "\u00a0",
            "\u00a0x\u00a0",
            "<<",
            "=",
            "x,y",
            "a  b",
            "\x1b[0m",
            "\ufffe",
        ),
    ]
)
TEXTS = AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
WORDS = TEXTS.filter(str.strip)


def optional(strategy: SearchStrategy[T]) -> SearchStrategy[T | None]:
    """The same, or nothing."""
    return st.none() | strategy


def tuples_of(strategy: SearchStrategy[T], least: int = 0, most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    """Tuples of different lengths."""
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def sets_of(strategy: SearchStrategy[T], most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    """Tuples without repetition."""
    return st.lists(strategy, max_size=most, unique=True).map(tuple)


# Values and cells

REALS = st.floats() | st.sampled_from([0.0, -0.0, 1e16, 1.5, 100_000.0, math.nan, math.inf, -math.inf])
FIXED = st.from_regex(r"-?(0|[1-9][0-9]{0,12})\.[0-9]{1,6}", fullmatch=True).map(lambda text: FixedPoint(text=text))
TYPED_TEXTS: dict[LiteralType, SearchStrategy[str]] = {
    LiteralType.DATE: st.dates().map(str),
    LiteralType.TIME: st.times().map(str),
    LiteralType.TIMESTAMP: st.datetimes().map(str),
    LiteralType.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False).map(str),
}
TYPED = st.sampled_from(LiteralType).flatmap(
    lambda kind: TYPED_TEXTS[kind].map(lambda text: TypedLiteral(kind=kind, text=text))
)
SCALARS = (st.none() | st.booleans() | INTEGERS | REALS | TEXTS | st.binary(max_size=6)).map(lambda v: Scalar(value=v))
VALUES = SCALARS | FIXED | TYPED

PARAM_VALUES: SearchStrategy[Value | Identifier] = (
    st.none()
    | st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.binary(max_size=6)
    | st.dates()
    | st.times().map(lambda value: value.replace(fold=0))
    | st.datetimes().map(lambda value: value.replace(fold=0))
)
IDENTIFIERS = TEXTS.filter(lambda text: bool(text) and "\0" not in text).map(lambda name: Identifier(name=name))


# Statements: texts by the kind that they have in every dialect

STATEMENTS: dict[SqlKind, tuple[str, ...]] = {
    SqlKind.QUERY: (
        "SELECT 1",
        "SELECT v FROM t ORDER BY v",
        "select 'it''s', \"q\" -- c",
        "SELECT 1 -- c\nFROM t",
        "SELECT\n  1\n\n  , 2",
        "SELECT (1, 'a =>')",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1)",
        "SELECT f(a => 1)",
        "SELECT v /* a: b */ FROM t",
        "SELECT x : y",
        "SELECT 1 # 2",
    ),
    SqlKind.DML: ("INSERT INTO t VALUES (1, 'x')", "UPDATE t SET v = 2", "DELETE FROM t WHERE v <=> 1"),
    SqlKind.DDL: ("CREATE TABLE t (id INTEGER PRIMARY KEY)", "DROP TABLE t", "CREATE TABLE t (\n  id INTEGER\n)"),
    SqlKind.TRANSACTION: (
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "ROLLBACK TO s",
        "SAVEPOINT s",
        "RELEASE s",
        "START TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY",
    ),
    SqlKind.OTHER: (
        "EXPLAIN SELECT 1",
        "1",
        "null",
        "no",
        "-1",
        "%x",
        "* x",
        "x: y",
        "{call p(1)}",
        "'x' || y",
        "010",
        "- 1",
        "|",
    ),
}


@st.composite
def sqls(draw: DrawFn, dialect: Dialect, kind: SqlKind | None = None, variables: tuple[str, ...] = ()) -> Sql:
    """A statement of a kind, or of any; it reads some of the variables."""
    kind = kind or draw(st.sampled_from(SqlKind))
    text = draw(st.sampled_from(STATEMENTS[kind]))
    if kind is SqlKind.QUERY and draw(st.booleans()):
        text = f"SELECT {quoted(draw(TEXTS).replace(chr(0), '').replace(chr(92), ''))}"
    if variables and kind in (SqlKind.QUERY, SqlKind.DML) and "--" not in text and "#" not in text:
        text += "".join(f" , ${name}" for name in draw(sets_of(st.sampled_from(variables), 2)))
    return parse_sql(text, dialect)


# Expectations

ERRORS = st.builds(
    ExpectedError,
    error_class=st.sampled_from(ErrorClass),
    regex=optional(st.sampled_from(["x+", r"a\/b", r"\d .*", "it's", "^=>$", "#"])),
) | st.builds(
    lambda code, regex: ExpectedError(regex=regex, **code),
    code=st.sampled_from(
        [{}, {"sqlstate": "23505"}, {"sqlstate": "HY000"}, {"sqlstate": "42P01"}, {"native": 5}, {"native": -803}]
    ),
    regex=optional(st.sampled_from(["x", "[a-z]", "( )"])),
)
SIMPLE: SearchStrategy[Expectation] = tuples_of(st.just(Ok()) | ERRORS, 1, 2)


@dataclass
class Scope:
    """What a step may name where it stands."""

    variables: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    owner: str | None = None

    def amounts(self) -> SearchStrategy[int | Variable]:
        """Counts, and variables for them."""
        return COUNTS | self.vars() if self.variables else COUNTS

    def vars(self) -> SearchStrategy[Variable]:
        """Variables that were bound."""
        return st.sampled_from(self.variables).map(lambda name: Variable(name=name))


@st.composite
def rows(draw: DrawFn, scope: Scope, width: int, least: int = 1) -> tuple[CellRow, ...]:
    """Rows of one width, without binds."""
    cells = VALUES | st.just(Wildcard()) | (scope.vars() if scope.variables else st.nothing())
    return draw(tuples_of(st.tuples(*[cells] * width), least, 3))


@st.composite
def expectations(draw: DrawFn, scope: Scope, kind: SqlKind) -> Expectation:
    """What a statement of this kind can meet, as far as the loader knows; no ``blocks``, no binds."""
    choices: list[SearchStrategy[Alternative]] = [st.just(Ok()), ERRORS]
    comparisons = st.sampled_from([one for one in ComparisonOperator if one is not ComparisonOperator.NE])
    orders = optional(st.sampled_from(RowOrder))
    width = draw(st.integers(1, 3))
    if kind in (SqlKind.QUERY, SqlKind.OTHER):
        whats = st.sampled_from([CountUnit.ROWS, CountUnit.COLUMNS])
        choices += [
            st.builds(Count, what=whats, comparison=comparisons, n=scope.amounts()),
            st.builds(ExactRows, rows=rows(scope, width), order=orders),
            st.builds(Contains, rows=rows(scope, width)),
            st.builds(Excludes, rows=rows(scope, width)),
        ]
    if kind in (SqlKind.DML, SqlKind.OTHER):
        choices.append(st.builds(Count, what=st.just(CountUnit.AFFECTED), comparison=comparisons, n=scope.amounts()))
    if scope.labels:
        choices.append(st.builds(SameAs, label=st.sampled_from(scope.labels), order=orders))
    return draw(tuples_of(st.one_of(choices), 1, 3))


# Expressions


def expressions(scope: Scope) -> SearchStrategy[Expression]:
    """Expressions of ``check``. A negative number is a constant, so nothing negates a positive one in the same words."""
    leaves: list[SearchStrategy[Expression]] = [
        VALUES.map(lambda cell: Constant(cell=cell)),
        st.just(VirtualNow()),
        st.sampled_from(ErrorClass).map(lambda one: ErrorCount(error_class=one)),
    ]
    if scope.variables:
        leaves.append(scope.vars())
    if scope.labels:
        labels = st.sampled_from(scope.labels)
        leaves.append(st.builds(ResultReference, function=st.sampled_from(ResultFunction), label=labels))
    if scope.pools:
        leaves.append(st.builds(PoolReference, pool=st.sampled_from(scope.pools), count=st.sampled_from(PoolCounter)))
    return st.recursive(st.one_of(leaves), lambda inner: _compound(scope, inner), max_leaves=8)


def _compound(scope: Scope, inner: SearchStrategy[Expression]) -> SearchStrategy[Expression]:
    compounds: list[SearchStrategy[Expression]] = [
        st.builds(BinaryOperation, operator=st.sampled_from(BinaryOperator), left=inner, right=inner),
        st.builds(LogicalNot, operand=inner),
        st.builds(UnaryMinus, operand=inner),
        st.builds(
            FunctionCall,
            function=st.sampled_from([one for one in ScalarFunction if one is not ScalarFunction.ABS]),
            arguments=tuples_of(inner, 1, 3),
        ),
        st.builds(FunctionCall, function=st.just(ScalarFunction.ABS), arguments=tuples_of(inner, 1, 1)),
    ]
    if scope.labels:
        compounds.append(st.builds(ResultSlice, label=st.sampled_from(scope.labels), offset=inner, n=inner))
    return st.one_of(compounds)


# Steps


@dataclass
class Writer:
    """Draws the steps of one plan, and remembers which names they gave away."""

    draw: DrawFn
    dialect: Dialect
    pools: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    names: int = 0
    labels: list[str] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    is_labelling: bool = True

    def fresh(self, stem: str) -> str:
        """A name that nothing else has."""
        self.names += 1
        return f"{stem}_{self.names}"

    def scope(self, owner: str | None) -> Scope:
        """What the next step may name."""
        return Scope((*self.params, *self.bound), tuple(self.labels), self.pools, owner)

    def section(self, name: str) -> tuple[Step, ...]:
        """Steps of setup or finally."""
        return self.steps(name, [self.sql, self.check])

    def ordered(self) -> tuple[Step, ...]:
        """The steps of ``steps:``."""
        return self.steps(None, [*self.kinds(), self.blocked])

    def of_task(self, task: str) -> tuple[Step, ...]:
        """The steps of one task."""
        return self.steps(task, self.kinds())

    def invariants(self) -> tuple[SqlStep, ...]:
        """Judged queries."""
        found = []
        for _ in range(self.draw(st.integers(0, 2))):
            sql = self.draw(sqls(self.dialect, SqlKind.QUERY, self.params))
            expect = self.draw(expectations(Scope(self.params), SqlKind.QUERY))
            found.append(SqlStep(task="invariants", sql=sql, expect=expect))
        return tuple(found)

    def kinds(self) -> list[Callable[[str | None], list[Step]]]:
        """The makers of steps that may stand both in steps and in tasks."""
        kinds: list[Callable[[str | None], list[Step]]] = [
            self.sql,
            self.sql,
            self.check,
            self.sleep,
            self.fault,
            self.loop,
            self.retry,
        ]
        if self.pools:
            kinds += [self.checkout, self.give_back]
        return kinds

    def steps(self, owner: str | None, kinds: list[Callable[[str | None], list[Step]]], most: int = 4) -> tuple[Step, ...]:
        """A list of steps."""
        found: list[Step] = []
        for _ in range(self.draw(st.integers(0, most))):
            found += self.draw(st.sampled_from(kinds))(owner)
        return tuple(found)

    def task(self, owner: str | None) -> str:
        """Whose the next step is."""
        return owner if owner is not None else self.draw(st.sampled_from(TASKS))

    def sql(self, owner: str | None) -> list[Step]:
        """One statement, perhaps one that binds."""
        scope = self.scope(owner)
        kind = self.draw(st.sampled_from(SqlKind))
        statement = self.draw(sqls(self.dialect, kind, scope.variables))
        expect: Expectation | None = self.draw(optional(expectations(scope, kind)))
        options = self.options(kind, statement, expect)
        if kind is SqlKind.QUERY and self.draw(st.booleans()):
            expect = (self.binding(),)
        return [SqlStep(task=self.task(owner), sql=statement, expect=expect, options=options)]

    def binding(self) -> ExactRows:
        """A row that binds a new name."""
        name = self.fresh("x")
        self.bound.append(name)
        return ExactRows(rows=((Binding(name=name), Wildcard()),))

    def blocked(self, owner: str | None) -> list[Step]:
        """A statement that waits, and its collection."""
        task = self.task(owner)
        statement = self.draw(sqls(self.dialect, SqlKind.DML))
        collected = self.draw(st.sampled_from([task, None]))
        expect = self.draw(optional(SIMPLE))
        return [SqlStep(task=task, sql=statement, expect=(Blocks(),)), Await(task=collected, expect=expect)]

    def check(self, owner: str | None) -> list[Step]:
        """A check, perhaps another one on some backend."""
        expression = expressions(self.scope(owner))
        overrides = tuple(
            Override(backend=backend, expression=self.draw(expression))
            for backend in self.draw(sets_of(st.sampled_from(BACKEND_NAMES), 1))
        )
        return [Check(expression=self.draw(expression), task=_listed(owner), options=self.placed(overrides=overrides))]

    def sleep(self, owner: str | None) -> list[Step]:
        """A sleep."""
        return [Sleep(duration_us=self.draw(DURATIONS_US), task=owner)]

    def fault(self, owner: str | None) -> list[Step]:
        """A fault."""
        words = self.draw(st.sampled_from([("disconnect", "a"), ("io_error", "write", 3), ("restart", "server")]))
        return [Fault(words=words, task=owner, options=self.placed())]

    def checkout(self, owner: str | None) -> list[Step]:
        """A connection from a pool."""
        expect = self.draw(optional(SIMPLE))
        options = StepOptions(timeout_us=self.draw(optional(DURATIONS_US)), label=self.label())
        return [Checkout(task=self.task(owner), pool=self.draw(st.sampled_from(self.pools)), expect=expect, options=options)]

    def give_back(self, owner: str | None) -> list[Step]:
        """The way back."""
        return [Return(task=self.task(owner), expect=self.draw(optional(SIMPLE)), options=self.placed())]

    def loop(self, owner: str | None) -> list[Step]:
        """A loop over a range or over items."""
        scope = self.scope(owner)
        name = self.fresh("i")
        few = st.integers(0, 1000)
        bounds = few | scope.vars() if scope.variables else few
        items = VALUES | scope.vars() if scope.variables else VALUES
        over = st.builds(IntegerBounds, first=bounds, last=bounds) | st.builds(ItemList, items=tuples_of(items, 1, 3))
        drawn = self.draw(over)
        self.bound.append(name)
        body = self.steps(owner, [self.statement, self.check, self.sleep], 2)
        self.bound.remove(name)
        return [For(variable=name, over=drawn, body=body, options=self.placed())]

    def retry(self, owner: str | None) -> list[Step]:
        """A retry of one task's statements."""
        task = self.task(owner)
        body = tuple(step for _ in range(self.draw(st.integers(0, 2))) for step in self.statement(task))
        return [
            Retry(
                times=self.draw(st.integers(1, 100)),
                classes=self.draw(sets_of(st.sampled_from(ErrorClass), 2)),
                every_us=self.draw(optional(DURATIONS_US)),
                body=body,
                options=self.placed(),
            )
        ]

    def statement(self, owner: str | None) -> list[Step]:
        """A statement that gives no name away."""
        scope = self.scope(owner)
        kind = self.draw(st.sampled_from([SqlKind.QUERY, SqlKind.DML, SqlKind.TRANSACTION]))
        sql = self.draw(sqls(self.dialect, kind, scope.variables))
        return [SqlStep(task=self.task(owner), sql=sql, expect=self.draw(optional(expectations(scope, kind))))]

    def label(self) -> str | None:
        """A new label, or none."""
        if not self.is_labelling or not self.draw(st.booleans()):
            return None
        self.labels.append(self.fresh("l"))
        return self.labels[-1]

    def options(self, kind: SqlKind, statement: Sql, expect: Expectation | None) -> StepOptions:
        """What stands beside a statement. An override keeps the statement's kind, since it may keep its expectation."""
        if self.draw(st.booleans()):
            return NO_OPTIONS
        overrides = []
        for backend in self.draw(sets_of(st.sampled_from(BACKEND_NAMES), 2)):
            dialect = dialect_of_backend(backend) or self.dialect
            sql = self.draw(optional(sqls(dialect, kind)))
            own = self.draw(SIMPLE if sql is None else optional(SIMPLE))
            overrides.append(Override(backend=backend, sql=sql, expect=own))
        timeout_us = self.draw(optional(DURATIONS_US))
        return self.placed(overrides=tuple(overrides), timeout_us=timeout_us, label=self.label())

    def placed(self, **others: Any) -> StepOptions:
        """Where a step runs and why, and what else is given."""
        names = self.draw(sets_of(st.sampled_from(BACKEND_NAMES), 2))
        only = self.draw(st.booleans())
        why = self.draw(optional(TEXTS))
        return StepOptions(skip=() if only else names, only=names if only else (), why=why, **others)


def _listed(owner: str | None) -> str | None:
    """Whose a check is: a task's, and nobody's in a section."""
    return owner if owner in (*TASKS, WORKLOAD_TASK) else None


# Plans


@st.composite
def plans(draw: DrawFn) -> Plan:
    """A plan that the loader accepts; not one that any database would."""
    dialect = draw(optional(st.sampled_from(Dialect)))
    backends = draw(sets_of(st.sampled_from(BACKEND_NAMES), 2))
    pools = draw(st.lists(_pools(), max_size=2, unique_by=lambda pool: pool.name).map(tuple))
    params = draw(_params())
    names = tuple(param.name for param in params[0] if not isinstance(param.value, Identifier)) if params else ()
    writer = Writer(draw, dialect_of(dialect, backends), tuple(pool.name for pool in pools), names)
    setup = writer.section("setup")
    ours: dict[str, Any] = {"invariants": writer.invariants()}
    form = draw(st.sampled_from(["steps", "tasks", "workload"]))
    if form == "steps":
        ours["steps"] = writer.ordered()
        writer.bound, writer.labels = [], []
    elif form == "workload":
        ours["workload"] = _workload(writer)
        ours["schedule"] = draw(_schedules(tuple(Task(name=name, steps=()) for name in ours["workload"].tasks)))
    else:
        ours["tasks"] = _tasks(writer)
        ours["schedule"] = draw(_schedules(ours["tasks"]))
    return Plan(
        name=draw(st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)),
        doc=draw(optional(TEXTS)),
        tags=draw(sets_of(WORDS)),
        dialect=dialect,
        backends=backends,
        pools=pools,
        params=params,
        reset=draw(optional(st.builds(Reset, tables=sets_of(WORDS), mode=st.sampled_from(ResetMode)))),
        setup=setup,
        finally_=writer.section("finally"),
        properties=draw(sets_of(st.sampled_from(built_in()), 2)),
        seed=draw(optional(INTEGERS)),
        timeout_us=draw(optional(DURATIONS_US)),
        **ours,
    )


def _pools() -> SearchStrategy[PoolSpec]:
    size = st.integers(1, INT64_MAX)
    return st.builds(PoolSpec, name=NAMES, size=size, timeout_us=DURATIONS_US, driver=optional(TEXTS))


@st.composite
def _params(draw: DrawFn) -> tuple[tuple[Param, ...], ...]:
    names = draw(st.lists(st.sampled_from(["n", "who", "p_1", "table"]), max_size=3, unique=True))
    identifiers = draw(st.sets(st.sampled_from(names))) if names else set()
    entry = st.tuples(
        *(st.builds(Param, name=st.just(name), value=IDENTIFIERS if name in identifiers else PARAM_VALUES) for name in names)
    )
    return draw(tuples_of(entry, 0, 2)) if names else ()


def _tasks(writer: Writer) -> tuple[Task, ...]:
    """Tasks see what the setup gave away, and their own."""
    bound, labels = list(writer.bound), list(writer.labels)
    tasks = []
    for name in writer.draw(st.lists(st.sampled_from(TASKS), min_size=1, max_size=3, unique=True)):
        tasks.append(Task(name=name, steps=writer.of_task(name)))
        writer.bound, writer.labels = list(bound), list(labels)
    return tuple(tasks)


def _workload(writer: Writer) -> Workload:
    """Actions see what the setup gave away, what they draw, and their own."""
    draw, bound = writer.draw, list(writer.bound)
    writer.is_labelling = False
    deeds = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        drawn = tuple(
            DrawnVariable(name=writer.fresh("d"), source=source) for source in draw(st.lists(_sources(), max_size=3))
        )
        wide = [one.name for one in drawn if isinstance(one.source, IntegerRange) and one.source.last - one.source.first > 2]
        writer.bound += [one.name for one in drawn]
        deeds.append(
            WorkloadAction(
                name=name,
                weight=draw(st.integers(1, INT64_MAX)),
                drawn=drawn,
                distinct=tuple(draw(st.permutations(wide))),
                body=writer.steps(WORKLOAD_TASK, writer.kinds()),
            )
        )
        writer.bound = list(bound)
    writer.is_labelling = True
    tasks = draw(st.integers(1, 5).map(numbered_tasks) | sets_of(st.sampled_from(TASKS)).filter(bool))
    return Workload(tasks=tasks, repeat=draw(st.integers(1, 1000)), actions=tuple(deeds))


def _sources() -> SearchStrategy[ValueDomain]:
    ends = st.tuples(INTEGERS, INTEGERS).map(sorted)
    return ends.map(lambda two: IntegerRange(first=two[0], last=two[1])) | tuples_of(PARAM_VALUES, 1, 4).map(_one_of)


def _one_of(values: tuple[Any, ...]) -> OneOf:
    return OneOf(values=values)


def _schedules(tasks: tuple[Task, ...]) -> SearchStrategy[Schedule]:
    some = st.integers(1, INT64_MAX)
    numbers = st.integers(1, len(tasks))
    kinds: list[SearchStrategy[Schedule]] = [
        st.builds(RecordedSchedule, choices=tuples_of(numbers, 1, 6)),
        st.builds(ExhaustiveSchedule, bound=optional(some)),
        st.builds(RandomSchedule, runs=some, seed=optional(INTEGERS)),
        st.builds(PctSchedule, depth=some, runs=some, seed=optional(INTEGERS)),
    ]
    steps = [step for task in tasks for step in task.steps]
    words = [task.name for task in tasks for _ in task.steps]
    if words and not any(isinstance(step, BlockStep) or step.options.skip or step.options.only for step in steps):
        kinds.append(st.permutations(words).map(lambda order: ExplicitSchedule(entries=tuple(order))))
    return st.one_of(kinds)
