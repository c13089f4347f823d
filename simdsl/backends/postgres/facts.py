"""Where PostgreSQL does otherwise than most."""

from __future__ import annotations

from typing import Final

from simdsl.backends.facts import Deviation

DIFFERENCES: Final = (
    Deviation(
        rule="unknown_savepoint",
        does="Outside of a transaction ROLLBACK TO and RELEASE are `no_active_transaction`; inside, a savepoint that is not "
        "there fails the whole transaction.",
        why="an error leaves a transaction in a failed state until it is rolled back, to a savepoint or as a whole: "
        "https://www.postgresql.org/docs/current/tutorial-transactions.html",
    ),
    Deviation(
        rule="deferred_constraint_is_checked_by_commit",
        does="A COMMIT that a deferred constraint refuses has rolled back: no transaction is open afterwards.",
        why="https://www.postgresql.org/docs/current/sql-set-constraints.html",
    ),
)
