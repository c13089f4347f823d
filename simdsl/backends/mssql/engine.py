"""What the ODBC session must know about SQL Server: errors, transaction control in Transact-SQL, transaction state.

Errors are classified by native number. The SQLSTATE differs between drivers and says little: 42000 is a syntax error, a
refused privilege, an overflow of a conversion and a cancelled wait. It decides only for what comes from the driver itself: a
lost connection, a cancelled statement. The message decides inside two numbers: 547 is every constraint but UNIQUE, 3701 is
everything that cannot be dropped. Sessions are set to English for that.
https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors

* The isolation level is a setting of the session, not of the transaction, so every BEGIN sets it and every COMMIT and
  ROLLBACK resets it: in a plan a level belongs to a transaction.
* BEGIN inside a transaction only increments a counter there, which hides that the COMMIT after it commits nothing. It is
  refused, in the same round trip.
* There is no RELEASE: a savepoint lasts as long as its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.backends.odbc.driver import class_by_sqlstate, class_without_sqlstate, parse_diagnostic
from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Refusal, Tx
from simdsl.backends.registry import mask_text
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.sql import IsolationLevel, TransactionAction, TransactionControl

NO_TRANSACTION: Final = 3903
NESTED_BEGIN: Final = 50000
"""RAISERROR's number for a text of one's own: ``engine`` sends one for a BEGIN within a transaction."""
_CONSTRAINT: Final = 547
_CANNOT_DROP: Final = 3701
_LOCK_TIMEOUT: Final = 1222
_REJECTED: Final = "08004"  # Microsoft's driver gives it to a refused login, and to a database that one may not enter

_BY_NATIVE: Final = {
    2627: ErrorClass.UNIQUE_VIOLATION,  # a constraint
    2601: ErrorClass.UNIQUE_VIOLATION,  # an index
    1505: ErrorClass.UNIQUE_VIOLATION,  # CREATE UNIQUE INDEX over duplicates
    515: ErrorClass.NOT_NULL_VIOLATION,
    550: ErrorClass.CHECK_VIOLATION,  # WITH CHECK OPTION
    8152: ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
    2628: ErrorClass.STRING_DATA_RIGHT_TRUNCATION,  # the same since 2019, with the column's name
    8134: ErrorClass.DIVISION_BY_ZERO,
    220: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    232: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    242: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # a date
    244: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    248: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    517: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # adding to a date
    1007: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # a literal
    3623: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # SQRT(-1)
    8023: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # an infinity or NaN as a parameter
    8115: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    241: ErrorClass.INVALID_TEXT_REPRESENTATION,
    245: ErrorClass.INVALID_TEXT_REPRESENTATION,
    8114: ErrorClass.INVALID_TEXT_REPRESENTATION,
    8169: ErrorClass.INVALID_TEXT_REPRESENTATION,  # a uniqueidentifier
    13609: ErrorClass.INVALID_TEXT_REPRESENTATION,  # JSON
    206: ErrorClass.DATATYPE_MISMATCH,
    257: ErrorClass.DATATYPE_MISMATCH,
    402: ErrorClass.DATATYPE_MISMATCH,
    529: ErrorClass.DATATYPE_MISMATCH,
    8117: ErrorClass.DATATYPE_MISMATCH,
    1205: ErrorClass.DEADLOCK_DETECTED,
    _LOCK_TIMEOUT: ErrorClass.LOCK_NOT_AVAILABLE,
    3960: ErrorClass.SNAPSHOT_CONFLICT,
    3961: ErrorClass.SNAPSHOT_CONFLICT,  # with a change of the schema
    208: ErrorClass.UNDEFINED_TABLE,
    1088: ErrorClass.UNDEFINED_TABLE,  # CREATE INDEX
    4701: ErrorClass.UNDEFINED_TABLE,  # TRUNCATE
    4902: ErrorClass.UNDEFINED_TABLE,  # ALTER TABLE
    207: ErrorClass.UNDEFINED_COLUMN,
    4104: ErrorClass.UNDEFINED_COLUMN,  # with a qualified name
    195: ErrorClass.UNDEFINED_FUNCTION,
    2812: ErrorClass.UNDEFINED_FUNCTION,  # a procedure
    4121: ErrorClass.UNDEFINED_FUNCTION,
    2715: ErrorClass.UNDEFINED_OBJECT,  # a type
    2759: ErrorClass.UNDEFINED_OBJECT,  # a schema
    3728: ErrorClass.UNDEFINED_OBJECT,  # a constraint
    15151: ErrorClass.UNDEFINED_OBJECT,
    2714: ErrorClass.DUPLICATE_TABLE,
    1801: ErrorClass.DUPLICATE_OBJECT,  # a database
    1913: ErrorClass.DUPLICATE_OBJECT,  # an index
    2705: ErrorClass.DUPLICATE_OBJECT,  # a column
    15023: ErrorClass.DUPLICATE_OBJECT,  # a user
    102: ErrorClass.SYNTAX_ERROR,
    103: ErrorClass.SYNTAX_ERROR,  # a name of more than 128 characters
    105: ErrorClass.SYNTAX_ERROR,
    109: ErrorClass.SYNTAX_ERROR,  # more columns than values
    110: ErrorClass.SYNTAX_ERROR,
    113: ErrorClass.SYNTAX_ERROR,  # a comment without an end
    116: ErrorClass.SYNTAX_ERROR,  # a subquery with two columns
    137: ErrorClass.SYNTAX_ERROR,  # @x is not declared
    156: ErrorClass.SYNTAX_ERROR,
    205: ErrorClass.SYNTAX_ERROR,  # UNION of unequal widths
    209: ErrorClass.SYNTAX_ERROR,  # an ambiguous column
    213: ErrorClass.SYNTAX_ERROR,
    319: ErrorClass.SYNTAX_ERROR,
    4145: ErrorClass.SYNTAX_ERROR,  # no condition where one is wanted
    8120: ErrorClass.SYNTAX_ERROR,  # not in GROUP BY
    3902: ErrorClass.NO_ACTIVE_TRANSACTION,
    NO_TRANSACTION: ErrorClass.NO_ACTIVE_TRANSACTION,
    628: ErrorClass.NO_ACTIVE_TRANSACTION,  # SAVE TRANSACTION
    6401: ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
    3930: ErrorClass.IN_FAILED_SQL_TRANSACTION,
    3998: ErrorClass.IN_FAILED_SQL_TRANSACTION,  # found at the end of the batch, and rolled back
    229: ErrorClass.INSUFFICIENT_PRIVILEGE,
    230: ErrorClass.INSUFFICIENT_PRIVILEGE,
    262: ErrorClass.INSUFFICIENT_PRIVILEGE,
    297: ErrorClass.INSUFFICIENT_PRIVILEGE,
    300: ErrorClass.INSUFFICIENT_PRIVILEGE,
    916: ErrorClass.INSUFFICIENT_PRIVILEGE,
    4060: ErrorClass.INSUFFICIENT_PRIVILEGE,
    15247: ErrorClass.INSUFFICIENT_PRIVILEGE,
    18456: ErrorClass.INSUFFICIENT_PRIVILEGE,
    271: ErrorClass.FEATURE_NOT_SUPPORTED,  # writing a computed column
    272: ErrorClass.FEATURE_NOT_SUPPORTED,  # or a rowversion
    544: ErrorClass.FEATURE_NOT_SUPPORTED,  # or an IDENTITY
    3952: ErrorClass.FEATURE_NOT_SUPPORTED,  # SNAPSHOT is off in this database
    4405: ErrorClass.FEATURE_NOT_SUPPORTED,  # a view over two tables
    4406: ErrorClass.FEATURE_NOT_SUPPORTED,  # a view with a computed column
    8102: ErrorClass.FEATURE_NOT_SUPPORTED,
    3906: ErrorClass.READ_ONLY,
    1101: ErrorClass.DISK_FULL,
    1105: ErrorClass.DISK_FULL,
    9002: ErrorClass.DISK_FULL,  # the log
    823: ErrorClass.IO_ERROR,
    824: ErrorClass.DATA_CORRUPTED,
    596: ErrorClass.CONNECTION_LOST,  # killed
    6005: ErrorClass.CONNECTION_LOST,  # shutdown
    10053: ErrorClass.CONNECTION_LOST,
    10054: ErrorClass.CONNECTION_LOST,
    10060: ErrorClass.CONNECTION_LOST,
    20003: ErrorClass.CONNECTION_LOST,  # FreeTDS numbers its own errors from 20000
    20004: ErrorClass.CONNECTION_LOST,
    20006: ErrorClass.CONNECTION_LOST,
    20009: ErrorClass.CONNECTION_LOST,
    20017: ErrorClass.CONNECTION_LOST,
    20047: ErrorClass.CONNECTION_LOST,
}

# Errors of the driver itself. The number beside them is the operating system's.
_OF_THE_DRIVER: Final = frozenset({ErrorClass.CONNECTION_LOST, ErrorClass.QUERY_CANCELED, ErrorClass.STATEMENT_TIMEOUT})

# Without those that no statement can provoke in a throwaway database without harm to the server (READ_ONLY, DISK_FULL ...).
DECLARED: Final = frozenset(
    {
        ErrorClass.UNIQUE_VIOLATION,
        ErrorClass.NOT_NULL_VIOLATION,
        ErrorClass.FOREIGN_KEY_VIOLATION,
        ErrorClass.CHECK_VIOLATION,
        ErrorClass.SYNTAX_ERROR,
        ErrorClass.UNDEFINED_TABLE,
        ErrorClass.UNDEFINED_COLUMN,
        ErrorClass.UNDEFINED_FUNCTION,
        ErrorClass.UNDEFINED_OBJECT,
        ErrorClass.DUPLICATE_TABLE,
        ErrorClass.DUPLICATE_OBJECT,
        ErrorClass.DATATYPE_MISMATCH,
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorClass.DIVISION_BY_ZERO,
        ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
        ErrorClass.INVALID_TEXT_REPRESENTATION,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.SNAPSHOT_CONFLICT,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
        ErrorClass.NO_ACTIVE_TRANSACTION,
        ErrorClass.ACTIVE_SQL_TRANSACTION,
        ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
        ErrorClass.QUERY_CANCELED,
        ErrorClass.CONNECTION_LOST,
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.INSUFFICIENT_PRIVILEGE,
        ErrorClass.FEATURE_NOT_SUPPORTED,
    }
)
"""The classes that the adapter can give; the conformance suite provokes each where there is a server."""


def classify(error: BaseException) -> Failed:
    """What the driver raised, as an outcome."""
    sqlstate, native, text = parse_diagnostic(error)
    return Failed(_class(error, sqlstate, native, text), text, sqlstate, native or None)


def _class(error: BaseException, sqlstate: str | None, native: int | None, text: str) -> ErrorClass:
    standard = class_by_sqlstate(sqlstate)
    # A lost connection stands beside the operating system's number, and those are small too. A lock's timeout may pass
    # for one of the driver's.
    if standard in _OF_THE_DRIVER and sqlstate != _REJECTED and native != _LOCK_TIMEOUT:
        return standard
    if native == _CONSTRAINT:
        return _constraint(text)
    if native == _CANNOT_DROP:
        return _cannot_drop(text)
    if not native:
        return standard or class_without_sqlstate(error, text) or ErrorClass.OTHER
    return _BY_NATIVE.get(native) or standard or ErrorClass.OTHER


def _constraint(text: str) -> ErrorClass:
    if "FOREIGN KEY" in text or "REFERENCE" in text:
        return ErrorClass.FOREIGN_KEY_VIOLATION
    return ErrorClass.CHECK_VIOLATION if "CHECK" in text else ErrorClass.OTHER


def _cannot_drop(text: str) -> ErrorClass:
    is_table = text.startswith(("Cannot drop the table", "Cannot drop the view"))
    return ErrorClass.UNDEFINED_TABLE if is_table else ErrorClass.UNDEFINED_OBJECT


ISOLATION_LEVELS: Final = frozenset(IsolationLevel)
ROLLBACK: Final = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Ends an open transaction, and is not an error where there is none."""

_AGAIN: Final = "; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
_NESTED_TEXT: Final = "a transaction is open already"


class MssqlEngine:
    """See ``odbc.session.OdbcEngine``. ``secrets`` are never in a message."""

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
        """One round trip, made only when the state is asked for and a statement has run since."""
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
