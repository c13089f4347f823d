"""Backends by name, URL, factory and entry point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import BackendOrigin, installed, mask, mask_text, resolve, secrets
from simdsl.plan.backend_facts import BUILT_IN_BACKENDS

MODULE = """
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend

def make(url="", **options):
    backend = WrappedBackend(resolve("sqlite"), "mine")
    backend.seen = (url, options)
    return backend

def fails():
    raise ValueError("two\\nlines")

def nothing():
    return None

number = 3
"""
DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: simdsl-mine\nVersion: 1.0\n",
    "entry_points.txt": "[simdsl.backends]\nmine = simdsl_mine:make\nbroken = simdsl_mine_missing:make\n",
}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "simdsl_mine.py").write_text(MODULE)
    (tmp_path / "simdsl_fails.py").write_text("raise RuntimeError('while loading')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "simdsl_mine", raising=False)


@pytest.fixture
def entry_points(tmp_path: Path, module: None) -> None:
    directory = tmp_path / "simdsl_mine-1.0.dist-info"
    directory.mkdir()
    for name, text in DIST_INFO.items():
        (directory / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sqlite", "sqlite"),
        ("sqlite:", "sqlite"),
        ("sqlite://", "sqlite"),
        ("sqlite:///", "sqlite"),
        ("sqlite:///file.db", "sqlite:///file.db"),
        ("sqlite:////tmp/file.db", "sqlite:////tmp/file.db"),
        ("sqlite:///a%20b%3F.db", "sqlite:///a%20b%3F.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite?driver=sqlite3", "sqlite"),
        ("sqlite?journal_mode=delete", "sqlite?journal_mode=delete"),
        ("sqlite:///f.db?journal_mode=wal&pool=queuepool", "sqlite:///f.db?journal_mode=wal&pool=queuepool"),
    ],
)
def test_sqlite_urls(text: str, url: str) -> None:
    backend = resolve(text)
    assert backend.url == url
    assert backend.name == "sqlite"
    assert resolve(backend.url).url == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sqlit", "there is no backend `sqlit`; did you mean `sqlite`?"),
        ("oracle", "there is no backend `oracle`; there are sqlite"),
        ("", "there is no backend ``; there are sqlite"),
        ("mariadb", "this version of simdsl has no backend `mariadb` yet"),
        ("mariadb://me:hush@host/db", "this version of simdsl has no backend `mariadb` yet"),
        ("sqlite?drivr=x", "sqlite has no URL parameter `drivr`; did you mean `driver`?"),
        ("sqlite?xyz=1", "sqlite has no URL parameter `xyz`"),
        ("sqlite?driver=a&driver=b", "gives a parameter twice"),
        ("sqlite?journal_mode=off", "journal_mode is wal or delete, not `off`"),
        ("sqlite:///:memory:?journal_mode=wal", "a database in memory has no journal_mode"),
        ("sqlite:file.db", "is no SQLite URL"),
        ("sqlite://host/file.db", "is no SQLite URL"),
        ("sqlite?driver=simdsl_missing", "the driver `simdsl_missing` cannot be imported: No module named"),
        ("sqlite?driver=json", "the driver `json` is no DB-API module: it has no `connect`"),
        ("python:simdsl_missing:make", "cannot be imported: No module named 'simdsl_missing'"),
        ("python:simdsl_mine", "is not python:package.module:factory"),
        ("python:simdsl_mine:missing", "cannot be imported: module 'simdsl_mine' has no attribute 'missing'"),
        ("python:simdsl_mine:number", "is not callable"),
        ("python:simdsl_mine:fails", "cannot be made: ValueError: two lines"),
        ("python:simdsl_mine:fails?x=1", "cannot be made: TypeError"),
        ("python:simdsl_mine:nothing", "is not a backend: it lacks `name`"),
        ("python:simdsl_fails:make", "fails to load: RuntimeError: while loading"),
        ("other=duckdb", "this version of simdsl has no backend `duckdb` yet"),
    ],
)
def test_what_cannot_be_resolved_says_why_in_a_line(module: None, text: str, message: str) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        resolve(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_missing_directory_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"directory of .* does not exist"):
        resolve(f"sqlite:///{tmp_path}/missing/file.db").create()


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at" * 20)
    with pytest.raises(BackendUnavailable, match="not a database"):
        resolve(f"sqlite:///{tmp_path}/text.db").create()


def test_python_door_passes_the_query(module: None) -> None:
    backend = resolve("python:simdsl_mine:make?speed=slow&n=3")
    assert backend.name == "mine"
    assert getattr(backend, "seen", None) == ("", {"speed": "slow", "n": "3"})


def test_name_before_the_selector(module: None) -> None:
    for text in ("other=python:simdsl_mine:make", "other=sqlite?journal_mode=delete"):
        backend = resolve(text)
        assert backend.name == "other"
        assert backend.url.startswith("other=")
        backend.create().close()


def test_entry_point_door(entry_points: None) -> None:
    assert getattr(resolve("mine"), "seen", None) == ("", {})
    assert getattr(resolve("mine?n=3"), "seen", None) == ("", {"n": "3"})
    assert getattr(resolve("mine:///place?n=3"), "seen", None) == ("mine:///place", {"n": "3"})
    with pytest.raises(BackendUnavailable, match=r"did you mean `mine`"):
        resolve("mined")
    with pytest.raises(BackendUnavailable, match="backend `broken` cannot be imported"):
        resolve("broken")


def test_installed_tries_each(entry_points: None) -> None:
    entries = {entry.name: entry for entry in installed()}
    assert list(entries) == [*BUILT_IN_BACKENDS, "broken", "mine"]
    for name in ("sqlite", "postgres", "libsql", "turso"):
        assert entries[name].kind is BackendOrigin.BUILT_IN
        assert entries[name].problem is None
    description = entries["sqlite"].description
    assert description is not None
    assert description.driver == "sqlite3 (stdlib)"
    assert description.pool.startswith("SQLAlchemy QueuePool 2.")
    assert description.pool.endswith("waits in virtual time")
    assert "cannot be imported" in (entries["broken"].problem or "")
    assert entries["mine"].problem is None


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("sqlite:///file.db?driver=x", "sqlite:///file.db?driver=x"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hush@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:hu%40sh@host:5432/db?sslmode=require", "postgresql://me:***@host:5432/db?sslmode=require"),
        ("postgresql://me:hu@sh@host/db", "postgresql://me:***@host/db"),
        ("postgresql://:hush@host/db", "postgresql://:***@host/db"),
        ("libsql://h?authToken=hush&tls=1", "libsql://h?authToken=***&tls=1"),
        ("x://h?password=hush&PWD=hush&api_key=hush", "x://h?password=***&PWD=***&api_key=***"),
        ("mine=python:m:f?db_password=hush", "mine=python:m:f?db_password=***"),
        ("not a url at all", "not a url at all"),
    ],
)
def test_mask(url: str, masked: str) -> None:
    assert mask(url) == masked
    assert mask_text(f"cannot reach {url}", secrets(url)) == f"cannot reach {masked}"


def test_mask_text_knows_the_decoded_secret() -> None:
    found = secrets("postgresql://me:hu%40sh@host/db?password=")
    assert found == ("hu%40sh", "hu@sh")
    assert mask_text("FATAL: password hu@sh is wrong", found) == "FATAL: password *** is wrong"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import simdsl.backends.registry", ("sqlite3", "sqlalchemy", "greenlet", "importlib.metadata")),
        (
            "from simdsl.backends.registry import resolve\n"
            "backend = resolve('sqlite'); backend.describe()\n"
            "database = backend.create(); database.open(); database.close()",
            ("sqlalchemy", "greenlet", "importlib.metadata"),
        ),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(code: str, absent: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
