"""Transaction control in Transact-SQL's words.

* The isolation level is a setting of the session, not of the transaction, so it is set by every BEGIN and put back by every
  COMMIT and ROLLBACK: a level is a transaction's in a plan.
* BEGIN inside a transaction only counts up there, which hides that the COMMIT after it commits nothing. It is refused, in
  the same round trip.
* There is no RELEASE: a savepoint lasts as long as its transaction.
"""

from __future__ import annotations

from typing import Final

from simdsl.backends.protocol import Refusal
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl

ISOLATION_LEVELS: Final = frozenset(IsolationLevel)


NESTED: Final = 50000
"""The native number of a nested BEGIN: RAISERROR's for a text of one's own."""


ROLLBACK: Final = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Ends whatever is open, and is no error without."""


_AGAIN: Final = "; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


_NESTED_TEXT: Final = "a transaction is open already"


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
