"""What the ODBC session must know about SQL Server: transaction control in Transact-SQL, errors, transaction state.

* The isolation level is a setting of the session, not of the transaction, so every BEGIN sets it and every COMMIT and
  ROLLBACK resets it: in a plan a level belongs to a transaction.
* BEGIN inside a transaction only increments a counter there, which hides that the COMMIT after it commits nothing. It is
  refused, in the same round trip.
* There is no RELEASE: a savepoint lasts as long as its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Refusal, Tx
from simdsl.backends.urls import mask_text
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl

ISOLATION_LEVELS: Final = frozenset(IsolationLevel)
ROLLBACK: Final = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Ends whatever is open, and is no error without."""

_AGAIN: Final = "; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
_NESTED_TEXT: Final = "a transaction is open already"


class MssqlEngine:
    """See ``odbc.engine.Engine``. ``secrets`` are never in a message."""

    rollback = ROLLBACK
    # A cancelled statement leaves its transaction and its locks; a victim of a deadlock has neither. Only simdsl cancels.
    after_cancel: str | None = ROLLBACK
    asks_before_control = False

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secrets)

    def failed(self, error: BaseException) -> Failed:
        """By native number."""
        failure = classify(error)
        return failure._replace(text=mask_text(failure.text, self._secrets))

    def controlled(self, transaction: TransactionControl, before: Tx | None, outcome: Outcome) -> Outcome:
        """A nested BEGIN was refused by our own text; a savepoint outside of a transaction is unknown."""
        if not isinstance(outcome, Failed):
            return outcome
        match transaction.action, outcome.native:
            case TransactionAction.BEGIN, native if native == NESTED_BEGIN:
                return outcome._replace(error_class=ErrorClass.ACTIVE_SQL_TRANSACTION, by="simdsl")
            case TransactionAction.ROLLBACK_TO, native if native == NO_TRANSACTION:
                return outcome._replace(error_class=ErrorClass.INVALID_SAVEPOINT_SPECIFICATION)
            case _:
                return outcome

    def tx(self, session: OdbcSession) -> Tx:
        """One round trip: asked only when somebody wants to know, and something has happened since."""
        ((depth, state),) = session.connection.execute("SELECT @@TRANCOUNT, XACT_STATE()").fetchall()
        if state == -1:
            return Tx.FAILED
        return Tx.OPEN if depth else Tx.IDLE


def control_text(transaction: TransactionControl) -> str | Refusal:
    """What is sent for a transaction statement."""
    match transaction.action:
        case TransactionAction.BEGIN:
            return _begin_text(transaction)
        case TransactionAction.COMMIT:
            return f"COMMIT TRANSACTION{_AGAIN}"
        case TransactionAction.ROLLBACK:
            return f"ROLLBACK TRANSACTION{_AGAIN}"
        case TransactionAction.SAVEPOINT:
            return f"SAVE TRANSACTION {transaction.name}"
        case TransactionAction.ROLLBACK_TO:
            return f"ROLLBACK TRANSACTION {transaction.name}"
        case TransactionAction.RELEASE:
            return Refusal(reason="SQL Server has no RELEASE: a savepoint lasts until its transaction ends")


def _begin_text(transaction: TransactionControl) -> str | Refusal:
    if transaction.mode is not None:
        return Refusal(reason=f"SQL Server has no BEGIN {transaction.mode.upper()}")
    if transaction.read_only:
        return Refusal(reason="SQL Server has no READ ONLY transactions")
    level = (transaction.isolation or IsolationLevel.READ_COMMITTED).upper()
    return (
        f"IF @@TRANCOUNT > 0 RAISERROR('{_NESTED_TEXT}', 16, 1) "
        f"ELSE BEGIN SET TRANSACTION ISOLATION LEVEL {level}; BEGIN TRANSACTION END"
    )
