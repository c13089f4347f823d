"""SQLite, through the standard library's driver or a module that can take its place.

The package itself holds the facts about the backend, and imports no driver: see ``plan.backend_facts``.
"""

from __future__ import annotations

from typing import Final

from simdsl.plan.backend_facts import BackendFacts, UrlForm
from simdsl.plan.sql import Dialect

QUEUE_POOL_OPTION: Final = (
    "`module:factory`, a pool that takes the place of SQLAlchemy's QueuePool ([how](../how-to/test-a-pool.md))"
)
"""The meaning of ``?pool=`` wherever QueuePool is the default."""

FACTS: Final = BackendFacts(
    name="sqlite",
    engine="SQLite",
    dialect=Dialect.SQLITE,
    schemes=("sqlite",),
    url_forms=(
        UrlForm(urls=("sqlite",), selects="a throwaway SQLite database; the default"),
        UrlForm(
            urls=("sqlite:///file.db", "sqlite:////dir/file.db"),
            selects="that file, relative or absolute; used in place, never deleted",
        ),
        UrlForm(urls=("sqlite:///:memory:",), selects="a database in memory, its page cache shared by the sessions"),
    ),
    url_options={
        "driver": "`apsw`, or a module of yours in the place of `sqlite3` ([how](../how-to/use-your-own-driver.md))",
        "journal_mode": "`wal` or `delete`; a throwaway is in WAL mode by default, a file of yours stays as it is",
        "pool": QUEUE_POOL_OPTION,
    },
    page="how-to/run-against-a-file.md",
)
