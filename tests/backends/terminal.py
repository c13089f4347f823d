"""A person at a terminal: types SQL at one session and reads what it says. For tests of backends below the language."""

from __future__ import annotations

import re
from typing import Final

from simdsl.backends.protocol import Backend, Database, Refusal, Session, Statement
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl, TransactionMode, Variable
from simdsl.plan.values import Row, Value
from tests.patience import PATIENCE_US

LIMIT_US: Final = PATIENCE_US
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


class Terminal:
    """One session of a world."""

    def __init__(self, backend: Backend, world: Database, session: Session | None = None) -> None:
        self.backend = backend
        self.world = world
        self.session = session or world.open()

    def say(self, text: str, **variables: Value) -> Outcome:
        """Run a statement to its end; that it waits for somebody fails the test."""
        outcome = self.begin(text, **variables)
        assert outcome is not None, f"{text} waits"
        return outcome

    def begin(self, text: str, **variables: Value) -> Outcome | None:
        """Run a statement to its end, or until it waits for another session."""
        statement = self.compiled(text)
        arguments = tuple(variables[name] for name in statement.parameters)
        outcome = self.session.start(statement, arguments)
        return outcome if outcome is not None else self.heard()

    def heard(self) -> Outcome | None:
        """What a statement that waited has come to, if it has."""
        self.world.settle([self.session], LIMIT_US)
        return self.session.poll()

    def compiled(self, text: str) -> Statement:
        """The statement; a refusal fails the test."""
        statement = self.backend.compile(sql(text), {})
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


def sql(text: str) -> Sql:
    """A statement as the loader would give it, as far as these tests need."""
    transaction = _transaction(text)
    if transaction is not None:
        return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=transaction)
    parts = re.split(r"\$([a-z_][a-z0-9_]*)", text)
    fragments = tuple(Variable(name=part) if i % 2 else part for i, part in enumerate(parts) if i % 2 or part)
    return Sql(fragments=fragments, kind=_KINDS.get(text.split()[0].upper(), SqlKind.OTHER))


def begin(
    *, mode: TransactionMode | None = None, isolation: IsolationLevel | None = None, read_only: bool | None = None
) -> Sql:
    """BEGIN with whatever a plan may ask for."""
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
