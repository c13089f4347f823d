"""What a connection in the place of sqlite3's gives back, all of it read: a cursor's face without a cursor."""

from __future__ import annotations

from typing import Any, NamedTuple

from simdsl.plan.values import Row


class Answer(NamedTuple):
    """As PEP 249 names these; only what the worlds of SQLite's family ask for."""

    description: Any  # a sequence as long as a row is wide, or None for what has no result set
    rows: list[Row]
    rowcount: int

    def fetchone(self) -> Row:
        """The only row, where one is certain."""
        return self.rows[0]

    def fetchall(self) -> list[Row]:
        """Every row."""
        return self.rows
