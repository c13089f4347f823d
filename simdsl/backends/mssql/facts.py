"""Where SQL Server does otherwise than most."""

from __future__ import annotations

from typing import Final

from simdsl.backends.facts import Deviation

DIFFERENCES: Final = (
    Deviation(
        rule="large_counts",
        does="WITH stands before INSERT, has no RECURSIVE, and recurs 100 times unless OPTION (MAXRECURSION n) says more.",
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
        does="There is no RELEASE: a savepoint lasts until its transaction ends, and a plan that releases one is skipped.",
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
        does="simdsl rolls the cancelled session back, as the engine does with a victim: by itself it would keep its locks.",
        why="https://learn.microsoft.com/sql/relational-databases/sql-server-deadlocks-guide",
    ),
)
"""For the reference, and for the conformance suite, which tests each where there is a server."""
