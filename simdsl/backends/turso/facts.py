"""Where Turso does otherwise than the conformance suite expects."""

from __future__ import annotations

from typing import Final

from simdsl.backends.facts import Deviation

DIFFERENCES: Final[tuple[Deviation, ...]] = (
    Deviation(
        rule="identifier_is_quoted",
        does="Any name can be quoted, but a table's is kept in lower case, and so it stands in the end state.",
        why="The engine folds names before it stores them, where SQLite keeps them as written: measured on 0.8.3.",
    ),
)
