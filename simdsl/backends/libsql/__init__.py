"""libSQL, the fork of SQLite, through libsql-experimental.

The package itself holds the facts about the backend, and imports no driver: see ``plan.backend_facts``.
"""

from __future__ import annotations

from typing import Final

from simdsl.backends.sqlite import QUEUE_POOL_OPTION
from simdsl.plan.backend_facts import BackendFacts, UrlForm
from simdsl.plan.sql import Dialect

FACTS: Final = BackendFacts(
    name="libsql",
    engine="libSQL",
    dialect=Dialect.SQLITE,
    schemes=("libsql",),
    url_forms=(UrlForm(urls=("libsql", "libsql:///file.db"), selects="as of sqlite, through `libsql-experimental`"),),
    url_options={"journal_mode": "`wal` or `delete`, as of sqlite", "pool": QUEUE_POOL_OPTION},
    page="how-to/run-against-a-file.md",
)
