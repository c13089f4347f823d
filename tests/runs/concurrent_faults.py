"""A driver that is wrong only while several are at work."""

from __future__ import annotations

import sqlite3
from typing import Any, ClassVar

from tests.runs.faulty_sqlite import Faithful


class LosesACommitInACrowd(Faithful):
    """COMMIT undoes the transaction if two other connections have one open."""

    connections: ClassVar[set[sqlite3.Connection]] = set()

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.connections.add(self.connection)
        if sql == "COMMIT" and sum(map(_is_in_transaction, self.connections)) > 2:
            sql = "ROLLBACK"
        return super().execute(sql, parameters)


def _is_in_transaction(connection: sqlite3.Connection) -> bool:
    try:
        return connection.in_transaction
    except sqlite3.ProgrammingError:  # it is closed
        return False
