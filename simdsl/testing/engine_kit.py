"""What the conformance suite needs to ask an engine: a client for one session; the engine's own texts, values, errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, TypeAlias

from simdsl.backends.protocol import Backend, Database, Refusal, Session, Statement
from simdsl.core.clock import Clock
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import PoolSpec
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl, TransactionMode, Variable
from simdsl.plan.values import INT64_MAX, INT64_MIN, Row, Value

LIMIT_US: Final = 300_000_000
"""How long a real wait may take before a test fails: long, because a busy machine is not a fault of the backend."""
_KINDS: Final = {
    **dict.fromkeys(("SELECT", "VALUES"), SqlKind.QUERY),
    **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "REPLACE"), SqlKind.DML),
    **dict.fromkeys(("CREATE", "DROP", "ALTER"), SqlKind.DDL),
}
_ACTIONS: Final = (
    (r"BEGIN(?: (?P<mode>DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT))?", TransactionAction.BEGIN),
    (r"COMMIT", TransactionAction.COMMIT),
    (r"ROLLBACK", TransactionAction.ROLLBACK),
    (r"SAVEPOINT (?P<name>\w+)", TransactionAction.SAVEPOINT),
    (r"ROLLBACK TO (?P<name>\w+)", TransactionAction.ROLLBACK_TO),
    (r"RELEASE (?P<name>\w+)", TransactionAction.RELEASE),
)


class SqlClient:
    """One session, as a person at a terminal uses it: types a statement and reads the answer. Below the plan language."""

    def __init__(self, backend: Backend, database: Database, session: Session | None = None) -> None:
        self.backend = backend
        self.database = database
        self.session = session or database.open()

    def say(self, text: str, **variables: Value) -> Outcome:
        """Run a statement to its end; a statement that waits for another session fails the test."""
        outcome = self.begin(text, **variables)
        assert outcome is not None, f"{text} waits"
        return outcome

    def begin(self, text: str, **variables: Value) -> Outcome | None:
        """Run a statement to its end, or until it waits for another session."""
        statement = self.compiled(text)
        arguments = tuple(variables[name] for name in statement.parameters)
        # What blocks gets a real settle, as the interpreter gives it: only then is it known to wait.
        outcome = self.session.start(statement, arguments)
        return outcome if outcome is not None else self.heard()

    def heard(self) -> Outcome | None:
        """What a statement that waited has come to, if it has."""
        self.database.settle([self.session], LIMIT_US)
        return self.session.poll()

    def compiled(self, text: str) -> Statement:
        """The statement; a refusal fails the test."""
        statement = self.backend.compile(parse_statement(text), {})
        assert not isinstance(statement, Refusal), statement.reason
        return statement

    def rows(self, text: str, **variables: Value) -> list[Row]:
        """The rows of a query that must succeed."""
        outcome = self.say(text, **variables)
        assert isinstance(outcome, Rows), outcome
        return outcome.rows

    def ok(self, *texts: str) -> None:
        """Statements that must succeed."""
        for text in texts:
            outcome = self.say(text)
            assert not isinstance(outcome, Failed), (text, outcome)

    def error(self, text: str, **variables: Value) -> ErrorClass:
        """The class of a statement that must fail."""
        outcome = self.say(text, **variables)
        assert isinstance(outcome, Failed), outcome
        return outcome.error_class

    def affected(self, text: str, **variables: Value) -> int | None:
        """The count of a statement without rows."""
        outcome = self.say(text, **variables)
        assert isinstance(outcome, Affected), outcome
        return outcome.n


def parse_statement(text: str) -> Sql:
    """A statement as the loader would give it, as far as these tests need."""
    transaction = _transaction(text)
    if transaction is not None:
        return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=transaction)
    # `$name` as in plans, but without the lexer: a literal that holds a dollar sign is not asked here.
    parts = re.split(r"\$([a-z_][a-z0-9_]*)", text)
    fragments = tuple(Variable(name=part) if i % 2 else part for i, part in enumerate(parts) if i % 2 or part)
    return Sql(fragments=fragments, kind=_KINDS.get(text.split()[0].upper(), SqlKind.OTHER))


def begin_statement(
    *, mode: TransactionMode | None = None, isolation: IsolationLevel | None = None, read_only: bool | None = None
) -> Sql:
    """BEGIN with any options that a plan may ask for."""
    transaction = TransactionControl(action=TransactionAction.BEGIN, mode=mode, isolation=isolation, read_only=read_only)
    return Sql(fragments=("BEGIN",), kind=SqlKind.TRANSACTION, transaction=transaction)


def _transaction(text: str) -> TransactionControl | None:
    for pattern, action in _ACTIONS:
        if found := re.fullmatch(pattern, text):
            named = found.groupdict()
            mode = named.get("mode")
            return TransactionControl(
                action=action, mode=TransactionMode(mode.lower()) if mode else None, name=named.get("name")
            )
    return None


Provocation: TypeAlias = Callable[[Backend, Database], Outcome]

# The ends of each type's range, and texts and bytes that careless adapters cut, decode or quote.
VALUES: Final[tuple[Value, ...]] = (
    None,
    0,
    INT64_MIN,
    INT64_MAX,
    0.1,
    -1e308,
    5e-324,
    float("inf"),
    "",
    "'quoted' \"twice\"",
    "naïve 日本語 \U0001f418 e\u0301",
    "x" * 100_000,
    b"",
    b"\x00\xff",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKit:
    """What differs in the text of the suite's questions, not in their meaning.

    ``schema`` makes ``t (id, v >= 0, w NOT NULL DEFAULT '')`` with the row (1, 1, ''), ``child (id, t REFERENCES t)`` and a
    view ``seen`` over ``t``. ``provocations`` has a way to each class that the backend declares, and to no other.
    """

    schema: tuple[str, ...]
    provocations: Mapping[ErrorClass, Provocation]
    values: tuple[Value, ...] = VALUES  # each comes back from ``SELECT $x`` as it was sent
    turned: Mapping[Value, Value] = field(default_factory=dict)  # what comes back as something else
    refused: Mapping[Value, ErrorClass] = field(default_factory=dict)  # what cannot be sent at all
    recursive: str = "WITH RECURSIVE"
    deferred: tuple[str, ...] = ()  # make ``d (t REFERENCES t)``, checked at COMMIT
    text_type: str = "TEXT"


def after(*texts: str) -> Provocation:
    """The last of these statements fails; the others must not."""

    def provoke(backend: Backend, database: Database) -> Outcome:
        terminal = SqlClient(backend, database)
        terminal.ok(*texts[:-1])
        return terminal.say(texts[-1])

    return provoke


def provoke_closed(backend: Backend, database: Database) -> Outcome:
    """A statement on a session that was closed."""
    terminal = SqlClient(backend, database)
    terminal.session.close()
    statement = terminal.compiled("SELECT 1")
    outcome = terminal.session.start(statement, ())
    assert outcome is not None
    return outcome


def provoke_pool_timeout(backend: Backend, database: Database) -> Outcome:
    """A checkout whose time is over."""
    clock = Clock()
    pool = database.pool(PoolSpec(name="main", size=1, timeout_us=1), clock)
    pool.request("a")
    ticket = pool.request("b")
    clock.advance_to(1)  # the whole timeout, in virtual time
    outcome = ticket.poll()
    assert isinstance(outcome, Failed)
    return outcome


# By SQL where SQL can: an error that a mock raises would not test the driver.
_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: after("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: after("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: after("INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: after("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: after("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: after("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: after("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: after("SELECT missing(1)"),
    ErrorClass.DUPLICATE_TABLE: after("CREATE TABLE t (id INTEGER)"),
    ErrorClass.NO_ACTIVE_TRANSACTION: after("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: after("BEGIN", "BEGIN"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: lambda backend, database: SqlClient(backend, database).say(
        "SELECT $x", x=INT64_MAX + 1
    ),
    ErrorClass.INVALID_TEXT_REPRESENTATION: lambda backend, database: SqlClient(backend, database).say(
        "SELECT $x", x="\ud800"
    ),
    ErrorClass.CONNECTION_CLOSED: provoke_closed,
    ErrorClass.POOL_TIMEOUT: provoke_pool_timeout,
}

STANDARD: Final = EngineKit(
    schema=(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v >= 0), w TEXT NOT NULL DEFAULT '')",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t)",
        "CREATE VIEW seen AS SELECT id FROM t",
        "INSERT INTO t (id, v) VALUES (1, 1)",
    ),
    provocations=_PROVOCATIONS,
)
"""A kit in SQL that most engines read. Give ``dataclasses.replace`` what yours adds or does differently."""
