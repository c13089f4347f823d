"""As whom a server runs. PostgreSQL refuses to be root, and simdsl is root in many a container.

An ordinary user runs it as itself. As root, the server's process gets a user namespace of its own in which our number is
called 1000: to PostgreSQL it is an ordinary user, to everybody else nothing has changed, so no file changes hands and a
home that only root may read is no hindrance. Where such namespaces are refused (seccomp, sysctl), the process becomes
``postgres`` or ``nobody``; then its directories must be given to that user, and the binaries be where it can read them.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from simdsl.backends.postgres.binaries import Binaries
from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.dataclasses import dataclass

_CLONE_NEWUSER: Final = 0x10000000
_ALIAS: Final = 1000
_OTHERS: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """How the server's processes are started. ``user`` is whom files must belong to, None for ourselves."""

    enter: Callable[[], None] | None  # runs in the child, before the program
    user: int | None = None

    def own(self, path: Path) -> None:
        """Give a directory and all within to whom the server runs as."""
        if self.user is not None:
            for place, directories, files in os.walk(path):
                for name in (".", *directories, *files):
                    os.chown(os.path.join(place, name), self.user, -1, follow_symlinks=False)

    def reachable(self, binaries: Binaries, room: Path) -> Binaries:
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
        return Binaries(
            directory=package / root.name / binaries.directory.name,
            major=binaries.major,
            version=binaries.version,
            source=f"{binaries.source} (copied)",
        )


def ours() -> Privileges:
    """What fits this process. Raises ``BackendUnavailable`` where root can be nobody else."""
    if os.geteuid() != 0:
        return Privileges(enter=None)
    namespace = in_namespace()
    return namespace if _runs("/bin/true", namespace) else as_somebody_else()


def in_namespace() -> Privileges:
    """Root that is called 1000 (user_namespaces(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid_map, gid_map = f"{_ALIAS} {os.geteuid()} 1", f"{_ALIAS} {os.getegid()} 1"

    def enter() -> None:
        if libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "no user namespace")
        for name, text in (("setgroups", "deny"), ("uid_map", uid_map), ("gid_map", gid_map)):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)

    return Privileges(enter=enter)


def as_somebody_else() -> Privileges:
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

        return Privileges(enter=enter, user=entry.pw_uid)
    raise BackendUnavailable(
        "postgres: a server cannot run as root, this system has no user namespaces, and there is no user "
        f"{' or '.join(_OTHERS)}"
    )


def start(
    command: Sequence[str], privileges: Privileges, *, log: int, environment: dict[str, str] | None = None
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


def _runs(program: str, privileges: Privileges) -> bool:
    try:
        return start([program, "--version"], privileges, log=subprocess.DEVNULL).wait(30) == 0
    except (OSError, subprocess.SubprocessError):
        return False
