"""SQLite's errors as error classes.

The extended result code decides (https://www.sqlite.org/rescode.html). Only inside SQLITE_ERROR, which SQLite gives for
everything that is wrong with the text of a statement, does the message decide; and for drop-in modules whose exceptions
carry no code. What is not known here is ``OTHER``.
"""

from __future__ import annotations

from typing import Final

from simdsl.backends.dbapi.session import class_of_python_error, first_match
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.sql import TransactionAction, TransactionControl

# SQLite's own numbers: the stdlib module has names for them, but a drop-in module need not.
_ERROR: Final = 1
_CONSTRAINT: Final = 19

_BY_EXTENDED: Final = {
    517: ErrorClass.SNAPSHOT_CONFLICT,  # SQLITE_BUSY_SNAPSHOT
    275: ErrorClass.CHECK_VIOLATION,  # SQLITE_CONSTRAINT_CHECK
    787: ErrorClass.FOREIGN_KEY_VIOLATION,  # SQLITE_CONSTRAINT_FOREIGNKEY
    1299: ErrorClass.NOT_NULL_VIOLATION,  # SQLITE_CONSTRAINT_NOTNULL
    1555: ErrorClass.UNIQUE_VIOLATION,  # SQLITE_CONSTRAINT_PRIMARYKEY
    1811: ErrorClass.CHECK_VIOLATION,  # SQLITE_CONSTRAINT_TRIGGER: RAISE() is a check that a trigger makes
    2067: ErrorClass.UNIQUE_VIOLATION,  # SQLITE_CONSTRAINT_UNIQUE
    2579: ErrorClass.UNIQUE_VIOLATION,  # SQLITE_CONSTRAINT_ROWID
    3091: ErrorClass.DATATYPE_MISMATCH,  # SQLITE_CONSTRAINT_DATATYPE: a STRICT table
}

_BY_PRIMARY: Final = {
    3: ErrorClass.INSUFFICIENT_PRIVILEGE,  # SQLITE_PERM
    5: ErrorClass.BUSY,  # SQLITE_BUSY
    6: ErrorClass.BUSY,  # SQLITE_LOCKED: the lock is held by a connection to the same shared cache
    8: ErrorClass.READ_ONLY,  # SQLITE_READONLY
    9: ErrorClass.QUERY_CANCELED,  # SQLITE_INTERRUPT
    10: ErrorClass.IO_ERROR,  # SQLITE_IOERR
    11: ErrorClass.DATA_CORRUPTED,  # SQLITE_CORRUPT
    13: ErrorClass.DISK_FULL,  # SQLITE_FULL
    14: ErrorClass.IO_ERROR,  # SQLITE_CANTOPEN
    18: ErrorClass.STRING_DATA_RIGHT_TRUNCATION,  # SQLITE_TOOBIG
    20: ErrorClass.DATATYPE_MISMATCH,  # SQLITE_MISMATCH
    23: ErrorClass.INSUFFICIENT_PRIVILEGE,  # SQLITE_AUTH
    26: ErrorClass.DATA_CORRUPTED,  # SQLITE_NOTADB
}

# Messages of SQLITE_ERROR. The first that is found decides, so the particular stand before the general.
_MESSAGES: Final = (
    (r"no such savepoint", ErrorClass.INVALID_SAVEPOINT_SPECIFICATION),
    (r"no transaction is active", ErrorClass.NO_ACTIVE_TRANSACTION),
    (
        r"in a transaction|inside a transaction",
        ErrorClass.ACTIVE_SQL_TRANSACTION,
    ),
    (r"no such table|no such view", ErrorClass.UNDEFINED_TABLE),
    (
        r"no such column|has no column named|unknown column|no such rowid|does not exist in table",
        ErrorClass.UNDEFINED_COLUMN,
    ),
    (r"no such function|wrong number of arguments to function|misuse of", ErrorClass.UNDEFINED_FUNCTION),
    (
        r"no such (index|trigger|collation sequence|module|database|vfs)|unknown database|no such window",
        ErrorClass.UNDEFINED_OBJECT,
    ),
    (r"^(table|view) .* already exists|already another table or index", ErrorClass.DUPLICATE_TABLE),
    (r"already exists|duplicate column name|is already in use|duplicate WITH table", ErrorClass.DUPLICATE_OBJECT),
    (r"malformed JSON|bad JSON path|JSON path error", ErrorClass.INVALID_TEXT_REPRESENTATION),
    (r"integer overflow", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
    (
        r"not authorized|may not be (modified|altered|dropped|indexed)|object name reserved",
        ErrorClass.INSUFFICIENT_PRIVILEGE,
    ),
    (
        r"because it is a view|to delete (table|view)|too (many|large)|at most|[Cc]annot add|cannot drop|"
        r"parser stack overflow|not supported|unsupported|is not (available|currently)",
        ErrorClass.FEATURE_NOT_SUPPORTED,
    ),
    (
        r"syntax error|incomplete input|unrecognized token|ambiguous column|columns? but|values? for|"
        r"same number of (result )?columns|number of terms|out of range|does not match any|not allowed|"
        r"a GROUP BY clause|row value|aggregate|columns assigned|sub-select returns|foreign key mismatch|"
        r"has no default|prohibited|duplicate|default value|PRIMARY KEY|AUTOINCREMENT|unknown (join|or)|"
        r"cannot (have|join|use|reference|modify|create|INSERT|UPSERT)|must|RAISE\(\)|no tables specified|circular",
        ErrorClass.SYNTAX_ERROR,
    ),
)

# Without a code: errors that the stdlib module itself raises, and all errors of a module that tells no codes.
_CODELESS: Final = (
    (r"closed database|closed connection|closed cursor|connection is closed", ErrorClass.CONNECTION_CLOSED),
    (r"too large to convert|integer overflow|longer than INT_MAX", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
    (
        r"[Cc]ould not decode|codec can't|surrogates not allowed|must be valid UTF-8",
        ErrorClass.INVALID_TEXT_REPRESENTATION,
    ),
    (r"one statement at a time|null character|null byte", ErrorClass.SYNTAX_ERROR),
    (r"UNIQUE constraint failed|PRIMARY KEY must be unique", ErrorClass.UNIQUE_VIOLATION),
    (r"NOT NULL constraint failed", ErrorClass.NOT_NULL_VIOLATION),
    (r"FOREIGN KEY constraint failed", ErrorClass.FOREIGN_KEY_VIOLATION),
    (r"CHECK constraint failed", ErrorClass.CHECK_VIOLATION),
    (r"datatype mismatch|cannot store .* value in", ErrorClass.DATATYPE_MISMATCH),
    (r"is locked", ErrorClass.BUSY),
    (r"readonly database", ErrorClass.READ_ONLY),
    (r"is full", ErrorClass.DISK_FULL),
    (r"disk I/O error|unable to open database", ErrorClass.IO_ERROR),
    (r"image is malformed|malformed database schema|not a database", ErrorClass.DATA_CORRUPTED),
    (r"too big", ErrorClass.STRING_DATA_RIGHT_TRUNCATION),
    (r"interrupted", ErrorClass.QUERY_CANCELED),
)

DECLARED: Final = frozenset(
    {
        *_BY_EXTENDED.values(),
        *_BY_PRIMARY.values(),
        *(error_class for _, error_class in _MESSAGES),
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.POOL_TIMEOUT,
    }
    # A statement has ended when ``start`` returns, so there is never one to cancel.
    - {ErrorClass.QUERY_CANCELED}
)
"""The classes that the adapter can give; each is provoked on the engine by the conformance suite."""


def failed(error: BaseException) -> Failed:
    """What a driver raised, as an outcome."""
    code = getattr(error, "sqlite_errorcode", None)
    text = str(error)
    if not isinstance(code, int):
        known = class_of_python_error(error) or first_match(_MESSAGES_WITHOUT_CODE, text) or ErrorClass.OTHER
        return Failed(known, text or type(error).__name__)
    return Failed(_by_code(code, text), text, None, code)


def control_failed(failure: Failed, transaction: TransactionControl, in_transaction: bool) -> Failed:
    """The failure of a transaction statement, by what the connection says of its state rather than by the message."""
    if failure.native not in (_ERROR, None):
        return failure
    match transaction.action:
        case TransactionAction.COMMIT | TransactionAction.ROLLBACK if not in_transaction:
            error_class = ErrorClass.NO_ACTIVE_TRANSACTION
        case TransactionAction.BEGIN if in_transaction:
            error_class = ErrorClass.ACTIVE_SQL_TRANSACTION
        case TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE:
            error_class = ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        case _:  # the message told it right, as for a SAVEPOINT with a wrong name
            return failure
    return failure._replace(error_class=error_class)


def class_by_message(text: str) -> ErrorClass | None:
    """The class of a message of SQLite's, for drivers of engines that took its messages over and no codes."""
    return first_match(_MESSAGES_WITHOUT_CODE, text)


def _by_code(code: int, text: str) -> ErrorClass:
    known = _BY_EXTENDED.get(code) or _BY_PRIMARY.get(code & 0xFF)
    if known is None and code & 0xFF == _ERROR:
        known = first_match(_MESSAGES, text)
    if known is None and code == _CONSTRAINT:
        # A drop-in module that tells primary codes only: which constraint it was stands in the message alone.
        known = first_match(_CODELESS, text)
    return known or ErrorClass.OTHER


_MESSAGES_WITHOUT_CODE: Final = _CODELESS + _MESSAGES
