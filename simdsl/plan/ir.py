"""The vocabulary of plans: what is not in this module cannot be said in one.

Every class is frozen data. A plan knows nothing of the file that it came from: ``load(dump(plan)) == plan``. A place in
a plan is a ``Path`` of mapping keys and sequence indices from its root, such as ``("steps", 3, "a")``, and the document
that was read turns a path into a line and a column when somebody asks (`simdsl.language.document`).

Times are integers in microseconds of virtual time, with the unit in their names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.values import Value

VERSION: Final = 1

Path: TypeAlias = tuple[str | int, ...]

BACKEND_NAMES: Final = (
    "sqlite",
    "postgres",
    "mssql",
    "libsql",
    "turso",
    "duckdb",
    "mariadb",
    "mysql",
    "odbc",
)
VERBS: Final = ("checkout", "return", "await", "check", "for", "retry", "sleep", "fault")
SIBLINGS: Final = ("label", "skip", "only", "why", "timeout")


class Dialect(StrEnum):
    """The SQL in which a line is written, and so by which it is lexed."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    TSQL = "tsql"
    DUCKDB = "duckdb"
    MYSQL = "mysql"


# SQL lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Var:
    """``$name``: a bound parameter, or an identifier where a param declares one."""

    name: str


class Action(StrEnum):
    """What a transaction statement does."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    ROLLBACK_TO = "rollback to"
    RELEASE = "release"


class Mode(StrEnum):
    """How a transaction begins."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"
    EXCLUSIVE = "exclusive"
    CONCURRENT = "concurrent"


class Isolation(StrEnum):
    """The isolation levels that a plan may ask for, by the SQL standard's names and one of SQL Server's."""

    READ_UNCOMMITTED = "read uncommitted"
    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SNAPSHOT = "snapshot"
    SERIALIZABLE = "serializable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Transaction control, understood by the loader and done by each backend in its own way."""

    action: Action
    mode: Mode | None = None
    isolation: Isolation | None = None
    read_only: bool | None = None
    name: str | None = None  # of the savepoint, as it was written


class SqlKind(StrEnum):
    """What the first keyword of a statement says about its answer."""

    QUERY = "query"  # rows
    DML = "dml"  # a count of affected rows, and rows too with RETURNING
    DDL = "ddl"  # neither
    TRANSACTION = "transaction"  # neither
    OTHER = "other"  # nobody knows before it runs: PRAGMA, EXPLAIN, CALL, WITH that cannot be told ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """One statement: its text cut at the variables, and what its lexing says of it.

    ``fragments`` holds text and ``Var`` in the order of the text; neighbouring texts are one. The other fields follow
    from the text and the dialect.
    """

    fragments: tuple[str | Var, ...]
    kind: SqlKind
    ordered: bool = False  # ORDER BY stands at depth 0
    transaction: Transaction | None = None

    @property
    def text(self) -> str:
        """The statement as it was written."""
        match self.fragments:
            case (str() as text,):
                return text
        return "".join(part if isinstance(part, str) else f"${part.name}" for part in self.fragments)


# Expectations. An expectation is a tuple of alternatives, in the order in which they were written.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A cell that is written as a plain value: NULL, true, 3, 1e3, nan, 'x', x'00ff'."""

    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """``3.0``: meets a decimal or a real of that value, never an integer."""

    text: str


class TypedKind(StrEnum):
    """The kinds that a typed cell may demand."""

    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """``date '2026-01-31'``: meets that value of that kind only."""

    kind: TypedKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    """``_``: meets every value, NULL too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """``?x``: meets every value and names it; a second one in the same expectation must meet the same value."""

    name: str


Cell: TypeAlias = Scalar | Fixed | Typed | Anything | Bind | Var
CellRow: TypeAlias = tuple[Cell, ...]


class Counted(StrEnum):
    """What a count counts."""

    ROWS = "rows"
    AFFECTED = "affected"
    COLUMNS = "columns"


class Comparison(StrEnum):
    """The comparisons of counts and of ``check``."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Order(StrEnum):
    """An order that the plan demands, whatever the statement says."""

    IN_ORDER = "in order"
    ANY_ORDER = "in any order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ok:
    """``ok``: no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """``3 affected``, ``>= 2 rows``, ``2 columns``; ``empty`` is ``0 rows``. Never uses ``NE``."""

    what: Counted
    comparison: Comparison
    n: int | Var


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactRows:
    """Exactly these rows, one at least; ordered if the statement is, or if ``order`` says so."""

    rows: tuple[CellRow, ...]
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """These rows are a sub-bag of the result."""

    rows: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excludes:
    """None of these rows occurs in the result."""

    rows: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameAs:
    """The same bag of rows, or an error of the same class, as the step with this label gave."""

    label: str
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnError:
    """``error [CLASS | SQLSTATE | native N] [/regex/]``. At most one of the first three is set."""

    error_class: ErrorClass | None = None
    sqlstate: str | None = None
    native: int | None = None
    regex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The statement waits for another session, or the checkout for the pool."""


Alternative: TypeAlias = Ok | Count | ExactRows | Contains | Excludes | SameAs | AnError | Blocks
Expectation: TypeAlias = tuple[Alternative, ...]


# Expressions of ``check``


class LabelFunction(StrEnum):
    """What ``check`` may ask of a labelled result."""

    ROWS = "rows"  # the number of rows
    COLUMNS = "columns"
    AFFECTED = "affected"
    VALUE = "value"  # the only cell
    ERROR = "error"  # the name of the error class as text, or NULL
    BAG = "bag"
    SET = "set"


class PoolCount(StrEnum):
    """What ``check`` may ask of a pool."""

    SIZE = "size"
    IDLE = "idle"
    BUSY = "busy"
    WAITING = "waiting"


class Operator(StrEnum):
    """Binary operators. On bags, ``+`` is the bag union and ``-`` the bag difference."""

    OR = "or"
    AND = "and"
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    SUBSET = "subset of"
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A literal in an expression; its cell is a ``Scalar``, ``Fixed`` or ``Typed``."""

    cell: Scalar | Fixed | Typed


@dataclass(frozen=True, slots=True, kw_only=True)
class OfLabel:
    """``rows(label)`` and its siblings."""

    function: LabelFunction
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """``slice(label, offset, n)``: a bag of the rows offset .. offset+n-1 of a labelled result, in the order received."""

    label: str
    offset: Expression
    n: Expression


class ScalarFunction(StrEnum):
    """Functions of values. ``min`` and ``max`` skip NULL; ``coalesce`` gives the first that is not NULL."""

    MIN = "min"
    MAX = "max"
    COALESCE = "coalesce"
    ABS = "abs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A scalar function over one or more expressions; ``abs`` takes exactly one."""

    function: ScalarFunction
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPool:
    """``pool.main.idle``."""

    pool: str
    count: PoolCount


@dataclass(frozen=True, slots=True, kw_only=True)
class OfErrors:
    """``errors.busy``: how many steps of this run, setup excluded, ended so."""

    error_class: ErrorClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """``now``: the virtual time in microseconds since the run began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """Logical negation."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """Arithmetic negation."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Two operands under an operator, two-valued: ``NULL = NULL`` holds, NULL under ``<`` fails the check."""

    operator: Operator
    left: Expression
    right: Expression


Expression: TypeAlias = Constant | Var | OfLabel | Slice | Call | OfPool | OfErrors | Now | Not | Negative | Binary


# Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What one backend says instead. A half that is None comes from the base line.

    On ``check`` only ``expression`` is set; on checkout, return and await only ``expect``.
    """

    backend: str
    sql: Sql | None = None
    expect: Expectation | None = None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may stand beside any step."""

    label: str | None = None
    overrides: tuple[Override, ...] = ()
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    why: str | None = None
    timeout_us: int | None = None


PLAIN: Final = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStep:
    """A session says one statement. In setup, finally and invariants ``task`` is that section's name."""

    task: str
    sql: Sql
    expect: Expectation | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """``checkout: a from main``. ``pool`` is always resolved."""

    task: str
    pool: str
    expect: Expectation | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """``return: a``: the connection goes back as it is."""

    task: str
    expect: Expectation | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """``await: a``, or ``await: all`` (``task`` is None): collect what parked statements came to."""

    task: str | None
    expect: Expectation | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``check: expression`` that must be true. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    expression: Expression
    task: str | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """``1..$n``, both ends included; empty when the first is larger."""

    first: int | Var
    last: int | Var


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """``[1, 'a', $x]``."""

    items: tuple[Scalar | Fixed | Typed | Var, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    """``for: i in 1..$n`` with ``do:``."""

    variable: str
    over: Range | Items
    body: tuple[Step, ...]
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """``retry: 3 times on busy or serialization_failure every 5ms`` with ``do:``. ``times`` counts all attempts."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None
    body: tuple[Step, ...]
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """``sleep: 10ms`` of virtual time. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    duration_us: int
    task: str | None = None
    options: Options = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``fault: io_error write 3``: words that the backend understands, or says that it does not."""

    words: tuple[str | int, ...]
    task: str | None = None
    options: Options = PLAIN


Step: TypeAlias = SqlStep | Checkout | Return | Await | Check | For | Retry | Sleep | Fault


# Who moves when


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``a b a``: each word lets that task start one step; a word for a parked or finished task is skipped and recorded."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """``1-2-1``: a recorded schedule, tasks numbered from 1 in file order; replayed strictly."""

    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustive:
    """``all`` or ``{all: N}``: every interleaving of enabled tasks, at most ``bound`` runs (None: the default bound)."""

    bound: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalk:
    """``{seed: 7, runs: 200}``: any enabled task, uniformly."""

    runs: int
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pct:
    """``{pct: 3, seed: 7, runs: 200}``: probabilistic concurrency testing at this depth (Burckhardt et al., ASPLOS 2010)."""

    depth: int
    runs: int
    seed: int | None = None


Schedule: TypeAlias = Words | Choices | Exhaustive | RandomWalk | Pct


# The plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A param that stands for a name: ``{identifier: t1}``. Always quoted where it is sent."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One name and its value within an entry of ``params:``."""

    name: str
    value: Value | Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """One entry of ``pools:``."""

    name: str
    size: int
    timeout_us: int = 30_000_000
    driver: str | None = None


class ResetMode(StrEnum):
    """How a table is emptied before each setup."""

    DELETE = "delete"
    TRUNCATE = "truncate"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """``reset: {tables: [t], mode: delete}``."""

    tables: tuple[str, ...]
    mode: ResetMode = ResetMode.DELETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One entry of ``tasks:``."""

    name: str
    steps: tuple[Step, ...]


# What is drawn for each run

ANY_TASK: Final = "workload"
"""Whose the steps of a workload are, until a task does them. No task has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """``1..50``: an integer, both ends included; the first is not larger than the last."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """``[alice, bob]``: one of these values, of which there is one at least; each place in the list is as likely."""

    values: tuple[Value, ...]


Source: TypeAlias = Between | OneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One entry of ``with:``: a variable that has another value each time."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One of ``actions:``: what a task may do next. The steps' task is ``workload``; the task that does it stands for it.

    The values of ``distinct``, names of ``drawn``, differ from each other each time.
    """

    name: str
    weight: int = 1
    drawn: tuple[Drawn, ...] = ()
    distinct: tuple[str, ...] = ()
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``workload:``: in each run each task does ``repeat`` deeds, drawn by their weights."""

    tasks: tuple[str, ...]
    repeat: int
    deeds: tuple[Deed, ...]


def numbered_tasks(many: int) -> tuple[str, ...]:
    """The names of the tasks of a workload that only says how many."""
    return tuple(f"t{number}" for number in range(1, many + 1))


# The plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan. Exactly one of ``steps``, ``tasks`` and ``workload`` is set; the last two have a ``schedule``."""

    name: str
    doc: str | None = None
    tags: tuple[str, ...] = ()
    dialect: Dialect | None = None
    backends: tuple[str, ...] = ()  # empty: any
    pools: tuple[PoolSpec, ...] = ()
    params: tuple[tuple[Param, ...], ...] = ()
    reset: Reset | None = None
    setup: tuple[Step, ...] = ()
    steps: tuple[Step, ...] | None = None
    tasks: tuple[Task, ...] | None = None
    workload: Workload | None = None
    schedule: Schedule | None = None
    finally_: tuple[Step, ...] = ()
    invariants: tuple[SqlStep, ...] = ()
    properties: tuple[str, ...] = ()
    seed: int | None = None
    timeout_us: int | None = None


Section: TypeAlias = Literal["setup", "finally", "invariants"]
