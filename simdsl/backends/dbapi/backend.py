"""What backends have in common whose database is one file: where it lies, which pool is over it, the URL for both."""

from __future__ import annotations

from collections.abc import Mapping

from simdsl.backends.dbapi.location import format_url
from simdsl.backends.pools import names as pool_names


class FileBackend:
    """Base of such backends; a descendant is a frozen dataclass with these fields.

    ``path`` None is a throwaway; ``pool`` None is SQLAlchemy's QueuePool.
    """

    name: str
    path: str | None
    pool: str | None

    @property
    def url(self) -> str:
        """A URL with what differs from the defaults."""
        return format_url(self.name, self.path, self.url_options())

    def url_options(self) -> Mapping[str, str | None]:
        """The parameters of the URL; None leaves one out."""
        return {"pool": self.pool}

    def load(self) -> None:
        """Import now what the URL names, so that a wrong URL fails before a plan is read. Raises ``BackendUnavailable``."""
        if self.pool not in (None, pool_names.QUEUE_POOL):
            pool_names.load_factory(str(self.pool))
