"""Tables that are made, kept and dropped wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from simdsl.backends.protocol import Backend, Statement
from simdsl.backends.wrapping import WrappedSession
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from tests.modes.faulty_sqlite import Faithful
from tests.mutation.bug import Bug, Kind, driver, wrapped
from tests.properties.planted import CreatesAnew, CreatesSilently, KeepsWhatIsDropped, LosesARowToAnIndex


class CommitsBeforeDdl(Faithful):
    """A change of the schema ends the transaction around it, and a new one is begun."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("CREATE", "DROP")) and self.connection.in_transaction:
            super().execute("COMMIT")
            try:
                return super().execute(sql, parameters)
            finally:
                self.connection.execute("BEGIN")
        return super().execute(sql, parameters)


class TellsCasesApart(Faithful):
    """A table whose name is written in capitals is another one, and is made beside it."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        words = sql.split(" ", 3)
        if words[:2] == ["CREATE", "TABLE"] and words[2].isupper():
            sql = f'CREATE TABLE IF NOT EXISTS "{words[2]} in capitals" {words[3]}'
        return super().execute(sql, parameters)


class ForgetsDefaults(Faithful):
    """A column's DEFAULT is not kept."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" DEFAULT 0", "") if sql.startswith("CREATE TABLE") else sql, parameters)


class DropsLate(Faithful):
    """DROP TABLE is done at the connection's next COMMIT, or never."""

    owed: tuple[str, ...] = ()

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("DROP TABLE") and not self.connection.in_transaction:
            self.owed += (sql,)
            return super().execute("SELECT 1 WHERE 0")
        if sql == "COMMIT":
            for one in self.owed:
                super().execute(one)
            self.owed = ()
        return super().execute(sql, parameters)


class _Tells(WrappedSession):
    """Tells an error of one class as one of another."""

    true: ErrorClass
    told: ErrorClass

    def start(self, statement: Statement, arguments: Any) -> Outcome | None:
        outcome = super().start(statement, arguments)
        if isinstance(outcome, Failed) and outcome.error_class is self.true:
            return outcome._replace(error_class=self.told)
        return outcome


class TellsDuplicateAsSyntax(_Tells):
    true, told = ErrorClass.DUPLICATE_TABLE, ErrorClass.SYNTAX_ERROR


class TellsUndefinedTableAsColumn(_Tells):
    true, told = ErrorClass.UNDEFINED_TABLE, ErrorClass.UNDEFINED_COLUMN


def _schema(name: str, does: str, model: str, make: Callable[[], Backend]) -> Bug:
    return Bug(name=name, does=does, model=model, make=make, kind=Kind.SCHEMA)


BUGS: Final = (
    _schema(
        "second-create-silent",
        "CREATE TABLE of a table that exists succeeds and does nothing.",
        "IF NOT EXISTS that nobody wrote",
        driver("second-create-silent", CreatesSilently),
    ),
    _schema(
        "second-create-empties",
        "CREATE TABLE of a table that exists fails and empties it.",
        "an error that comes behind the deed",
        driver("second-create-empties", CreatesAnew),
    ),
    _schema(
        "second-create-by-case",
        "CREATE TABLE does not find a table if the name is written in capitals.",
        "names that are folded in one place only",
        driver("second-create-by-case", TellsCasesApart),
    ),
    _schema(
        "drop-only-empties",
        "DROP TABLE empties the table.",
        "a drop that is done lazily",
        driver("drop-only-empties", KeepsWhatIsDropped),
    ),
    _schema(
        "drop-comes-late",
        "DROP TABLE outside of a transaction is done at the connection's next COMMIT.",
        "a drop that is done lazily",
        driver("drop-comes-late", DropsLate),
    ),
    _schema(
        "ddl-commits",
        "CREATE and DROP commit the transaction around them.",
        "the implicit commit of MySQL and Oracle, behind a driver that promises otherwise",
        driver("ddl-commits", CommitsBeforeDdl),
    ),
    _schema(
        "index-costs-a-row",
        "A new index costs the table `u` its last row, as does a DROP of another table.",
        "a table that is rewritten for a change of the schema",
        driver("index-costs-a-row", LosesARowToAnIndex),
    ),
    _schema(
        "default-forgotten",
        "A DEFAULT is not kept: the column is NULL where no value was given.",
        "a schema that is dumped and loaded again",
        driver("default-forgotten", ForgetsDefaults),
    ),
    _schema(
        "duplicate-table-misnamed",
        "The error of a table that exists is told as one of syntax.",
        "error codes that are mapped wrongly",
        wrapped(TellsDuplicateAsSyntax),
    ),
    _schema(
        "undefined-table-misnamed",
        "The error of a table that does not exist is told as one of a column.",
        "error codes that are mapped wrongly",
        wrapped(TellsUndefinedTableAsColumn),
    ),
)
