"""The reference says everything: generated pages are what the code says, and written ones leave nothing out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simdsl import __version__
from simdsl.core.verdicts import FailureKind
from simdsl.language.load import load_text
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.codes import Code
from simdsl.plan.expectations import LiteralType
from simdsl.plan.expressions import PoolCounter, ResultFunction, ScalarFunction
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan, ResetMode
from simdsl.plan.sql import Dialect, IsolationLevel, TransactionMode
from simdsl.plan.steps import STEP_OPTIONS, VERBS
from simdsl.syntax.fields import RESERVED_NAMES
from tests.docs.blocks import ROOT

REFERENCE = ROOT / "docs" / "reference"
LANGUAGE = (REFERENCE / "language.md").read_text(encoding="utf-8")


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["cli.md", "codes.md", "backends.md", "equivalences.md", "profiles.md", "trace.md"])
def test_a_generated_page_says_what_made_it(name: str) -> None:
    assert f"Made by `python docs/generate.py` of simdsl {__version__}; do not edit." in (REFERENCE / name).read_text(
        encoding="utf-8"
    )


def _words() -> Iterator[str]:
    yield from (key.rstrip("_") for key in Plan.__dataclass_fields__ if key not in ("name", "timeout_us"))
    yield from ("simdsl", "plan", "timeout", "workload")
    for closed in (
        Dialect,
        ResultFunction,
        PoolCounter,
        ScalarFunction,
        LiteralType,
        ResetMode,
        BACKEND_NAMES,
        VERBS,
        STEP_OPTIONS,
    ):
        yield from closed


@pytest.mark.parametrize("word", dict.fromkeys(_words()))
def test_the_language_reference_has_every_word(word: str) -> None:
    assert re.search(rf"\b{re.escape(word)}\b", LANGUAGE)


@pytest.mark.parametrize("word", [mode.value for mode in TransactionMode])
def test_the_language_reference_has_every_way_to_begin(word: str) -> None:
    assert f"`{word.upper()}`" in LANGUAGE


@pytest.mark.parametrize("word", sorted(RESERVED_NAMES))
def test_the_language_reference_has_every_reserved_name(word: str) -> None:
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", LANGUAGE)


def test_every_error_class_is_listed() -> None:
    page = (REFERENCE / "backends.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| \w* \|", page, re.MULTILINE) == [error_class.value for error_class in ErrorClass]


def test_every_isolation_level_loads_as_the_reference_says() -> None:
    for level in IsolationLevel:
        plan = load_text(f"simdsl: 1\nplan: p\nsteps:\n  - a: BEGIN ISOLATION LEVEL {level.upper()} => ok\n")
        assert plan.steps is not None


def test_every_kind_of_failure_is_explained_and_in_the_schema() -> None:
    page = (ROOT / "docs" / "explanation" / "verdicts.md").read_text(encoding="utf-8")
    table = page[page.index("## Kinds of failure") :]
    for kind in FailureKind:
        assert re.search(rf"^\|.*\b{kind.replace('_', '[ _]')}\b.*\|.*\|$", table.lower(), re.MULTILINE), kind
    schema = json.loads((ROOT / "schemas" / "trace.schema.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["failure"]["properties"]["kind"]["enum"] == list(FailureKind)


@pytest.mark.parametrize("code", list(Code), ids=lambda code: code.name)
def test_every_code_has_a_page(code: Code) -> None:
    page = ROOT / "simdsl" / "plan" / "pages" / f"{code.name}.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {code.name}: {code.title}\n")
    assert re.findall(r"^## .+$", text, re.MULTILINE) == ["## Example", "## Instead"]


def test_every_page_has_a_code() -> None:
    pages = (ROOT / "simdsl" / "plan" / "pages").glob("*.md")
    assert sorted(page.stem for page in pages) == sorted(Code.__members__)


def test_the_rules_are_numbered_without_a_gap() -> None:
    rules = re.findall(r"^(\d+)\. ", (REFERENCE / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert list(map(int, rules)) == list(range(1, len(rules) + 1))


def test_every_rule_that_is_named_somewhere_is_there() -> None:
    last = len(re.findall(r"^\d+\. ", (REFERENCE / "rules.md").read_text(encoding="utf-8"), re.MULTILINE))
    for path in _sources():
        for text in re.findall(r"\brules?(?:\.md)? (\d+(?:-\d+)?)", path.read_text(encoding="utf-8"), re.IGNORECASE):
            assert all(1 <= int(number) <= last for number in text.split("-")), f"{path}: rule {text}"


def test_every_document_that_the_code_names_is_there() -> None:
    for path in _sources():
        for name in re.findall(r"(?<![/\w])docs/[\w./-]+\w", path.read_text(encoding="utf-8")):
            assert list(ROOT.glob(f"{name}*")), f"{path}: {name}"


def _sources() -> Iterator[Path]:
    for folder in ("simdsl", "tests", "bench"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_decision_records_are_numbered_and_listed() -> None:
    records = sorted(path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\((\d{4}-[\w-]+\.md)\)", index) == records
