"""The schemas let through what loads, and refuse nothing that the loader does not refuse too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from simdsl.language.dump import dump, emit_json, plan_data
from simdsl.language.load import check_text
from simdsl.language.plan_schema import to_json, violations
from simdsl.plan import codes
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import Plan
from simdsl.plan.steps import STEP_OPTIONS, VERBS
from simdsl.plan.values import Json
from simdsl.syntax.document import Data
from simdsl.syntax.files import read_text
from tests.strategies import plans

SCHEMAS = sorted(codes.path("schemas").glob("*.json"))
PLANS = sorted(codes.path("plans").rglob("*.yaml"))
BASE = """\
simdsl: 1
plan: p
doc: Words.
tags: [x]
backends: [sqlite]
pools:
  main: {size: 1, timeout: 5ms}
params:
  - n: 3
    t: {identifier: t1}
reset: {tables: [t], mode: delete}
setup:
  - CREATE TABLE t (id INTEGER)
  - sql: SELECT 1 => 1
    why: w
steps:
  - a: SELECT 1 => 1
    label: l
    sqlite: => 1
    skip: [turso]
    timeout: 5ms
  - for: i in 1..3
    do:
      - a: SELECT $i
  - retry: 3 times
    do:
      - a: BEGIN
  - check: rows(l) = 1
  - sleep: 5ms
  - fault: disconnect a
  - checkout: a from main
  - return: a
  - await: all
finally:
  - check: now = 0
invariants:
  - SELECT 1 => 1
properties: [savepoint-rollback]
seed: 1
timeout: 5s
"""
TASKS = """\
simdsl: 1
plan: p
tasks:
  a:
    - BEGIN
    - sql: SELECT 1 => 1
      why: w
    - a: COMMIT
    - sleep: 1ms
  b:
    - for: i in 1..3
      do:
        - BEGIN
schedule: {pct: 3, seed: 7, runs: 10}
"""


def refused(text: str) -> tuple[object, ...]:
    document = read_text(text, "p.yaml").document
    assert document is not None
    return violations(to_json(document.data), "plan")


def loads(text: str, name: str = "p.yaml") -> bool:
    return all(diagnostic.severity is not Severity.ERROR for diagnostic in check_text(text, name).diagnostics)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_bundled_plans_have_the_shape(path: Path) -> None:
    assert refused(path.read_text(encoding="utf-8")) == ()


@pytest.mark.parametrize("text", [BASE, TASKS])
def test_plans_with_everything_have_the_shape(text: str) -> None:
    assert loads(text)
    assert refused(text) == ()


def test_every_key_and_verb_is_described() -> None:
    schema = json.loads(codes.path("schemas/plan.schema.json").read_text(encoding="utf-8"))
    described = [schema["properties"], schema["$defs"]["step"]["properties"], schema["$defs"]["taskStep"]["properties"]]
    assert all(entry["description"] for properties in described for entry in properties.values())
    assert set(described[1]) == {*VERBS, *STEP_OPTIONS, *BACKEND_NAMES, "do"}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("simdsl: 1\n", "simdsl: 2\n"),
        ("plan: p\n", ""),
        ("plan: p\n", "plan: P Q\n"),
        ("doc:", "docs:"),
        ("doc: Words.", "doc: [x]"),
        ("tags: [x]", "tags: x"),
        ("[sqlite]", "[sqlight]"),
        ("{size: 1, ", "{size: 0, "),
        ("{size: 1, ", "{"),
        ("timeout: 5ms}", "timeout: 5}"),
        ("{identifier: t1}", "{identifier: t1, blob: x}"),
        ("{identifier: t1}", "{name: t1}"),
        ("mode: delete", "mode: drop"),
        ("  - sql: SELECT 1", "  - a: SELECT 1"),
        ("  - a: SELECT 1", "  - sql: SELECT 1"),
        ("    label: l\n", "    lable: l\n    only: [sqlite]\n"),
        ("    do:\n      - a: BEGIN\n", ""),
        ("  - a: SELECT 1 => 1\n", "  - a: 1\n"),
        ("skip: [turso]", "skip: turso"),
        ("sleep: 5ms", "sleep: soon"),
        ("seed: 1", "seed: one"),
        ("finally:\n  - check: now = 0\n", "finally:\n  - sleep: 5ms\n"),
        ("invariants:\n  - SELECT 1 => 1\n", "invariants:\n  - check: now = 0\n"),
        ("seed: 1\n", "schedule: all\n"),
    ],
)
def test_what_both_refuse(was: str, becomes: str) -> None:
    assert was in BASE
    text = BASE.replace(was, becomes, 1)
    assert not loads(text)
    assert refused(text) != ()


@pytest.mark.slow
@given(plans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_generated_plans_have_the_shape(plan: Plan) -> None:
    assert violations(to_json(plan_data(plan)), "plan") == ()
    assert refused(dump(plan)) == ()


JUNK: st.SearchStrategy[Json] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        "",
        "x",
        "a b",
        "1",
        "5ms",
        "null",
        "SELECT 1",
        [],
        ["x"],
        {},
        {"a": "x"},
        {"x": {}},
        [[]],
        2**63,
    ]
)
KEYS = st.sampled_from(
    ["a", "sql", "do", "for", "check", "skip", "only", "why", "label", "sqlite", "steps", "tasks", "seed", "X"]
)


@given(st.data(), st.sampled_from([BASE, TASKS]))
@settings(max_examples=200, deadline=None)
def test_what_the_schema_refuses_the_loader_refuses(data: st.DataObject, text: str) -> None:
    document = read_text(text, "p.yaml").document
    assert document is not None
    instance = to_json(document.data)
    holder, key = data.draw(st.sampled_from(list(_places(instance))))
    change = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "remove":
        del holder[key]  # type: ignore[arg-type]
    elif change == "add" and isinstance(holder, dict):
        holder[data.draw(KEYS)] = data.draw(JUNK)
    else:
        holder[key] = data.draw(JUNK)  # type: ignore[index]
    written = json.dumps(instance)
    if violations(instance, "plan"):
        assert not loads(written, "p.json"), violations(instance, "plan")


def _places(instance: Json) -> Iterator[tuple[list[Json] | dict[str, Json], int | str]]:
    if isinstance(instance, dict):
        for name, value in instance.items():
            yield instance, name
            yield from _places(value)
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield instance, index
            yield from _places(value)


def test_json_that_was_written_has_the_shape() -> None:
    document = read_text(BASE, "p.yaml").document
    assert document is not None
    data: Data = document.data
    assert isinstance(data, dict)
    assert violations(json.loads(emit_json(data)), "plan") == ()


PROFILE: Json = {
    "simdsl": 1,
    "profile": "quick",
    "weights": {"select": 3},
    "ddl_rate": 0.1,
    "pool": {"size": 2},
    "values": {"null": 0.2},
}


def test_profiles() -> None:
    assert violations(PROFILE, "profile") == ()
    assert isinstance(PROFILE, dict)
    assert violations({**PROFILE, "wieghts": {}}, "profile") != ()
    assert violations({**PROFILE, "ddl_rate": 2}, "profile") == ((("ddl_rate",), "2 is greater than the maximum of 1"),)
