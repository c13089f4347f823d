"""SQL Server: one way to each of its error classes. Run only where `SIMDSL_MSSQL_URL` names a server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Backend, Database
from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.sql import IsolationLevel
from simdsl.testing.engine_kit import (
    LIMIT_US,
    VALUES,
    EngineKit,
    Provocation,
    SqlClient,
    after,
    begin_statement,
    provoke_closed,
    provoke_pool_timeout,
)

SCHEMA: Final = (
    "CREATE TABLE t (id INT PRIMARY KEY, v INT CHECK (v >= 0), w NVARCHAR(MAX) NOT NULL DEFAULT '')",
    "CREATE TABLE child (id INT PRIMARY KEY, t INT REFERENCES t)",
    "CREATE VIEW seen AS SELECT id FROM t",
    "INSERT INTO t (id, v) VALUES (1, 1)",
)
_MONITOR_US: Final = 15_000_000  # the deadlock monitor comes by every five seconds


def begun(terminal: SqlClient, isolation: IsolationLevel) -> None:
    """A transaction at this level."""
    statement = terminal.backend.compile(begin_statement(isolation=isolation), {})
    assert not hasattr(statement, "reason")
    outcome = terminal.session.start(statement, ())
    assert not isinstance(outcome if outcome is not None else terminal.heard(), Failed)


def _not_available(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    other = SqlClient(backend, database)
    other.ok("SET LOCK_TIMEOUT 0")
    return other.say("UPDATE t SET v = 3 WHERE id = 1")


def _deadlock(backend: Backend, database: Database) -> Outcome:
    """The engine's own detection, which simdsl otherwise forestalls. Its victim is the session that was opened last."""
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("INSERT INTO t (id) VALUES (2)", "BEGIN", "UPDATE t SET v = 1 WHERE id = 1")
    b.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 2")
    assert a.begin("UPDATE t SET v = 1 WHERE id = 2") is None
    outcome = b.begin("UPDATE t SET v = 2 WHERE id = 1")
    deadline_ns = real_ns() + _MONITOR_US * 1_000
    while outcome is None and real_ns() < deadline_ns:
        outcome = b.heard()
    assert outcome is not None, "the engine saw no circle"
    return outcome


def _snapshot_conflict(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    begun(a, IsolationLevel.SNAPSHOT)
    a.ok("SELECT * FROM t")
    b.ok("UPDATE t SET v = 2")
    return a.say("UPDATE t SET v = 3")


def _canceled(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    waiter = SqlClient(backend, database)
    assert waiter.begin("UPDATE t SET v = 3 WHERE id = 1") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


def _killed(backend: Backend, database: Database) -> Outcome:
    victim, killer = SqlClient(backend, database), SqlClient(backend, database)
    assert isinstance(victim.session, OdbcSession)
    killer.ok(f"KILL {victim.session.engine_id}")
    deadline_ns = real_ns() + LIMIT_US * 1_000
    outcome = victim.say("SELECT 1")
    while not isinstance(outcome, Failed) and real_ns() < deadline_ns:
        outcome = victim.say("SELECT 1")
    return outcome


_DOOMED: Final = "BEGIN TRY SELECT CAST('x' AS INT) END TRY BEGIN CATCH DECLARE @x INT END CATCH"

_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: after("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: after("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: after("INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: after("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: after("SELECT FROM WHERE"),
    ErrorClass.UNDEFINED_TABLE: after("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: after("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: after("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: after("DROP INDEX missing ON t"),
    ErrorClass.DUPLICATE_TABLE: after("CREATE TABLE t (id INT)"),
    ErrorClass.DUPLICATE_OBJECT: after("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
    ErrorClass.DATATYPE_MISMATCH: after("CREATE TABLE m (x XML)", "INSERT INTO m VALUES (1)"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: after("SELECT 2147483647 + 1"),
    ErrorClass.DIVISION_BY_ZERO: after("SELECT 1 / 0"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: after("CREATE TABLE s (x VARCHAR(1))", "INSERT INTO s VALUES ('xy')"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: after("SELECT CAST('x' AS INT)"),
    ErrorClass.LOCK_NOT_AVAILABLE: _not_available,
    ErrorClass.DEADLOCK_DETECTED: _deadlock,
    ErrorClass.SNAPSHOT_CONFLICT: _snapshot_conflict,
    ErrorClass.IN_FAILED_SQL_TRANSACTION: after("SET XACT_ABORT ON", "BEGIN", _DOOMED),
    ErrorClass.NO_ACTIVE_TRANSACTION: after("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: after("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: after("BEGIN", "ROLLBACK TO missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_LOST: _killed,
    ErrorClass.CONNECTION_CLOSED: provoke_closed,
    ErrorClass.POOL_TIMEOUT: provoke_pool_timeout,
    ErrorClass.INSUFFICIENT_PRIVILEGE: after(
        "CREATE USER nobody WITHOUT LOGIN", "EXECUTE AS USER = 'nobody'", "DELETE FROM t"
    ),
    ErrorClass.FEATURE_NOT_SUPPORTED: after(
        "CREATE TABLE n (id INT IDENTITY, x INT)", "INSERT INTO n (id, x) VALUES (1, 1)"
    ),
}

_INFINITE: Final = float("inf")
_SUBNORMAL: Final = 5e-324

TSQL: Final = EngineKit(
    schema=SCHEMA,
    provocations=_PROVOCATIONS,
    values=(
        *(value for value in VALUES if value not in (_INFINITE, _SUBNORMAL)),
        True,
        False,
        Decimal("1.50"),
        date(2026, 1, 31),
        time(12, 30),
        datetime(2026, 1, 31, 12, 30),
    ),
    refused={_INFINITE: ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE},
    recursive="WITH",
    text_type="NVARCHAR(MAX)",
)

# What SQL Server says, by native number (sys.messages, English). 99999 is none of its numbers.
RECORDED: Final = (
    (
        2627,
        "Violation of PRIMARY KEY constraint 'PK__t'. Cannot insert duplicate key in object 'dbo.t'. The "
        "duplicate key value is (1).",
        ErrorClass.UNIQUE_VIOLATION,
    ),
    (
        2601,
        "Cannot insert duplicate key row in object 'dbo.t' with unique index 'i'. The duplicate key value is (1).",
        ErrorClass.UNIQUE_VIOLATION,
    ),
    (
        515,
        "Cannot insert the value NULL into column 'w', table 'd.dbo.t'; column does not allow nulls. INSERT fails.",
        ErrorClass.NOT_NULL_VIOLATION,
    ),
    (
        547,
        'The INSERT statement conflicted with the FOREIGN KEY constraint "FK__child". The conflict occurred '
        'in database "d", table "dbo.t", column \'id\'.',
        ErrorClass.FOREIGN_KEY_VIOLATION,
    ),
    (
        547,
        'The DELETE statement conflicted with the REFERENCE constraint "FK__child". The conflict occurred in '
        'database "d", table "dbo.child", column \'t\'.',
        ErrorClass.FOREIGN_KEY_VIOLATION,
    ),
    (
        547,
        'The DELETE statement conflicted with the SAME TABLE REFERENCE constraint "FK__t". The conflict '
        'occurred in database "d", table "dbo.t".',
        ErrorClass.FOREIGN_KEY_VIOLATION,
    ),
    (
        547,
        'The INSERT statement conflicted with the CHECK constraint "CK__t__v". The conflict occurred in '
        'database "d", table "dbo.t", column \'v\'.',
        ErrorClass.CHECK_VIOLATION,
    ),
    (8152, "String or binary data would be truncated.", ErrorClass.STRING_DATA_RIGHT_TRUNCATION),
    (
        2628,
        "String or binary data would be truncated in table 'd.dbo.s', column 'x'. Truncated value: 'x'.",
        ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
    ),
    (8134, "Divide by zero error encountered.", ErrorClass.DIVISION_BY_ZERO),
    (8115, "Arithmetic overflow error converting expression to data type int.", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
    (220, "Arithmetic overflow error for data type tinyint, value = 256.", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
    (232, "Arithmetic overflow error for type int, value = 3000000000.000000.", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
    (
        248,
        "The conversion of the varchar value '3000000000' overflowed an int column.",
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    ),
    (
        242,
        "The conversion of a varchar data type to a datetime data type resulted in an out-of-range value.",
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    ),
    (
        245,
        "Conversion failed when converting the varchar value 'x' to data type int.",
        ErrorClass.INVALID_TEXT_REPRESENTATION,
    ),
    (
        241,
        "Conversion failed when converting date and/or time from character string.",
        ErrorClass.INVALID_TEXT_REPRESENTATION,
    ),
    (8114, "Error converting data type varchar to numeric.", ErrorClass.INVALID_TEXT_REPRESENTATION),
    (
        8169,
        "Conversion failed when converting from a character string to uniqueidentifier.",
        ErrorClass.INVALID_TEXT_REPRESENTATION,
    ),
    (206, "Operand type clash: int is incompatible with xml", ErrorClass.DATATYPE_MISMATCH),
    (
        257,
        "Implicit conversion from data type varchar to varbinary is not allowed. Use the CONVERT function to "
        "run this query.",
        ErrorClass.DATATYPE_MISMATCH,
    ),
    (
        1205,
        "Transaction (Process ID 52) was deadlocked on lock resources with another process and has been "
        "chosen as the deadlock victim. Rerun the transaction.",
        ErrorClass.DEADLOCK_DETECTED,
    ),
    (1222, "Lock request time out period exceeded.", ErrorClass.LOCK_NOT_AVAILABLE),
    (3960, "Snapshot isolation transaction aborted due to update conflict.", ErrorClass.SNAPSHOT_CONFLICT),
    (208, "Invalid object name 'nowhere'.", ErrorClass.UNDEFINED_TABLE),
    (
        4902,
        'Cannot find the object "nowhere" because it does not exist or you do not have permissions.',
        ErrorClass.UNDEFINED_TABLE,
    ),
    (
        3701,
        "Cannot drop the table 'nowhere', because it does not exist or you do not have permission.",
        ErrorClass.UNDEFINED_TABLE,
    ),
    (
        3701,
        "Cannot drop the index 't.missing', because it does not exist or you do not have permission.",
        ErrorClass.UNDEFINED_OBJECT,
    ),
    (207, "Invalid column name 'missing'.", ErrorClass.UNDEFINED_COLUMN),
    (4104, 'The multi-part identifier "t.missing" could not be bound.', ErrorClass.UNDEFINED_COLUMN),
    (195, "'missing' is not a recognized built-in function name.", ErrorClass.UNDEFINED_FUNCTION),
    (
        4121,
        'Cannot find either column "dbo" or the user-defined function or aggregate "dbo.missing", or the name is ambiguous.',
        ErrorClass.UNDEFINED_FUNCTION,
    ),
    (2812, "Could not find stored procedure 'missing'.", ErrorClass.UNDEFINED_FUNCTION),
    (2714, "There is already an object named 't' in the database.", ErrorClass.DUPLICATE_TABLE),
    (
        1913,
        "The operation failed because an index or statistics with name 'i' already exists on table 't'.",
        ErrorClass.DUPLICATE_OBJECT,
    ),
    (102, "Incorrect syntax near 'x'.", ErrorClass.SYNTAX_ERROR),
    (105, "Unclosed quotation mark after the character string 'x'.", ErrorClass.SYNTAX_ERROR),
    (156, "Incorrect syntax near the keyword 'FROM'.", ErrorClass.SYNTAX_ERROR),
    (137, 'Must declare the scalar variable "@x".', ErrorClass.SYNTAX_ERROR),
    (3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.", ErrorClass.NO_ACTIVE_TRANSACTION),
    (3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.", ErrorClass.NO_ACTIVE_TRANSACTION),
    (628, "Cannot issue SAVE TRANSACTION when there is no active transaction.", ErrorClass.NO_ACTIVE_TRANSACTION),
    (
        6401,
        "Cannot roll back s. No transaction or savepoint of that name was found.",
        ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
    ),
    (
        3930,
        "The current transaction cannot be committed and cannot support operations that write to the log "
        "file. Roll back the transaction.",
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    ),
    (
        3998,
        "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.",
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    ),
    (
        229,
        "The SELECT permission was denied on the object 't', database 'd', schema 'dbo'.",
        ErrorClass.INSUFFICIENT_PRIVILEGE,
    ),
    (262, "CREATE TABLE permission denied in database 'd'.", ErrorClass.INSUFFICIENT_PRIVILEGE),
    (
        916,
        'The server principal "u" is not able to access the database "d" under the current security context.',
        ErrorClass.INSUFFICIENT_PRIVILEGE,
    ),
    (
        544,
        "Cannot insert explicit value for identity column in table 'n' when IDENTITY_INSERT is set to OFF.",
        ErrorClass.FEATURE_NOT_SUPPORTED,
    ),
    (3906, 'Failed to update database "d" because the database is read-only.', ErrorClass.READ_ONLY),
    (
        1105,
        "Could not allocate space for object 'dbo.t' in database 'd' because the 'PRIMARY' filegroup is full.",
        ErrorClass.DISK_FULL,
    ),
    (99999, "Something that nobody knows.", ErrorClass.OTHER),
)
