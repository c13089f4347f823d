"""Microsoft SQL Server, through pyodbc and Microsoft's driver or FreeTDS.

The package itself holds the facts about the backend, and imports no driver: see ``plan.backend_facts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.sqlite import QUEUE_POOL_OPTION
from simdsl.plan.backend_facts import BackendFacts, Deviation, UrlForm
from simdsl.plan.sql import Dialect


def url_of_options(values: Mapping[str, str]) -> str:
    """The URL that ``--mssql-host`` and its like mean."""
    from urllib.parse import quote  # 3 ms of start-up, needed only where such an option is given

    user = quote(values.get("user", ""), safe="")
    password = f":{quote(values['password'], safe='')}" if "password" in values else ""
    port = f":{values['port']}" if "port" in values else ""
    at = "@" if user or password else ""
    driver = f"?driver={quote(values['driver'], safe='')}" if "driver" in values else ""
    return f"mssql://{user}{password}{at}{values.get('host', 'localhost')}{port}/{quote(values.get('dbname', ''))}{driver}"


FACTS: Final = BackendFacts(
    name="mssql",
    engine="SQL Server",
    dialect=Dialect.TSQL,
    schemes=("mssql",),
    url_forms=(
        UrlForm(
            urls=("mssql://user:password@host:1433",),
            selects="a database of simdsl's own on that server; `mssql` means `SIMDSL_MSSQL_URL`",
        ),
    ),
    url_options={
        "driver": "an ODBC driver by the name it is installed as; else Microsoft's from PyPI, an installed one, FreeTDS",
        "encrypt": "`yes`, `no` or `strict`, as the driver takes it",
        "trust": "`yes`: any certificate of the server will do",
        "pool": QUEUE_POOL_OPTION,
    },
    extra="mssql",
    runs_generated_plans=False,  # what they expect has not been tried on a server
    locks_rows=True,
    option_prefix="mssql",
    url_of_options=url_of_options,
    page="how-to/test-on-sql-server.md",
    example_url="mssql://host/",
    deviations=(
        Deviation(
            rule="large_counts",
            does="WITH stands before INSERT, has no RECURSIVE, and recurs 100 times unless OPTION (MAXRECURSION n) "
            "says more.",
            why="https://learn.microsoft.com/sql/t-sql/queries/with-common-table-expression-transact-sql",
        ),
        Deviation(
            rule="with_before_dml_counts",
            does="VALUES is no query of its own: SELECT ... FROM (VALUES ...) AS v (i).",
            why="https://learn.microsoft.com/sql/t-sql/queries/table-value-constructor-transact-sql",
        ),
        Deviation(
            rule="returning_counts_too",
            does="OUTPUT INSERTED.x or DELETED.x, before VALUES or WHERE, does what RETURNING does elsewhere.",
            why="https://learn.microsoft.com/sql/t-sql/queries/output-clause-transact-sql",
        ),
        Deviation(
            rule="savepoints",
            does="There is no RELEASE: a savepoint lasts until its transaction ends, and a plan that releases one "
            "is skipped.",
            why="https://learn.microsoft.com/sql/t-sql/language-elements/save-transaction-transact-sql",
        ),
        Deviation(
            rule="unknown_savepoint",
            does="ROLLBACK TO is refused and leaves the transaction open; RELEASE does not exist.",
            why="https://learn.microsoft.com/sql/t-sql/language-elements/rollback-transaction-transact-sql",
        ),
        Deviation(
            rule="deferred_constraint_is_checked_by_commit",
            does="A constraint is checked by the statement; none can be deferred.",
            why="https://learn.microsoft.com/sql/relational-databases/tables/primary-and-foreign-key-constraints",
        ),
        Deviation(
            rule="commit_makes_visible",
            does="A reader waits for a writer: READ COMMITTED takes shared locks unless READ_COMMITTED_SNAPSHOT is on.",
            why="https://learn.microsoft.com/sql/t-sql/statements/set-transaction-isolation-level-transact-sql",
        ),
        Deviation(
            rule="circle_of_waiting_is_seen_and_broken_by_cancel",
            does="simdsl rolls the cancelled session back, as the engine does with a victim: by itself it would keep "
            "its locks.",
            why="https://learn.microsoft.com/sql/relational-databases/sql-server-deadlocks-guide",
        ),
    ),
)
