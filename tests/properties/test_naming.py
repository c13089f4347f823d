"""``properties:`` in a plan: what it names is checked in every run, and what does not exist is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simdsl.core.verdicts import FailureKind, PropertyResult, Verdict
from simdsl.language import property_names
from simdsl.language.load import check_text
from simdsl.plan.codes import Code
from simdsl.properties import registry
from simdsl.properties.property import Property, PropertyHeld
from tests.running import run, run_loaded
from tests.runs.faulty_sqlite import install

PLAN = """\
simdsl: 1
plan: p
properties: [tx-rollback-invisible, tx-commit-visible]
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, $n) => 1 affected
  - a: ROLLBACK
  - b: SELECT id, v FROM t => ok
params:
  - {n: 1}
  - {n: 2}
"""
MINE = Property(
    name="mine",
    specification="Mine holds.",
    build=lambda seed, size: registry.find("tx-commit-visible").plan(seed, size),
    check=lambda plan, events: iter([PropertyHeld()]),
)


def test_every_run_is_checked_and_counted() -> None:
    ran = run(PLAN)
    assert [report.properties for report in ran.reports] == [
        (PropertyResult("tx-rollback-invisible", 1, 0), PropertyResult("tx-commit-visible", 0, 0))
    ] * 2
    assert ran.ended.assertions == 6
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings == (
        "property tx-commit-visible was never exercised: no query came after a COMMIT, or beside an open transaction",
    )


def test_a_violation_is_a_failure_of_its_own_kind() -> None:
    ran = run(PLAN, f"sqlite?driver={install('ignores_a_rollback')}")
    assert ran.ended.verdict is Verdict.FAIL
    failure = ran.failure
    assert failure.kind is FailureKind.PROPERTY
    assert failure.message == "tx-rollback-invisible: b sees (1, 1) of table t, which was rolled back"
    assert failure.path == ("steps", 3)
    assert failure.task == "b"
    assert failure.fingerprint == "property_violated/tx-rollback-invisible"
    assert failure.got == (
        "a: INSERT INTO t VALUES (1, $n) with $n = 1: 1 affected",
        "a: ROLLBACK",
        "b: SELECT id, v FROM t gave (1, 1)",
    )


@pytest.mark.parametrize("paper", ["norec", "tlp", "pqs", "coddtest", "dqe"])
def test_a_paper_name_stands_for_a_property(paper: str) -> None:
    assert paper not in property_names.built_in()
    assert registry.find(paper) == registry.find(property_names.aliases()[paper])
    assert paper in registry.find(paper).aliases


def test_a_plan_may_name_a_property_as_papers_do_and_is_checked_once() -> None:
    plan = registry.find("norec").plan(1)
    ran = run_loaded(replace(plan, properties=("norec", "select-select-optimizer")))
    assert [one.name for one in ran.last.properties] == ["select-select-optimizer"]
    checked = check_text("simdsl: 1\nplan: p\nproperties: [tlp]\nsteps:\n  - a: SELECT 1 => 1\n")
    assert checked.plan is not None
    assert checked.plan.properties == ("tlp",)


def test_a_plan_that_names_no_property_imports_none() -> None:
    script = (
        "import sys\n"
        "from tests.running import run\n"
        "run('steps:\\n  - a: SELECT 1 => 1\\n')\n"
        "print([one for one in sys.modules if one.startswith('simdsl.properties')])\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert said == "[]\n"


def test_a_run_that_failed_otherwise_is_checked_too() -> None:
    text = PLAN.replace("SELECT id, v FROM t => ok", "SELECT id, v FROM t => empty")
    ran = run(text, f"sqlite?driver={install('ignores_a_rollback')}")
    assert ran.failure.kind is FailureKind.EXPECTATION
    assert ran.ended.failed is not None
    assert [one.kind for one in ran.ended.failed.consequences] == [FailureKind.PROPERTY]


@pytest.mark.parametrize(
    ("name", "help_"),
    [("tx-comit-visible", "did you mean `tx-commit-visible`?"), ("x", "`simdsl properties` lists them all")],
)
def test_an_unknown_property_is_refused(name: str, help_: str) -> None:
    checked = check_text(f"simdsl: 1\nplan: p\nproperties: [pool-clean-return, {name}]\nsteps:\n  - a: SELECT 1 => 1\n")
    (diagnostic,) = checked.diagnostics
    assert diagnostic.code is Code.N012
    assert diagnostic.help == help_
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (3, 33)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with three entry points: a property, one under a wrong name, and one whose module is not there."""
    here = "tests.properties.test_naming:MINE"
    info = tmp_path / "claims-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: claims\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{property_names.GROUP}]\nmine = {here}\nother = {here}\ngone = no.such.module:PROPERTY\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    property_names.entry_points.cache_clear()
    yield
    property_names.entry_points.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_property_of_another_package_is_found_by_its_entry_point() -> None:
    assert property_names.known_names() == (*property_names.built_in(), "gone", "mine", "other")
    assert registry.find("mine") == MINE
    assert [one.name for one in registry.every()] == [*property_names.built_in(), "mine"]
    ran = run("properties: [mine]\nsteps:\n  - a: SELECT 1\n")
    assert ran.ended.verdict is Verdict.PASS
    assert ran.last.properties == (PropertyResult("mine", 1, 0),)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "why"),
    [("other", "TypeError: the entry point `other` is not a Property of that name"), ("gone", "ModuleNotFoundError: No ")],
)
def test_an_entry_point_that_is_no_property_skips_the_plan_and_says_why(name: str, why: str) -> None:
    ran = run(f"properties: [{name}]\nsteps:\n  - a: SELECT 1 => 1\n")
    assert ran.ended.verdict is Verdict.SKIP
    assert (ran.ended.reason or "").startswith(f"the property `{name}` cannot be loaded: {why}")
