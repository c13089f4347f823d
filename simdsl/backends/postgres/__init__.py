"""PostgreSQL, through psycopg 3 driven without blocking, on a throwaway server or on one of the user's.

The package itself holds the facts about the backend, and imports no driver: see ``plan.backend_facts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.plan.backend_facts import BackendFacts, Deviation, UrlForm
from simdsl.plan.sql import Dialect


def url_of_options(values: Mapping[str, str]) -> str:
    """The URL that ``--pg-host`` and its like mean: libpq's parameters, because a host may be a socket's directory."""
    from urllib.parse import quote  # 3 ms of start-up, needed only where such an option is given

    return "postgresql://?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items())


FACTS: Final = BackendFacts(
    name="postgres",
    engine="PostgreSQL",
    dialect=Dialect.POSTGRES,
    schemes=("postgres", "postgresql"),
    url_forms=(
        UrlForm(
            urls=("postgres",),
            selects="a throwaway server, or the one that `PGHOST`, `PGHOSTADDR` or `PGSERVICE` names",
        ),
        UrlForm(
            urls=("postgresql://user@host/db?sslmode=require",),
            selects="a database of simdsl's own on that server; the URL is libpq's",
        ),
    ),
    url_options={
        "pool": "`psycopg_pool` (the default), `queuepool`, or `module:factory`",
        "server": "`embedded`: the throwaway server, whatever libpq's environment says",
    },
    locks_rows=True,
    option_prefix="pg",
    url_of_options=url_of_options,
    page="how-to/test-on-postgresql.md",
    preloads=("simdsl.backends.postgres.database", "simdsl.backends.postgres.psycopgpool"),
    deviations=(
        Deviation(
            rule="unknown_savepoint",
            does="Outside of a transaction ROLLBACK TO and RELEASE are `no_active_transaction`; inside, a savepoint that "
            "does not exist fails the whole transaction.",
            why="an error leaves a transaction in a failed state until it is rolled back, to a savepoint or as a whole: "
            "https://www.postgresql.org/docs/current/tutorial-transactions.html",
        ),
        Deviation(
            rule="deferred_constraint_is_checked_by_commit",
            does="A COMMIT that a deferred constraint refuses has rolled back: no transaction is open afterwards.",
            why="https://www.postgresql.org/docs/current/sql-set-constraints.html",
        ),
    ),
)
