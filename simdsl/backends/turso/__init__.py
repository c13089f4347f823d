"""Turso, the rewrite of SQLite in Rust, through pyturso, in a process of its own.

The package itself holds the facts about the backend, and imports no driver: see ``plan.backend_facts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.sqlite import QUEUE_POOL_OPTION
from simdsl.plan.backend_facts import BackendFacts, Deviation, UrlForm
from simdsl.plan.sql import Dialect


def url_of_options(values: Mapping[str, str]) -> str:
    """The URL that ``--turso-db-path`` means."""
    from urllib.parse import quote  # 3 ms of start-up, needed only where such an option is given

    return f"turso:///{quote(values['db-path'], safe='/:')}"


FACTS: Final = BackendFacts(
    name="turso",
    engine="Turso",
    dialect=Dialect.SQLITE,
    schemes=("turso",),
    url_forms=(
        UrlForm(
            urls=("turso", "turso:///file.db"),
            selects="as of sqlite, through `pyturso` (`pip install 'simdsl[turso]'`)",
        ),
    ),
    url_options={"journal_mode": "`wal`, or `mvcc`, which `BEGIN CONCURRENT` needs", "pool": QUEUE_POOL_OPTION},
    extra="turso",
    option_prefix="turso",
    url_of_options=url_of_options,
    page="how-to/test-on-turso.md",
    variants={"turso, mvcc": "turso?journal_mode=mvcc"},
    deviations=(
        Deviation(
            rule="identifier_is_quoted",
            does="Any name can be quoted, but a table's is kept in lower case, and so it stands in the end state.",
            why="The engine folds names before it stores them, where SQLite keeps them as written: measured on 0.8.3.",
        ),
    ),
)
