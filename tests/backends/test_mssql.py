"""SQL Server: what can be known without one, and the conformance suite where there is one.

No SQL Server can be installed from a package registry, so its errors are recorded ones, and what only it can show needs
`SIMDSL_MSSQL_URL`. What real drivers make of both is in `test_tds`.
"""

from __future__ import annotations

import os
from typing import ClassVar, Final

import pytest

from simdsl.backends.mssql import FACTS
from simdsl.backends.mssql import database as catalog
from simdsl.backends.mssql.backend import VARIABLE, MssqlBackend
from simdsl.backends.mssql.database import MssqlTable
from simdsl.backends.mssql.dsn import MssqlDsn, choose_driver, connection_string, decode_datetimeoffset, parse_dsn
from simdsl.backends.mssql.engine import classify
from simdsl.backends.protocol import Backend, BackendUnavailable, Refusal, Session, Tx
from simdsl.backends.registry import mask, resolve
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionMode, Variable
from simdsl.testing.conformance import Conformance
from simdsl.testing.engine_kit import LIMIT_US, EngineKit, SqlClient, begin_statement, parse_statement
from tests.backends.kits.tsql import RECORDED, TSQL

URL = "mssql://sa:s3cret@db.example:1444"
FREETDS = "FreeTDS"


class TestMssql(Conformance):
    """The whole suite, on a real server."""

    kit: ClassVar[EngineKit] = TSQL
    deviations: ClassVar[tuple[Deviation, ...]] = FACTS.deviations

    @pytest.fixture
    def backend(self) -> Backend:
        if not os.environ.get(VARIABLE):
            pytest.skip(f"no SQL Server: set {VARIABLE} to mssql://user:password@host")
        return resolve("mssql")

    def test_large_counts(self, a: SqlClient) -> None:
        series = "WITH n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)"
        assert a.affected(f"{series} INSERT INTO t (id) SELECT i FROM n OPTION (MAXRECURSION 2000)") == 1000

    def test_with_before_dml_counts(self, a: SqlClient) -> None:
        two = "WITH n AS (SELECT i FROM (VALUES (2), (3)) AS v (i))"
        assert a.affected(f"{two} INSERT INTO t (id) SELECT i FROM n") == 2
        assert a.affected(f"{two} DELETE FROM t WHERE id IN (SELECT i + 90 FROM n)") == 0

    def test_returning_counts_too(self, backend: Backend, a: SqlClient) -> None:
        assert a.say("INSERT INTO t (id) OUTPUT INSERTED.id VALUES (2), (3)") == Rows(1, [(2,), (3,)], 2)
        assert a.say("DELETE FROM t OUTPUT DELETED.id WHERE id = 99") == Rows(1, [], 0)

    def test_savepoints(self, backend: Backend, a: SqlClient) -> None:
        a.ok("BEGIN", "SAVEPOINT s", "DELETE FROM t", "ROLLBACK TO s", "COMMIT")
        assert a.rows("SELECT count(*) FROM t") == [(1,)]
        assert isinstance(backend.compile(parse_statement("RELEASE s"), {}), Refusal)

    @pytest.mark.parametrize("text", ["ROLLBACK TO s"])
    def test_unknown_savepoint(self, a: SqlClient, text: str) -> None:
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        a.ok("BEGIN")
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        assert a.session.tx() is Tx.OPEN

    def test_deferred_constraint_is_checked_by_commit(self, backend: Backend, a: SqlClient) -> None:
        assert not backend.capabilities.deferred_constraints
        a.ok("BEGIN")
        assert a.error("INSERT INTO child VALUES (1, 99)") is ErrorClass.FOREIGN_KEY_VIOLATION

    def test_commit_makes_visible(self, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "INSERT INTO t (id) VALUES (2)")
        assert b.begin("SELECT count(*) FROM t") is None
        a.ok("COMMIT")
        assert b.heard() == Rows(1, [(2,)])

    def test_circle_of_waiting_is_seen_and_broken_by_cancel(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        a.ok("INSERT INTO t (id, v) VALUES (2, 2)")
        a.ok("BEGIN", "UPDATE t SET v = 10 WHERE id = 1")
        b.ok("BEGIN", "UPDATE t SET v = 20 WHERE id = 2")
        assert b.begin("UPDATE t SET v = 21 WHERE id = 1") is None
        assert a.begin("UPDATE t SET v = 11 WHERE id = 2") is None
        both: list[Session] = [a.session, b.session]
        blockers = a.database.settle(both, LIMIT_US).blockers
        assert blockers == {a.session.id: {b.session.id}, b.session.id: {a.session.id}}
        b.session.cancel()
        canceled = b.heard()
        assert isinstance(canceled, Failed)
        assert canceled.error_class is ErrorClass.QUERY_CANCELED
        assert b.session.tx() is Tx.IDLE
        assert a.heard() == Affected(1)
        a.ok("COMMIT")
        assert a.rows("SELECT id, v FROM t ORDER BY id") == [(1, 10), (2, 11)]


class TestUrls:
    def test_parts(self) -> None:
        place = parse_dsn(
            "mssql://sa:p%40ss%2Fw@db.example:1444/start", {"encrypt": "no", "trust": "yes", "driver": "FreeTDS"}
        )
        assert place == MssqlDsn(
            host="db.example",
            port=1444,
            user="sa",
            password="p@ss/w",
            database="start",
            driver="FreeTDS",
            encrypt="no",
            trust="yes",
        )

    def test_defaults(self) -> None:
        assert parse_dsn("mssql://db.example", {}) == MssqlDsn(host="db.example")
        assert parse_dsn("mssql://[::1]:5", {}) == MssqlDsn(host="::1", port=5)

    @pytest.mark.parametrize(
        "url",
        ["mssql:db", "mssql:///db", "mssql://h:x", "mssql://h:99999", "mssql://h/a/b", "mssql://:p@h", "mssql://h:1:2"],
    )
    def test_no_url_of_a_server(self, url: str) -> None:
        with pytest.raises(BackendUnavailable, match="write mssql://user:password@host:1433"):
            parse_dsn(url, {})

    def test_parameters_are_known(self) -> None:
        with pytest.raises(BackendUnavailable, match="did you mean `encrypt`"):
            resolve(f"{URL}?encrypted=yes")
        with pytest.raises(BackendUnavailable, match="encrypt is yes, no or strict, not `maybe`"):
            resolve(f"{URL}?encrypt=maybe")
        with pytest.raises(BackendUnavailable, match="the pool `nowhere` is not module:factory"):
            resolve(f"{URL}?pool=nowhere")

    def test_url_selects_it_again_without_the_password(self) -> None:
        backend = resolve(f"{URL}/start?driver=FreeTDS&encrypt=no&trust=yes&pool=queuepool")
        assert backend.url == "mssql://sa:***@db.example:1444/start?driver=FreeTDS&encrypt=no&trust=yes&pool=queuepool"
        assert backend.url == mask(backend.url)
        assert "s3cret" not in repr(backend)
        assert resolve("mssql://h").url == "mssql://h"

    def test_name_alone_takes_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, f"{URL}?encrypt=no")
        assert resolve("mssql?trust=yes").url == "mssql://sa:***@db.example:1444?encrypt=no&trust=yes"

    def test_name_alone_says_what_it_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        with pytest.raises(BackendUnavailable, match="write mssql://user:password@host:1433, or set SIMDSL_MSSQL_URL"):
            resolve("mssql")


class TestConnectionStrings:
    PLACE: Final = MssqlDsn(host="db", user="sa", password="a;b}c", encrypt="no", trust="yes")

    def test_for_microsofts_driver(self) -> None:
        assert connection_string(self.PLACE, "ODBC Driver 18 for SQL Server", "mine") == (
            "DRIVER=ODBC Driver 18 for SQL Server;SERVER={db,1433};DATABASE=mine;UID=sa;PWD={a;b}}c};"
            "Encrypt=no;TrustServerCertificate=yes;"
        )

    def test_for_freetds(self) -> None:
        assert connection_string(self.PLACE, "/some/where/libtdsodbc.so", "mine") == (
            "DRIVER=/some/where/libtdsodbc.so;SERVER=db;PORT=1433;TDS_Version=7.4;ClientCharset=UTF-8;DATABASE=mine;"
            "UID=sa;PWD={a;b}c};Encryption=off;"
        )

    def test_freetds_checks_no_certificate(self) -> None:
        with pytest.raises(BackendUnavailable, match="needs Microsoft's driver"):
            connection_string(MssqlDsn(host="db", trust="no"), FREETDS, "mine")

    def test_without_a_user(self) -> None:
        assert "Trusted_Connection=yes" in connection_string(MssqlDsn(host="db"), FREETDS, "mine")

    def test_driver_of_the_url_comes_first(self) -> None:
        assert choose_driver(MssqlDsn(host="db", driver="mine")) == "mine"


class TestStatements:
    BACKEND: Final = MssqlBackend(dsn=MssqlDsn(host="db"))

    def text(self, statement: Sql) -> str:
        compiled = self.BACKEND.compile(statement, {})
        assert not isinstance(compiled, Refusal), compiled.reason
        return compiled.text

    def reason(self, statement: Sql) -> str:
        compiled = self.BACKEND.compile(statement, {})
        assert isinstance(compiled, Refusal)
        return compiled.reason

    def test_parameters_in_the_order_of_the_text(self) -> None:
        fragments = (
            "SELECT @@VERSION, ",
            Variable(name="y"),
            ", ",
            Variable(name="x"),
            " FROM ",
            Variable(name="t"),
            " WHERE a = ",
            Variable(name="y"),
        )
        compiled = self.BACKEND.compile(Sql(fragments=fragments, kind=SqlKind.QUERY), {"t": "odd ]name["})
        assert not isinstance(compiled, Refusal)
        assert compiled.text == "SELECT @@VERSION, ?, ? FROM [odd ]]name[] WHERE a = ?"
        assert compiled.parameters == ("y", "x", "y")

    @pytest.mark.parametrize("isolation", [None, *IsolationLevel], ids=str)
    def test_begin_sets_the_level_and_refuses_to_nest(self, isolation: IsolationLevel | None) -> None:
        level = (isolation or IsolationLevel.READ_COMMITTED).upper()
        assert self.text(begin_statement(isolation=isolation)) == (
            "IF @@TRANCOUNT > 0 RAISERROR('a transaction is open already', 16, 1) "
            f"ELSE BEGIN SET TRANSACTION ISOLATION LEVEL {level}; BEGIN TRANSACTION END"
        )

    def test_the_level_ends_with_the_transaction(self) -> None:
        assert self.text(parse_statement("COMMIT")) == "COMMIT TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        assert (
            self.text(parse_statement("ROLLBACK")) == "ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        )

    def test_savepoints(self) -> None:
        assert self.text(parse_statement("SAVEPOINT s")) == "SAVE TRANSACTION s"
        assert self.text(parse_statement("ROLLBACK TO s")) == "ROLLBACK TRANSACTION s"

    def test_what_it_has_not_is_refused(self) -> None:
        assert "no RELEASE" in self.reason(parse_statement("RELEASE s"))
        assert "no READ ONLY" in self.reason(begin_statement(read_only=True))
        for mode in TransactionMode:
            assert f"no BEGIN {mode.upper()}" in self.reason(begin_statement(mode=mode))
        assert "BEGIN TRANSACTION" in self.text(begin_statement(read_only=False))


class TestErrors:
    """The mapping alone; `test_tds` sends the same numbers through real drivers."""

    @pytest.mark.parametrize(("native", "text", "error_class"), RECORDED, ids=[str(native) for native, _, _ in RECORDED])
    def test_native_number_decides(self, native: int, text: str, error_class: ErrorClass) -> None:
        outcome = classify(Exception("42000", f"[42000] [FreeTDS][SQL Server]{text} ({native}) (SQLExecDirectW)"))
        assert outcome == Failed(error_class, text, "42000", native)

    @pytest.mark.parametrize(
        ("sqlstate", "native", "text", "error_class"),
        [
            ("08S01", 20006, "Write to the server failed", ErrorClass.CONNECTION_LOST),
            (
                "08S01",
                20009,
                "Unable to connect: Adaptive Server is unavailable or does not exist",
                ErrorClass.CONNECTION_LOST,
            ),
            ("08S01", 10054, "TCP Provider: Error code 0x2746", ErrorClass.CONNECTION_LOST),
            (
                "08S01",
                596,
                "Cannot continue the execution because the session is in the kill state.",
                ErrorClass.CONNECTION_LOST,
            ),
            (
                "HY000",
                596,
                "Cannot continue the execution because the session is in the kill state.",
                ErrorClass.CONNECTION_LOST,
            ),
            ("HY008", 0, "Operation was cancelled", ErrorClass.QUERY_CANCELED),
            ("HYT00", 0, "Query timeout expired", ErrorClass.STATEMENT_TIMEOUT),
            ("HYT00", 1222, "Lock request time out period exceeded.", ErrorClass.LOCK_NOT_AVAILABLE),
            ("42S02", 99999, "Something about a table", ErrorClass.UNDEFINED_TABLE),
            ("HYC00", 0, "Optional feature not implemented", ErrorClass.FEATURE_NOT_SUPPORTED),
        ],
    )
    def test_what_the_driver_says_itself(self, sqlstate: str, native: int, text: str, error_class: ErrorClass) -> None:
        outcome = classify(Exception(sqlstate, f"[{sqlstate}] [FreeTDS][SQL Server]{text} ({native}) (SQLExecDirectW)"))
        assert outcome == Failed(error_class, text, sqlstate, native or None)

    def test_first_record_decides(self) -> None:
        several = (
            "[23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Violation of PRIMARY KEY constraint 'p'. (2627) "
            "(SQLExecDirectW); [23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]The statement has been "
            "terminated. (3621)"
        )
        assert classify(Exception("23000", several)) == Failed(
            ErrorClass.UNIQUE_VIOLATION, "Violation of PRIMARY KEY constraint 'p'.", "23000", 2627
        )


class TestMoments:
    def test_datetimeoffset(self) -> None:
        raw = bytes.fromhex("ea07 0100 1f00 0c00 1e00 0500 40420f00 0200 0000".replace(" ", ""))
        assert decode_datetimeoffset(raw).isoformat() == "2026-01-31T10:30:05.001000+00:00"
        with pytest.raises(ValueError, match="in 3 bytes"):
            decode_datetimeoffset(b"abc")


class TestRestoring:
    """The text that brings rows back."""

    PARENT: Final = MssqlTable(schema="dbo", name="t]", columns=("id", "v"), identity=(1, 2), last_identity=7)
    CHILD: Final = MssqlTable(schema="s", name="child", columns=("id",), refers_to=frozenset({"[dbo].[t]]]"}))

    def test_tables_from_the_catalog(self) -> None:
        columns = [
            ("dbo", "a", "id", 1, 1, None, 1),
            ("dbo", "a", "b", 1, 1, None, 1),
            ("dbo", "b", None, None, None, None, 0),
        ]
        references = [("dbo", "a", "dbo", "b"), ("dbo", "a", "dbo", "a")]
        assert catalog.read_tables(columns, references) == (
            MssqlTable(schema="dbo", name="a", columns=("id", "b"), refers_to=frozenset({"[dbo].[b]"}), identity=(1, 1)),
            MssqlTable(schema="dbo", name="b", columns=(), is_plain=False),
        )

    def test_referenced_tables_are_filled_first(self) -> None:
        assert catalog.foreign_key_order([self.CHILD, self.PARENT]) == (self.PARENT, self.CHILD)

    def test_circle_has_no_order(self) -> None:
        one = MssqlTable(schema="dbo", name="a", columns=("x",), refers_to=frozenset({"[dbo].[b]"}))
        other = MssqlTable(schema="dbo", name="b", columns=("x",), refers_to=frozenset({"[dbo].[a]"}))
        assert catalog.foreign_key_order([one, other]) is None

    def test_refilling(self) -> None:
        assert catalog.refill_batch([self.PARENT, self.CHILD], "[d]", "[k]").split(";\n") == [
            "SET NOCOUNT ON",
            "SET XACT_ABORT ON",
            "BEGIN TRANSACTION",
            "DELETE FROM [d].[s].[child]",
            "DELETE FROM [d].[dbo].[t]]]",
            "SET IDENTITY_INSERT [d].[dbo].[t]]] ON",
            "INSERT INTO [d].[dbo].[t]]] ([id], [v]) SELECT [id], [v] FROM [k].[dbo].[t]]]",
            "SET IDENTITY_INSERT [d].[dbo].[t]]] OFF",
            "IF EXISTS (SELECT 1 FROM [d].sys.identity_columns WHERE object_id = OBJECT_ID(N'[d].[dbo].[t]]]') AND "
            "last_value IS NULL) DBCC CHECKIDENT (N'[d].[dbo].[t]]]', RESEED, 9) WITH NO_INFOMSGS "
            "ELSE IF EXISTS (SELECT 1 FROM [d].sys.identity_columns WHERE object_id = OBJECT_ID(N'[d].[dbo].[t]]]') AND "
            "CONVERT(bigint, last_value) <> 7) DBCC CHECKIDENT (N'[d].[dbo].[t]]]', RESEED, 7) WITH NO_INFOMSGS",
            "INSERT INTO [d].[s].[child] ([id]) SELECT [id] FROM [k].[s].[child]",
            "COMMIT TRANSACTION",
            "SET XACT_ABORT OFF",
            "SET NOCOUNT OFF",
        ]

    def test_identity_that_was_never_used_begins_anew(self) -> None:
        (text,) = catalog.reseed_statements(self.PARENT, "[d]", None)
        assert "last_value IS NOT NULL) DBCC CHECKIDENT (N'[d].[dbo].[t]]]', RESEED, -1)" in text
