"""``import simdsl`` as a user of the library would use it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import simdsl

ROOT = Path(__file__).parents[1]
PASSES = """\
simdsl: 1
plan: passes
steps:
  - a: SELECT 1 => 1
"""
FAILS = """\
simdsl: 1
plan: fails
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: INSERT INTO t VALUES (1, 10) => 1 affected
  - a: INSERT INTO t VALUES (2, 20) => 1 affected
  - b: SELECT count(*) FROM t => 2
  - b: SELECT v FROM t WHERE id = 1 => 11
  - b: SELECT v FROM t WHERE id = 2 => 20
"""


def kinds(events: Iterator[simdsl.Progress]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_importing_simdsl_imports_nothing_else() -> None:
    code = "import simdsl, sys; print([name for name in sys.modules if name.startswith('simdsl')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['simdsl']"


@pytest.mark.parametrize("name", simdsl.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(simdsl, name) is getattr(simdsl, name)
    assert name in dir(simdsl)


def test_type_checkers_see_the_names_that_exist() -> None:
    """The imports for type checkers and the table for run time are two lists of the same names."""
    text = (ROOT / "simdsl" / "__init__.py").read_text(encoding="utf-8")
    pairs = {(name, home) for home, name in re.findall(r"^    from ([\w.]+) import (\w+) as \2$", text, re.MULTILINE)}
    assert pairs == set(simdsl._HOMES.items())


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        simdsl.lode  # noqa: B018


def test_a_plan_is_loaded_dumped_and_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PASSES, encoding="utf-8")
    plan = simdsl.load(file)
    assert isinstance(plan, simdsl.Plan)
    assert plan == simdsl.load(str(file)) == simdsl.loads(simdsl.dump(plan))


def test_check_and_load_tell_the_same_diagnostics(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PASSES.replace("=> 1", "=> bogus"), encoding="utf-8")
    (diagnostic,) = simdsl.check(file)
    assert isinstance(diagnostic, simdsl.Diagnostic)
    assert diagnostic.code.name == "G201"
    with pytest.raises(simdsl.PlanError) as caught:
        simdsl.load(file)
    assert caught.value.diagnostics == (diagnostic,)
    file.write_text(PASSES, encoding="utf-8")
    assert simdsl.check(file) == ()
    assert [one.code.name for one in simdsl.check(tmp_path / "none.yaml")] == ["F001"]


def test_a_run_is_an_iterator_of_events() -> None:
    events = list(simdsl.run(simdsl.loads(PASSES), backend="sqlite", seed=7))
    assert kinds(iter(events)) == ["PlanStarted", "RunEnded", "PlanEnded", "AllPlansEnded"]
    started, _, ended, last = events
    assert isinstance(started, simdsl.PlanStarted)
    assert (started.plan.name, started.seed) == ("passes", 7)
    assert isinstance(ended, simdsl.PlanEnded)
    assert ended.verdict is simdsl.Verdict.PASS
    assert isinstance(last, simdsl.AllPlansEnded)
    assert (last.plans, last.passed, last.failed, last.assertions) == (1, 1, 0, 1)


def test_a_failure_is_told_by_the_report() -> None:
    reports = [event.report for event in simdsl.run(simdsl.loads(FAILS)) if isinstance(event, simdsl.RunEnded)]
    (report,) = reports
    assert isinstance(report, simdsl.RunReport)
    assert report.verdict is simdsl.Verdict.FAIL
    assert isinstance(report.failure, simdsl.Failure)
    assert report.failure.path == ("steps", 3)


def test_plans_are_taken_one_at_a_time() -> None:
    taken = 0

    def plans() -> Iterator[simdsl.Plan]:
        nonlocal taken
        for _ in itertools.count():
            taken += 1
            yield simdsl.loads(PASSES)

    events = simdsl.run(plans(), seed=1)
    assert taken == 0
    assert kinds(itertools.islice(events, 4)) == ["PlanStarted", "RunEnded", "PlanEnded", "PlanStarted"]
    assert taken == 2
    events.close()  # type: ignore[attr-defined]  # an iterator by its type, a generator so that it can be closed


@pytest.mark.parametrize("source", ["norec", "tx-commit-visible", "quick"])
def test_plans_are_generated_from_seeds(source: str) -> None:
    one, two = simdsl.generate(source, seeds=[1, 2])
    assert (one.seed, two.seed) == (1, 2)
    assert one != two
    assert [one] == list(simdsl.generate(source, [1]))
    ended = [event for event in simdsl.run(one) if isinstance(event, simdsl.PlanEnded)]
    assert [(event.verdict, event.seed) for event in ended] == [(simdsl.Verdict.PASS, 1)]


def test_plans_are_generated_by_a_property_object() -> None:
    from simdsl.properties.registry import find

    assert list(simdsl.generate(find("norec"), [3])) == list(simdsl.generate("norec", [3]))


def test_an_unknown_source_of_plans_is_told_at_the_call() -> None:
    with pytest.raises(simdsl.PlanError) as caught:
        simdsl.generate("noreq", [1])
    assert [one.code.name for one in caught.value.diagnostics] == ["P009"]


def test_a_backend_may_be_an_object() -> None:
    from simdsl.backends.registry import resolve

    backend = resolve("sqlite")
    assert kinds(simdsl.run(simdsl.loads(PASSES), backend))[-1] == "AllPlansEnded"
    with pytest.raises(ValueError, match="name or URL"):
        simdsl.run(simdsl.loads(PASSES), backend, subprocess=True)


@pytest.mark.parametrize("in_subprocess", [False, True])
def test_an_unknown_backend_is_told_at_the_call(in_subprocess: bool) -> None:
    with pytest.raises(simdsl.BackendUnavailable, match="oracel"):
        simdsl.run(simdsl.loads(PASSES), "oracel", subprocess=in_subprocess)


def test_two_backends_are_compared() -> None:
    events = simdsl.run(simdsl.loads(PASSES), "sqlite", differential=["twin=sqlite"], seed=1)
    assert kinds(events) == ["PlanStarted", "RunEnded", "RunEnded", "PlanEnded", "AllPlansEnded"]


def test_an_isolated_run_gives_the_same_events() -> None:
    (here,) = [e.report.digest for e in simdsl.run(simdsl.loads(FAILS), seed=1) if isinstance(e, simdsl.RunEnded)]
    apart = simdsl.run(simdsl.loads(FAILS), seed=1, subprocess=True)
    assert [e.report.digest for e in apart if isinstance(e, simdsl.RunEnded)] == [here]


def test_a_failing_plan_is_shrunk() -> None:
    result = simdsl.shrink(simdsl.loads(FAILS), seed=1)
    assert isinstance(result, simdsl.ShrunkPlan)
    assert result.is_minimal
    assert result.candidates > 1
    assert len(result.plan.steps or ()) < 5
    (report,) = [e.report for e in simdsl.run(result.plan) if isinstance(e, simdsl.RunEnded)]
    assert report.failure is not None
    assert report.failure.fingerprint == result.failure.fingerprint


def test_shrinking_stops_at_its_limit() -> None:
    result = simdsl.shrink(simdsl.loads(FAILS), seed=1, max_candidates=1)
    assert not result.is_minimal
    assert not simdsl.shrink(simdsl.loads(FAILS), seed=1, max_seconds=0).is_minimal


def test_what_cannot_be_shrunk() -> None:
    with pytest.raises(simdsl.PlanPassed, match="passes does not fail"):
        simdsl.shrink(simdsl.loads(PASSES), repeats=1)
    with pytest.raises(simdsl.NotReproducible):
        simdsl.shrink(simdsl.loads(FAILS), reference="twin=sqlite")


def test_the_page_lists_the_public_names() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    code = " ".join(re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)))
    assert not [name for name in simdsl.__all__ if not re.search(rf"\b{name}\b", code) and name != "__version__"]
