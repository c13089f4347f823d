"""What real drivers make of the backend `mssql`: what they send, word for word, and what they make of what comes back.

At the other end is a listener that speaks the protocol and runs no SQL (`tests.backends.tds`). So this shows that logins,
batches, errors and cancels go through pyodbc and the driver as the backend expects, not that SQL Server likes the batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

import pytest

from simdsl.backends.mssql.backend import MssqlBackend
from simdsl.backends.mssql.dsn import MssqlDsn, choose_driver
from simdsl.backends.odbc import driver as odbc
from simdsl.backends.protocol import BackendUnavailable, Database, Tx
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset, ResetMode
from simdsl.testing.conformance import lent
from simdsl.testing.engine_kit import LIMIT_US, SqlClient
from tests.backends.kits.tsql import RECORDED
from tests.backends.tds import Listener, Login, done, error, table

FREETDS: Final = "FreeTDS"
MICROSOFT: Final = "mssql_python_odbc"
PASSWORD: Final = "p}w;x 'q\"=é"


class Script:
    """The answers of a server on which nothing happens but what a test says."""

    def __init__(self) -> None:
        self.may_create = self.may_look = 1
        self.depth = 0
        self.blocked: list[tuple[int, int]] = []
        self.fingerprint = 1
        self.replies: dict[str, bytes | None] = {}  # by the whole text
        self.about: dict[str, bytes] = {}  # by a part of it
        self._spid = 50

    def answer(self, text: str) -> bytes | None:
        if text in self.replies:
            return self.replies[text]
        for part, reply in self.about.items():
            if part in text:
                return reply
        if "HAS_PERMS_BY_NAME" in text:
            return table((self.may_create, self.may_look))
        if text == "SELECT @@SPID":
            self._spid += 1
            return table((self._spid,))
        if "XACT_STATE()" in text:
            return table((self.depth, 1 if self.depth else 0))
        if "sys.dm_exec_requests" in text:
            return table(*self.blocked, like=(0, 0))
        if "CHECKSUM_AGG" in text:
            return table((1, self.fingerprint, None))
        if "physical_name" in text:
            return table(("main", "/data/main.mdf"))
        if "sys.foreign_keys" in text:
            return table(like=("", "", "", ""))
        if "sys.identity_columns" in text and text.lstrip().startswith("SELECT"):
            return table(("dbo", "t", "id", 1, 1, None, 1), like=("", "", "", 0, 0, 0, 0))
        return done()


@pytest.fixture
def registered() -> tuple[str, ...]:
    """The drivers that the driver manager knows."""
    try:
        return odbc.drivers()
    except BackendUnavailable as problem:
        pytest.skip(str(problem))


@pytest.fixture
def freetds(registered: tuple[str, ...]) -> str:
    """FreeTDS."""
    if FREETDS not in registered:
        pytest.skip("FreeTDS is not installed: apt-get install unixodbc tdsodbc")
    return FREETDS


@pytest.fixture(params=[FREETDS, MICROSOFT])
def driver(request: pytest.FixtureRequest, registered: tuple[str, ...]) -> str:
    """Each driver for SQL Server that this machine has."""
    if request.param == FREETDS:
        return str(request.getfixturevalue("freetds"))
    if find_spec(MICROSOFT) is None:
        pytest.skip("Microsoft's driver is not installed: pip install mssql-python-odbc")
    return choose_driver(MssqlDsn(host="db"))


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def listener(script: Script) -> Iterator[Listener]:
    with Listener(script.answer) as listener:
        yield listener


@pytest.fixture
def backend(driver: str, listener: Listener) -> MssqlBackend:
    place = MssqlDsn(host="127.0.0.1", port=listener.port, user="s;a", password=PASSWORD, driver=driver, encrypt="no")
    return MssqlBackend(dsn=place)


@pytest.fixture
def database(backend: MssqlBackend) -> Iterator[Database]:
    database = backend.create()
    yield database
    database.close()


@pytest.fixture
def a(backend: MssqlBackend, database: Database) -> SqlClient:
    return SqlClient(backend, database)


def heard(listener: Listener) -> list[str]:
    """Batches as they came, the name of the database put out of the way, without what pyodbc asks by itself."""
    texts = (re.sub(r"simdsl_[0-9a-f]{16}", "NAME", text) for text in listener.batches)
    return [text for text in texts if not text.startswith(("sp_datatype_info", "(a call"))]


class TestLogin:
    def test_user_password_and_database_arrive_as_they_are(self, listener: Listener, database: Database) -> None:
        session = database.open()
        assert listener.logins[0] == Login(user="s;a", password=PASSWORD, database="master")
        assert re.fullmatch(r"simdsl_[0-9a-f]{16}", listener.logins[1].database)
        session.close()

    def test_refused_login_is_said_without_the_password(self, driver: str) -> None:
        with Listener(lambda _: done()) as listener:
            listener.refuse = error(18456, f"Login failed for user 's;a' with {PASSWORD}.", severity=14)
            place = MssqlDsn(
                host="127.0.0.1", port=listener.port, user="s;a", password=PASSWORD, driver=driver, encrypt="no"
            )
            with pytest.raises(BackendUnavailable, match="Login failed for user") as caught:
                MssqlBackend(dsn=place).create()
            assert PASSWORD not in str(caught.value)

    def test_server_that_is_not_there(self, freetds: str) -> None:
        with Listener(lambda _: done()) as listener:
            port = listener.port
        with pytest.raises(BackendUnavailable, match=f"mssql: 127.0.0.1:{port}: "):
            MssqlBackend(dsn=MssqlDsn(host="127.0.0.1", port=port, user="sa", driver=freetds)).create()

    def test_driver_that_is_not_there(self, registered: tuple[str, ...]) -> None:
        with pytest.raises(BackendUnavailable, match="nowhere"):
            MssqlBackend(dsn=MssqlDsn(host="127.0.0.1", user="sa", driver="/nowhere/driver.so")).create()

    @pytest.mark.parametrize(("right", "field"), [("CREATE ANY DATABASE", "may_create"), ("VIEW SERVER STATE", "may_look")])
    def test_missing_right_is_said(self, backend: MssqlBackend, script: Script, right: str, field: str) -> None:
        setattr(script, field, 0)
        with pytest.raises(BackendUnavailable, match=f"needs the right {right}"):
            backend.create()

    def test_describes_the_server(self, backend: MssqlBackend, listener: Listener, script: Script) -> None:
        version = "SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), "
        script.replies[f"{version}CONVERT(nvarchar(128), SERVERPROPERTY('Edition'))"] = table(("16.0.4", "Express"))
        description = backend.describe()
        assert (description.engine, description.engine_version) == ("Microsoft SQL Server, Express", "16.0.4")
        assert "/" not in description.driver


class TestWords:
    """The conversation of a database, from its making to its end."""

    def test_database_is_made_and_dropped(self, backend: MssqlBackend, listener: Listener) -> None:
        backend.create().close()
        assert heard(listener)[2:] == [
            "CREATE DATABASE [NAME]",
            "ALTER DATABASE [NAME] SET READ_COMMITTED_SNAPSHOT OFF",
            "ALTER DATABASE [NAME] SET ALLOW_SNAPSHOT_ISOLATION ON",
            "ALTER DATABASE [NAME] SET RECOVERY SIMPLE",
            "ALTER DATABASE [NAME] SET DELAYED_DURABILITY = FORCED",
            "DROP DATABASE IF EXISTS [NAME_kept]",
            "IF DB_ID(N'NAME') IS NOT NULL ALTER DATABASE [NAME] SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
            "DROP DATABASE IF EXISTS [NAME]",
        ]

    def test_database_that_cannot_be_set_up_is_dropped(
        self, backend: MssqlBackend, script: Script, listener: Listener
    ) -> None:
        script.about["SET RECOVERY"] = error(5058, "Option cannot be set.")
        with pytest.raises(BackendUnavailable, match="Option cannot be set"):
            backend.create()
        assert heard(listener)[-1] == "DROP DATABASE IF EXISTS [NAME]"

    def test_session_greets_and_transactions_are_text(self, a: SqlClient, script: Script, listener: Listener) -> None:
        before = len(heard(listener))
        a.ok("BEGIN", "SAVEPOINT s", "ROLLBACK TO s", "COMMIT")
        script.depth = 1
        assert a.session.tx() is Tx.OPEN
        a.session.quiesce()
        # A statement that is slow for once makes the observer ask whether it waits.
        own = [text for text in heard(listener)[before:] if "dm_exec_requests" not in text]
        assert own == [
            "IF @@TRANCOUNT > 0 RAISERROR('a transaction is open already', 16, 1) "
            "ELSE BEGIN SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN TRANSACTION END",
            "SAVE TRANSACTION s",
            "ROLLBACK TRANSACTION s",
            "COMMIT TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SELECT @@TRANCOUNT, XACT_STATE()",
            "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        ]
        greeting = next(text for text in heard(listener) if "SET DATEFORMAT" in text)
        assert "SET XACT_ABORT OFF; SET LOCK_TIMEOUT -1" in greeting
        assert greeting.endswith("SET DEADLOCK_PRIORITY 9")

    def test_state_is_asked_only_when_something_has_happened(self, a: SqlClient, listener: Listener) -> None:
        a.ok("SELECT 1")
        before = len(heard(listener))
        assert [a.session.tx() for _ in range(3)] == [Tx.IDLE] * 3
        assert len(heard(listener)) == before + 1

    def test_rows_come_back_in_one_batch(self, a: SqlClient, database: Database, listener: Listener) -> None:
        a.session.close()
        database.snapshot()
        files = "(NAME = [main], FILENAME = N'/data/main.mdf.kept')"
        assert f"CREATE DATABASE [NAME_kept] ON {files} AS SNAPSHOT OF [NAME]" in heard(listener)
        other = SqlClient(a.backend, database)
        other.ok("INSERT INTO t VALUES (1)")
        database.restore()
        assert heard(listener)[-1].startswith("SET NOCOUNT ON;\nSET XACT_ABORT ON;\nBEGIN TRANSACTION;\nDELETE FROM")

    @pytest.mark.parametrize("text", ["CREATE USER u WITHOUT LOGIN", "SET ANSI_NULLS OFF", "INSERT INTO t EXEC p"])
    def test_more_than_rows_reverts_the_database(
        self, a: SqlClient, database: Database, listener: Listener, text: str
    ) -> None:
        database.snapshot()
        SqlClient(a.backend, database).ok(text)
        database.restore()
        assert self.reverted(listener)

    def test_changed_object_reverts_the_database(
        self, a: SqlClient, database: Database, script: Script, listener: Listener
    ) -> None:
        database.snapshot()
        SqlClient(a.backend, database).ok("SELECT 1 AS x INTO made")
        script.fingerprint = 2
        database.restore()
        assert self.reverted(listener)

    def test_reset(self, database: Database, listener: Listener) -> None:
        assert database.reset(Reset(tables=("T", "nowhere"), mode=ResetMode.TRUNCATE)) is None
        (text,) = [text for text in heard(listener) if text.startswith("SET XACT_ABORT ON")]
        assert text.split(";\n")[2] == "DELETE FROM [NAME].[dbo].[t]"
        assert "RESEED, 0)" in text

    def test_end_state_reads_what_is_committed(self, database: Database, script: Script, listener: Listener) -> None:
        script.about["].[dbo].[t]"] = table((2, "b"), (1, None))
        assert database.end_state() == {"t": Rows(2, [(1, None), (2, "b")])}
        assert "SET TRANSACTION ISOLATION LEVEL SNAPSHOT" in heard(listener)

    def reverted(self, listener: Listener) -> bool:
        return heard(listener)[-4:-1] == [
            "ALTER DATABASE [NAME] SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
            "RESTORE DATABASE [NAME] FROM DATABASE_SNAPSHOT = N'NAME_kept'",
            "ALTER DATABASE [NAME] SET MULTI_USER",
        ]


class TestAnswers:
    @pytest.mark.parametrize(("native", "text", "error_class"), RECORDED, ids=[str(native) for native, _, _ in RECORDED])
    def test_recorded_error_keeps_its_number_and_text(
        self, a: SqlClient, script: Script, native: int, text: str, error_class: ErrorClass
    ) -> None:
        script.replies["PROVOKE"] = error(native, text)
        outcome = a.say("PROVOKE")
        assert isinstance(outcome, Failed)
        assert outcome._replace(sqlstate=None) == Failed(error_class, text, None, native)

    def test_error_behind_a_count_is_the_outcome(self, a: SqlClient, script: Script) -> None:
        script.replies["BATCH"] = done(status=1, count=1) + error(8134, "Divide by zero error encountered.")
        assert a.error("BATCH") is ErrorClass.DIVISION_BY_ZERO

    def test_counts_before_the_rows_are_passed_over(self, a: SqlClient, script: Script) -> None:
        script.replies["SELECT ROWS"] = done(status=1, count=3) + done(status=1, count=4) + table((7, "x"))
        assert a.say("SELECT ROWS") == Rows(2, [(7, "x")])

    def test_count_of_the_statement_comes_after_those_of_its_triggers(self, a: SqlClient, script: Script) -> None:
        script.replies["INSERT ONE"] = done(status=1, count=3) + done(count=1)
        assert a.say("INSERT ONE") == Affected(1)

    def test_output_counts_its_rows(self, a: SqlClient, script: Script) -> None:
        script.replies["INSERT TWO"] = table((1,), (2,))
        assert a.say("INSERT TWO") == Rows(1, [(1,), (2,)], 2)

    def test_nested_begin(self, a: SqlClient, script: Script) -> None:
        script.replies[a.compiled("BEGIN").text] = error(50000, "a transaction is open already")
        outcome = a.say("BEGIN")
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.by) == (ErrorClass.ACTIVE_SQL_TRANSACTION, "simdsl")

    def test_savepoint_without_a_transaction(self, a: SqlClient, script: Script) -> None:
        script.replies["ROLLBACK TRANSACTION s"] = error(3903, "The ROLLBACK TRANSACTION request has no ...")
        assert a.error("ROLLBACK TO s") is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION

    def test_pool_rolls_back_by_text(self, a: SqlClient, database: Database, listener: Listener) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        assert pool.release(lease) is None
        assert heard(listener)[-1].startswith("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")

    def test_hang_up_is_a_lost_connection(self, a: SqlClient, script: Script) -> None:
        script.replies["SELECT HANG UP"] = b""
        assert a.error("SELECT HANG UP") is ErrorClass.CONNECTION_LOST
        assert a.session.tx() is Tx.LOST
        assert a.error("SELECT 1") is ErrorClass.CONNECTION_LOST


class TestWaiting:
    def test_who_waits_for_whom_is_told_by_own_numbers(self, a: SqlClient, database: Database, script: Script) -> None:
        b = SqlClient(a.backend, database)
        script.replies["UPDATE WAITS"] = None
        script.blocked = [(52, 51)]
        assert b.begin("UPDATE WAITS") is None
        assert database.settle([b.session], LIMIT_US).blockers == {b.session.id: {a.session.id}}
        b.session.cancel()
        b.heard()

    def test_stranger_is_not_told(self, a: SqlClient, database: Database, script: Script) -> None:
        script.replies["UPDATE WAITS"] = None
        script.blocked = [(51, 99)]
        assert a.session.start(a.compiled("UPDATE WAITS"), ()) is None
        assert database.settle([a.session], 20_000).blockers == {}
        a.session.cancel()
        a.heard()

    def test_cancelled_session_is_rolled_back_before_it_says_so(
        self, a: SqlClient, script: Script, listener: Listener
    ) -> None:
        script.replies["UPDATE WAITS"] = None
        assert a.session.start(a.compiled("UPDATE WAITS"), ()) is None
        a.session.cancel()
        outcome = a.heard()
        assert isinstance(outcome, Failed)
        assert outcome.error_class is ErrorClass.QUERY_CANCELED
        assert listener.attentions
        assert heard(listener)[-1].startswith("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
        assert a.session.tx() is Tx.IDLE
