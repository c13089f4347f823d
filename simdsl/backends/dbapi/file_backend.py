"""Backends whose database is one file: where it lies, how its URL says so, and what such backends have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from simdsl.backends.pools import names as pool_names
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.urls import mask
from simdsl.backends.workspace import Workspace
from simdsl.plan.dataclasses import dataclass

MEMORY: Final = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLocation:
    """Where a database lies. ``workspace`` is the directory that goes away with it, None for what the user named."""

    file: Path | None  # None is in memory
    workspace: Workspace | None = None
    journal_mode: str | None = None  # None leaves the file as it is


def parse_path(head: str, scheme: str, engine: str, *, memory: bool = False) -> str | None:
    """The path in ``scheme:///path``, None for a throwaway. Raises ``BackendUnavailable``."""
    if head in (scheme, f"{scheme}:", f"{scheme}://", f"{scheme}:///"):
        return None
    forms = [f"{scheme}:///file.db", f"{scheme}:////dir/file.db", *([f"{scheme}:///{MEMORY}"] if memory else [])]
    if not head.startswith(f"{scheme}:///") or (not memory and head.endswith(f"/{MEMORY}")):
        raise BackendUnavailable(f"`{mask(head)}` is no {engine} URL: write {', '.join(forms[:-1])} or {forms[-1]}")
    return unquote(head.removeprefix(f"{scheme}:///"))


def format_url(scheme: str, path: str | None, options: Mapping[str, str | None]) -> str:
    """The URL that selects this place; options that are None are left out."""
    query = "&".join(f"{key}={value}" for key, value in options.items() if value is not None)
    place = scheme if path is None else f"{scheme}:///{quote(path, safe='/:')}"
    return f"{place}?{query}" if query else place


def locate(
    path: str | None, scheme: str, *, journal_mode: str | None = None, throwaway_mode: str | None = None
) -> FileLocation:
    """The place of a path. Raises ``BackendUnavailable`` where its directory is missing."""
    if path is None:
        workspace = Workspace()
        return FileLocation(
            file=workspace.path / "main.db", workspace=workspace, journal_mode=journal_mode or throwaway_mode
        )
    if path == MEMORY:
        return FileLocation(file=None)
    file = Path(path).absolute()
    if not file.parent.is_dir():
        raise BackendUnavailable(f"{scheme}: the directory of `{path}` does not exist")
    return FileLocation(file=file, journal_mode=journal_mode)


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
