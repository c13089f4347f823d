"""Everything that a verb needs is there. Each test is named for what is missing, and each case for the verb."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simdsl.language.plan_schema import plan_schema
from simdsl.plan.plan import Plan
from simdsl.plan.steps import VERB_MODULES, VERBS, BlockStep, Step
from simdsl.verbs.base import EVERYWHERE, Verb, verb_named, verb_of, verbs
from tests.docs.blocks import ROOT
from tests.plans.bundled import NAMES, plan_of

LANGUAGE = ROOT / "docs" / "reference" / "language.md"


def _steps(plan: Plan) -> Iterator[Step]:
    actions = plan.workload.actions if plan.workload is not None else ()
    lists = [plan.setup, plan.steps or (), plan.finally_, plan.invariants]
    lists += [task.steps for task in plan.tasks or ()] + [action.body for action in actions]
    while lists:
        for step in lists.pop():
            yield step
            if isinstance(step, BlockStep):
                lists.append(step.body)


BUNDLED = {type(step) for name in NAMES for step in _steps(plan_of(name))}


@pytest.mark.parametrize("name", VERBS)
def test_its_module_has_a_verb_of_its_name(name: str) -> None:
    verb = verb_named(name)
    assert verb.name == name
    assert verb.step.__module__ == f"simdsl.verbs.{VERB_MODULES[name]}"
    assert verb.sections <= EVERYWHERE
    assert verb.summary.endswith(".")


@pytest.mark.parametrize("name", VERBS)
def test_it_has_a_test_of_its_own(name: str) -> None:
    path = Path(__file__).parent / f"test_{name}.py"
    assert path.exists(), f"`{name}` has no test: tests/verbs/{path.name} is missing"


@pytest.mark.parametrize("name", VERBS)
def test_it_is_in_the_reference(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)[:`].*\|$", LANGUAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert name in rows, f"`{name}` has no row in the table of verbs of docs/reference/language.md"


@pytest.mark.parametrize("name", VERBS)
def test_a_bundled_plan_uses_it(name: str) -> None:
    assert verb_named(name).step in BUNDLED, f"no plan under plans/ says `{name}:`"


@pytest.mark.parametrize("name", VERBS)
def test_it_is_in_the_schema(name: str) -> None:
    path = ROOT / "schemas" / "plan.schema.json"
    shapes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["$defs"]
    written, wanted = shapes["step"]["properties"].get(name), verb_named(name).schema()
    assert written == wanted, f"schemas/plan.schema.json has another `{name}`: run `python docs/generate.py`"


def test_the_registry_finds_verbs_by_name_and_by_step() -> None:
    assert [verb.name for verb in verbs()] == sorted(VERBS)
    for verb in verbs():
        assert isinstance(verb, Verb)
        assert type(verb) is type(verb_named(verb.name))
    step = next(step for name in NAMES for step in _steps(plan_of(name)) if type(step) is verb_named("check").step)
    assert verb_of(step) is verb_named("check")


def test_the_whole_schema_is_written() -> None:
    path = ROOT / "schemas" / "plan.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == plan_schema(), "run `python docs/generate.py`"
