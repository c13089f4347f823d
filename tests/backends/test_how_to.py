"""The example of docs/how-to/add-a-backend.md, taken from the page and run through both doors."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import PoolSpec
from simdsl.testing.conformance import lent
from simdsl.testing.engine_kit import SqlClient

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-backend.md"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's module and entry point, as an installed package would have them."""
    (tmp_path / "forgetful.py").write_text(block("python", "# forgetful.py"))
    group, line = block("toml", "[project.entry-points").splitlines()
    assert group == '[project.entry-points."simdsl.backends"]'
    name, target = line.replace('"', "").split(" = ")
    info = tmp_path / "forgetful-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: forgetful\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[simdsl.backends]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "forgetful", raising=False)
    return tmp_path


def block(language: str, start: str) -> str:
    """The block of code on the page that begins so."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = (text for text in blocks if text.startswith(start))
    return str(found)


@pytest.mark.parametrize(
    "text",
    [
        "python:forgetful:make",
        "python:forgetful:make?over=sqlite:///:memory:",
        "forgetful",
        "forgetful?over=sqlite",
        "forgetful:///some/place",
    ],
)
def test_example_forgets_the_last_row(package: Path, text: str) -> None:
    backend = resolve(text)
    assert backend.name == "forgetful"
    database = backend.create()
    assert forgets(backend, SqlClient(backend, database))
    if ":memory:" not in text:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        assert forgets(backend, SqlClient(backend, database, lent(pool.request("a")).session))
    database.close()


def test_example_forgets_what_was_waited_for(package: Path) -> None:
    backend = resolve("python:forgetful:make?over=python:tests.backends.threaded_sqlite:make")
    database = backend.create()
    assert forgets(backend, SqlClient(backend, database))
    database.close()


def forgets(backend: Backend, terminal: SqlClient) -> bool:
    """Whether the session does what the page says."""
    return terminal.say("SELECT 1 UNION SELECT 2") == Rows(1, [(1,)]) and terminal.say("SELECT 1") == Rows(1, [(1,)])
