"""The shape of plans: keys, sections and what is told about them."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simdsl.language.load import check_file, check_text, load, load_file, load_text
from simdsl.plan.diagnostics import PlanError
from simdsl.plan.plan import ExhaustiveSchedule, PoolSpec, Reset, ResetMode, Task
from simdsl.plan.sql import Dialect, SqlKind
from simdsl.plan.steps import SqlStep
from simdsl.syntax.files import read_text
from simdsl.verbs.check import Check
from tests.language.helpers import HEAD, codes, found, only, plan, pointed, with_section, with_steps, with_tasks

FIRST = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
simdsl: 1
plan: commit-is-visible
doc: Nobody else sees a row before COMMIT, and everybody does after it.
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, 10) => 1 affected
  - b: SELECT count(*) FROM t => 0
  - a: COMMIT
  - b: SELECT id, v FROM t => (1, 10)
"""


def test_a_first_plan() -> None:
    loaded = plan(FIRST)
    assert loaded.name == "commit-is-visible"
    assert [step.task for step in loaded.steps or () if isinstance(step, SqlStep)] == ["a", "a", "b", "a", "b"]
    (create,) = loaded.setup
    assert isinstance(create, SqlStep)
    assert (create.task, create.sql.kind) == ("setup", SqlKind.DDL)
    assert (loaded.tasks, loaded.schedule) == (None, None)


def test_every_key() -> None:
    loaded = plan("""\
simdsl: 1
plan: all-keys
doc: 3
tags: [one, two]
dialect: postgres
backends: [postgres, sqlite]
pools:
  main: {size: 2, timeout: 50ms, driver: psycopg_pool}
  other: {size: 1}
params:
  - {n: 1}
reset: {tables: [t, u], mode: truncate}
setup: [" SELECT 1 "]
tasks:
  a:
    - checkout: from main
    - SELECT $n => $n
    - return:
schedule: all
finally:
  - sql: SELECT 2 => 2
  - check: 1 = 1
invariants:
  - SELECT count(*) FROM t => 0
properties: [pool-clean-return]
seed: -7
timeout: 2s
""")
    assert loaded.doc == "3"
    assert loaded.tags == ("one", "two")
    assert (loaded.dialect, loaded.backends) == (Dialect.POSTGRES, ("postgres", "sqlite"))
    assert loaded.pools == (
        PoolSpec(name="main", size=2, timeout_us=50_000, driver="psycopg_pool"),
        PoolSpec(name="other", size=1),
    )
    assert loaded.reset == Reset(tables=("t", "u"), mode=ResetMode.TRUNCATE)
    assert [task.name for task in loaded.tasks or ()] == ["a"]
    assert loaded.schedule == ExhaustiveSchedule()
    assert [step.task for step in loaded.finally_ if isinstance(step, (SqlStep, Check))] == ["finally", None]
    assert [step.task for step in loaded.invariants] == ["invariants"]
    assert (loaded.properties, loaded.seed, loaded.timeout_us) == (("pool-clean-return",), -7, 2_000_000)


def test_json_is_yaml() -> None:
    text = '{"$schema": "x", "simdsl": 1, "plan": "p", "steps": [{"a": "SELECT 1 => 1"}]}'
    assert plan(text) == plan("simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 1\n")


@pytest.mark.parametrize("text", ["", "- 1", "3", "text", "null"])
def test_a_plan_is_a_mapping(text: str) -> None:
    assert codes(text) == ["S001"]


def test_an_unknown_key_is_named_with_the_nearest() -> None:
    diagnostic = only(with_steps("a: SELECT 1", head="pool: {}\n"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("S002", "pool")
    assert diagnostic.help == "did you mean `pools`?"


def test_the_required_keys() -> None:
    assert [diagnostic.message for diagnostic in found("doc: x\n")] == [
        "the key `simdsl` is missing",
        "the key `plan` is missing",
        "the key `steps` is missing",
    ]


@pytest.mark.parametrize("version", ["2", "1.0", "'one'", "null", "[1]"])
def test_the_version_is_1(version: str) -> None:
    assert codes(f"simdsl: {version}\nplan: p\nsteps: []\n") == ["S014"]


@pytest.mark.parametrize("name", ["My Plan", "a--b", "-a", "a_b", "''", "Ä"])
def test_a_plan_has_a_slug(name: str) -> None:
    assert codes(f"simdsl: 1\nplan: {name}\nsteps: []\n") == ["N001"]


@pytest.mark.parametrize("name", ["a", "a-b", "007", "1", "no", "2024-01-01"])
def test_rule_48_typing_is_by_position(name: str) -> None:
    assert plan(f"simdsl: 1\nplan: {name}\nsteps: []\n").name == name


def test_steps_or_tasks() -> None:
    assert codes(f"{HEAD}steps: []\ntasks: {{}}\nschedule: all\n") == ["S010"]
    assert codes(f"{HEAD}steps: []\nschedule: all\n") == ["S010"]
    assert codes(f"{HEAD}tasks:\n  a: [SELECT 1]\n") == ["Y012", "S003"] or codes(
        f"{HEAD}tasks:\n  a:\n    - SELECT 1\n"
    ) == ["S003"]


def test_shapes_of_values() -> None:
    assert codes(f"{HEAD}steps: 3\n") == ["S006"]
    assert codes(f"{HEAD}tasks: 3\nschedule: all\n") == ["S007"]
    assert codes(f"{HEAD}doc: [a]\nsteps: []\n") == ["S005"]
    assert codes(f"{HEAD}tags: a\nsteps: []\n") == ["S006"]
    assert codes(f"{HEAD}tags: [a, a]\nsteps: []\n") == ["S017"]
    assert codes(f"{HEAD}tags: [' ']\nsteps: []\n") == ["S005"]
    assert codes(f"{HEAD}seed: x\nsteps: []\n") == ["S008"]
    assert codes(f"{HEAD}seed: true\nsteps: []\n") == ["S008"]
    assert codes(f"{HEAD}timeout: 5\nsteps: []\n") == ["G208"]


def test_dialect_and_backends_are_closed_sets() -> None:
    diagnostic = only(f"{HEAD}dialect: postgress\nsteps: []\n")
    assert (diagnostic.code.name, diagnostic.help) == ("S016", "did you mean `postgres`?")
    assert codes(f"{HEAD}backends: [sqlight]\nsteps: []\n") == ["S016"]


def test_rule_41_pool_keys() -> None:
    assert codes(f"{HEAD}pools: {{p: {{size: 0}}}}\nsteps: []\n") == ["S008"]
    assert codes(f"{HEAD}pools: {{p: {{}}}}\nsteps: []\n") == ["S003"]
    assert codes(f"{HEAD}pools: {{p: {{size: 1, max: 2}}}}\nsteps: []\n") == ["S002"]
    assert codes(f"{HEAD}pools: {{P: {{size: 1}}}}\nsteps: []\n") == ["N001"]
    assert codes(f"{HEAD}pools: {{p: 3}}\nsteps: []\n") == ["S007"]


def test_rule_49_reset() -> None:
    assert plan(f"{HEAD}reset: {{tables: [t]}}\nsteps: []\n").reset == Reset(tables=("t",))
    assert codes(f"{HEAD}reset: {{mode: delete}}\nsteps: []\n") == ["S003"]
    assert codes(f"{HEAD}reset: {{tables: [t], mode: burn}}\nsteps: []\n") == ["S016"]
    assert codes(f"{HEAD}reset: {{tabels: [t]}}\nsteps: []\n") == ["S003", "S002"]


def test_rule_46_the_dialect_of_the_lines() -> None:
    assert codes(with_steps("a: SELECT @x", head="backends: [mssql]\n")) == []
    assert codes(with_steps("a: SELECT @x", head="dialect: tsql\n")) == []
    assert codes(with_steps("a: SELECT @x")) == ["G105"]


def test_rule_27_invariants_are_judged_queries() -> None:
    assert codes(with_section("invariants", "SELECT 1", head="steps: []\n")) == ["R027"]
    assert codes(with_section("invariants", "DELETE FROM t => 1 affected", head="steps: []\n")) == ["R027"]
    assert codes(with_section("invariants", "PRAGMA integrity_check => 'ok'", head="steps: []\n")) == []
    assert codes(with_section("invariants", "check: 1 = 1", head="steps: []\n")) == ["S011"]


def test_rule_22_a_plan_that_judges_nothing_is_warned_about() -> None:
    checked = check_text(with_steps("a: SELECT 1"))
    assert [diagnostic.code.name for diagnostic in checked.diagnostics] == ["W002"]
    assert checked.plan is not None
    judged = (
        with_steps("a: SELECT 1 => ok"),
        with_steps("check: 1 = 1"),
        with_steps("a: SELECT 1\nsqlite: => 1"),
        with_steps("for: i in 1..2\ndo:\n  - a: SELECT $i => $i"),
        with_tasks(a=["SELECT 1 => 1"]),
        with_steps("a: SELECT 1", head="properties: [savepoint-rollback]\n"),
    )
    for text in judged:
        assert found(text) == []


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    text = with_steps("a: SELECT 1 => 3 affectd", "b: SELECT $x", "chekout: a", head="sead: 3\n")
    diagnostics = found(text)
    assert [diagnostic.code.name for diagnostic in diagnostics] == ["S002", "G201", "N007", "N003"]
    lines = [diagnostic.span.line for diagnostic in diagnostics if diagnostic.span]
    assert lines == sorted(lines)


def test_a_step_that_cannot_be_read_may_have_bound_what_others_read() -> None:
    text = with_steps("a: SELECT 1 => ?x oops\nlabel: l", "a: SELECT $x => 1", "check: rows(l) = 1", "a: SELECT $y")
    assert codes(text) == ["G201", "N007"]


def test_a_param_that_cannot_be_read_is_not_unbound_as_well() -> None:
    assert codes(with_steps("a: SELECT $n => 1", head="params:\n  - {n: 010}\n")) == ["S013"]


def test_a_diagnostic_points_at_its_words() -> None:
    (diagnostic,) = found("simdsl: 1\nplan: typo\nsteps:\n  - a: UPDATE t SET v = 2 => 3 affectd\n")
    assert diagnostic.span is not None
    assert (diagnostic.code.name, diagnostic.span.line, diagnostic.span.column) == ("G201", 4, 32)
    assert pointed(diagnostic) == "affectd"
    assert diagnostic.help == "did you mean `affected`?"


def test_load_text_and_load_file_raise_what_they_found(tmp_path: object) -> None:
    with pytest.raises(PlanError) as caught:
        load_text("plan: x\n")
    assert {diagnostic.code.name for diagnostic in caught.value.diagnostics} == {"S003"}
    with pytest.raises(PlanError) as missing:
        load_file(f"{tmp_path}/none.yaml")
    assert [diagnostic.code.name for diagnostic in missing.value.diagnostics] == ["F001"]
    assert check_file(f"{tmp_path}/none.yaml").document is None


def test_load_keeps_problems_by_path() -> None:
    document = read_text(with_steps("a: SELECT $Upper"), "x").document
    assert document is not None
    loaded = load(document)
    assert loaded.plan is None
    assert [(problem.code.name, problem.at.path) for problem in loaded.problems] == [("G104", ("steps", 0, "a"))]


def test_the_collector_is_on_again_after_loading() -> None:
    assert gc.isenabled()
    check_text("simdsl: [")
    plan(FIRST)
    assert gc.isenabled()


def test_nothing_that_the_reader_refused_is_refused_twice() -> None:
    assert [code for code in codes(with_steps("[a, b]", "a: SELECT 1")) if code.startswith("S")] == []


def test_an_empty_task_is_a_task() -> None:
    assert plan(f"{HEAD}tasks:\n  a: []\nschedule: all\n").tasks == (Task(name="a", steps=()),)


TOKENS = st.sampled_from(
    [
        "simdsl: 1\n", "plan: p\n", "steps:\n", "tasks:\n", "schedule: all\n", "setup:\n", "finally:\n", "invariants:\n",
        "params:\n", "pools:\n", "  - ", "    ", "  ", "a: ", "b:\n", "SELECT 1", " => ", "1", "?x", "$x", "blocks", "\n",
        "check: ", "rows(l) = 1", "for: i in 1..$n\n", "do:\n", "retry: 3 times\n", "label: l\n", "sqlite: ", "await: all",
        "checkout: a from main", "return: a", "sleep: 5ms", "fault: crash", "skip: [sqlite]\n", "{", "}", "[", "]", "main",
        "size: 1", ", ", ": ", "|\n", "null", "true", "3", "'", '"', "#", "error busy", "same as l", " or ", "sql: ",
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(text=st.lists(TOKENS, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_a_plan_or_diagnosed(text: str) -> None:
    checked = check_text(text)
    assert (checked.plan is None) == any(diagnostic.severity == "error" for diagnostic in checked.diagnostics)
    if checked.plan is None:
        assert checked.diagnostics


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
KEYS = st.sampled_from(
    ["simdsl", "plan", "steps", "tasks", "schedule", "params", "pools", "setup", "a", "for", "do", "check", "sql", "label",
     "sqlite", "skip", "checkout", "await", "retry", "size", "all", "seed", "runs", "reset", "tables", "identifier"]
)  # fmt: skip
DATA = st.recursive(
    SCALARS | st.sampled_from(["SELECT $x => ?y", "i in 1..3", "a", "3 times", "rows(l) = 1", "=> blocks"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.slow
@settings(max_examples=300)
@given(data=st.dictionaries(KEYS, DATA, max_size=8))
def test_any_data_is_a_plan_or_diagnosed(data: dict[str, object]) -> None:
    import json

    checked = check_text(json.dumps({"simdsl": 1, "plan": "p", **data}, ensure_ascii=False), "x.json")
    assert checked.plan is not None or checked.diagnostics
