"""What the ODBC mechanics has to be told of SQL Server."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.backends.mssql import errors, transaction_control
from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Tx
from simdsl.backends.urls import mask_text
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.sql import TransactionAction, TransactionControl


class MssqlEngine:
    """See ``odbc.engine.Engine``. ``secrets`` are never in a message."""

    rollback = transaction_control.ROLLBACK
    # A cancelled statement leaves its transaction and its locks; a victim of a deadlock has neither. Only simdsl cancels.
    after_cancel: str | None = transaction_control.ROLLBACK
    asks_before_control = False

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secrets)

    def failed(self, error: BaseException) -> Failed:
        """By native number."""
        failure = errors.failed(error)
        return failure._replace(text=mask_text(failure.text, self._secrets))

    def controlled(self, transaction: TransactionControl, before: Tx | None, outcome: Outcome) -> Outcome:
        """A nested BEGIN was refused by our own text; a savepoint outside of a transaction is unknown."""
        if not isinstance(outcome, Failed):
            return outcome
        match transaction.action, outcome.native:
            case TransactionAction.BEGIN, transaction_control.NESTED:
                return outcome._replace(error_class=ErrorClass.ACTIVE_SQL_TRANSACTION, by="simdsl")
            case TransactionAction.ROLLBACK_TO, errors.NO_TRANSACTION:
                return outcome._replace(error_class=ErrorClass.INVALID_SAVEPOINT_SPECIFICATION)
            case _:
                return outcome

    def tx(self, session: OdbcSession) -> Tx:
        """One round trip: asked only when somebody wants to know, and something has happened since."""
        ((depth, state),) = session.connection.execute("SELECT @@TRANCOUNT, XACT_STATE()").fetchall()
        if state == -1:
            return Tx.FAILED
        return Tx.OPEN if depth else Tx.IDLE
