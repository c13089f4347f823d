"""Steps: their keys, what stands beside them, overrides, and which kind may stand where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simdsl.language.load import load
from simdsl.language.steps import Steps
from simdsl.plan.expectations import Blocks, Ok
from simdsl.plan.sql import Dialect, SqlKind
from simdsl.plan.steps import SqlStep, Step, StepOptions
from simdsl.syntax.document import Data
from simdsl.syntax.fields import FieldReader, StepContext
from simdsl.syntax.files import read_text
from simdsl.syntax.problems import Problems
from simdsl.syntax.sql_lexer import parse_sql
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.fault import Fault
from simdsl.verbs.for_ import For, IntegerBounds
from simdsl.verbs.retry import Retry
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep
from tests.language.helpers import codes, only, plan, pointed, sql_steps, steps_of, with_section, with_steps, with_tasks

POOL = "pools:\n  main: {size: 1}\n"
POOLS = "pools:\n  main: {size: 1}\n  other: {size: 1}\n"


def one_step(step: str, head: str = "") -> Step:
    (found,) = steps_of(with_steps(step, head=head))
    return found


VALUES = st.sampled_from(
    [
        *(
            "SELECT 1",
            "SELECT 1 => 1",
            "SELECT 2 => 2",
            "INSERT INTO t VALUES (1) => 1 affected",
            "SELECT $x => 1",
            "COMMIT",
        ),
        *(
            "SELECT 1 => ?x",
            "UPDATE t SET v = 1 => 1",
            "=> 1",
            "=> 2 affected",
            "=> ok",
            "=> same as l",
            "=> $x",
            "=> blocks",
        ),
        *("SELECT 1 => 1 or 2", "-- x", "", "l", "m", "Not a name", "CREATE TABLE t (v) => ok", "=> ?x", "SELECT 1 =>"),
    ]
)
KEYS = st.sampled_from(["a", "b", "label", "why", "postgres", "mysql", "sqlite", "await", "lable", "sql", "timeout"])
ITEMS = st.lists(st.tuples(KEYS, VALUES), max_size=4).map(dict) | st.fixed_dictionaries(
    {"a": VALUES}, optional={"label": VALUES, "why": VALUES, "postgres": VALUES, "mysql": VALUES}
)


def loaded(steps: list[dict[str, object]]) -> tuple[object, ...]:
    document = read_text(json.dumps({"simdsl": 1, "plan": "p", "params": [{"z": 1}], "steps": steps}), "p.json").document
    assert document is not None
    found = load(document)
    return (found.plan, *((p.code, p.message, p.help, p.at) for p in found.problems))


@settings(deadline=None)  # the first complaint builds the grammar
@given(st.lists(ITEMS, max_size=5))
def test_the_short_way_finds_what_the_long_way_finds(items: list[dict[str, str]]) -> None:
    short = loaded([dict(item) for item in items])
    # An empty `skip` says nothing, and no step with one takes the short way.
    assert loaded([item | {"skip": []} for item in items]) == short


def test_steps_with_a_label_a_reason_and_overrides_take_the_short_way() -> None:
    item: Data = {"a": "SELECT 2 => 2", "label": "l", "why": "so", "postgres": "=> 3", "mysql": "SELECT 3"}
    steps = Steps(FieldReader(Problems(lambda path: False)), Dialect.SQLITE, ())
    found = steps.read([{"a": "SELECT 1 => 1"}, item], ("steps",), StepContext(section="steps", owner=None))
    assert steps.remarkable == {("steps",): {0: True, 1: False}}
    assert [override.backend for override in found[1].options.overrides] == ["postgres", "mysql"]
    assert (found[1].options.label, found[1].options.why) == ("l", "so")


def test_every_verb_in_steps() -> None:
    steps = steps_of(
        with_steps(
            "checkout: a from main => ok",
            "a: SELECT 1 => 1",
            "return: a => ok",
            "checkout: a",
            "await: a => ok",
            "await: all",
            "check: 1 = 1",
            "sleep: 10ms",
            "fault: io_error write 3",
            "for: i in 1..2\ndo:\n  - a: SELECT $i => $i",
            "retry: 3 times on busy\ndo:\n  - a: SELECT 1",
            head=POOL,
        )
    )
    kinds = [type(step) for step in steps]
    assert kinds == [Checkout, SqlStep, Return, Checkout, Await, Await, Check, Sleep, Fault, For, Retry]
    checkout, _, given_back, short, awaited, everybody, check, sleep, fault, loop, retry = steps
    assert isinstance(checkout, Checkout)
    assert (checkout.task, checkout.pool, checkout.expect) == ("a", "main", (Ok(),))
    assert isinstance(short, Checkout)
    assert short.pool == "main"
    assert isinstance(given_back, Return)
    assert given_back.expect == (Ok(),)
    assert isinstance(awaited, Await)
    assert isinstance(everybody, Await)
    assert (awaited.task, everybody.task) == ("a", None)
    assert isinstance(check, Check)
    assert isinstance(sleep, Sleep)
    assert isinstance(fault, Fault)
    assert (check.task, sleep.task, fault.task) == (None, None, None)
    assert (sleep.duration_us, fault.words) == (10_000, ("io_error", "write", 3))
    assert isinstance(loop, For)
    assert (loop.variable, loop.over, len(loop.body)) == ("i", IntegerBounds(first=1, last=2), 1)
    assert isinstance(retry, Retry)
    assert (retry.times, len(retry.body)) == (3, 1)


def test_in_tasks_a_step_has_an_owner() -> None:
    text = with_tasks(
        head=POOL,
        a=[
            "checkout: from main",
            "checkout:",
            "checkout: a from main",
            "SELECT 1 => 1",
            "a: SELECT 2",
            "sql: SELECT 3\nlabel: three",
            "check: rows(three) = 1",
            "sleep: 1ms",
            "fault: crash server",
            "return:",
            "return: => error",
            "for: i in 1..2\ndo:\n  - SELECT $i",
        ],
    )
    (task,) = plan(text).tasks or ()
    owners = [getattr(step, "task", None) for step in task.steps]
    assert owners == ["a"] * 11 + [None]
    loop = task.steps[-1]
    assert isinstance(loop, For)
    assert [getattr(step, "task", None) for step in loop.body] == ["a"]


def test_setup_takes_sql_loops_and_checks() -> None:
    setup = plan(
        with_section(
            "setup",
            "CREATE TABLE t (i INT)",
            "sql: SELECT 1\nlabel: one",
            "for: i in 1..3\ndo:\n  - INSERT INTO t VALUES ($i)\n  - sql: SELECT 1",
            "check: rows(one) = 1",
            head="steps: []\n",
        )
    ).setup
    assert [type(step) for step in setup] == [SqlStep, SqlStep, For, Check]


@pytest.mark.parametrize("step", ["sleep: 1ms", "checkout: a", "return: a", "fault: crash", "retry: 2 times\ndo: []"])
@pytest.mark.parametrize("section", ["setup", "finally", "invariants"])
def test_other_verbs_stand_in_no_section(section: str, step: str) -> None:
    assert codes(with_section(section, step, head=f"{POOL}steps: []\n"))[:1] == ["S011"]


def test_sections_have_no_tasks() -> None:
    diagnostic = only(with_section("setup", "a: SELECT 1", head="steps: []\n"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("S011", "a")


def test_in_tasks_nobody_speaks_for_another() -> None:
    assert codes(with_tasks(a=["b: SELECT 1"], b=["SELECT 1"])) == ["S011"]
    assert codes(with_tasks(head=POOL, a=["return: b"], b=["SELECT 1"])) == ["S011"]


def test_in_steps_a_statement_has_a_task() -> None:
    assert codes(with_steps("SELECT 1")) == ["S009"]
    assert codes(with_steps("sql: SELECT 1")) == ["S011"]
    assert codes(with_steps("checkout: from main", head=POOL)) == ["G202"]


@pytest.mark.parametrize("value", ["", "null", "true", "3", "1.5", "010"])
def test_rule_48_a_step_is_text(value: str) -> None:
    assert codes(with_steps(f"a: {value}")) == ["S004"]
    assert codes(with_tasks(a=[value])) == ["S004"]


def test_rule_44_a_step_has_one_key_of_its_own() -> None:
    assert codes(with_steps("label: l")) == ["S009"]
    diagnostic = only(with_steps("a: SELECT 1\nlable: l"))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("S009", "lable", "did you mean `label`?")
    diagnostic = only(with_steps("a: SELECT 1\npostgress: => 2"))
    assert (diagnostic.code.name, diagnostic.help) == ("S009", "did you mean `postgres`?")
    assert codes(with_steps("a: SELECT 1\nb: SELECT 2")) == ["S009"]
    assert codes(with_steps("a: SELECT 1\nsleep: 5ms")) == ["S009"]


@pytest.mark.parametrize("name", ["do", "label", "sqlite", "odbc", "all", "from", "setup"])
def test_rule_44_reserved_names(name: str) -> None:
    assert codes(f"simdsl: 1\nplan: p\ntasks:\n  {name}:\n    - SELECT 1\nschedule: all\n") == ["N002"]


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("chekout", "checkout"),
        ("awit", "await"),
        ("sleeep", "sleep"),
        ("fro", "for"),
        ("retrn", "return"),
        ("fualt", "fault"),
    ],
)
def test_rule_44_a_task_is_not_nearly_a_verb(name: str, verb: str) -> None:
    diagnostic = only(with_steps(f"{name}: SELECT 1"))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N003", name, f"did you mean `{verb}`?")


@pytest.mark.parametrize("name", ["A", "9a", "_a", "a-b", "a b", "é"])
def test_rule_44_names_of_tasks(name: str) -> None:
    assert codes(with_steps(f"{name}: SELECT 1")) == ["N001"]


def test_a_name_is_complained_about_once() -> None:
    assert codes(with_steps("A: SELECT 1", "A: SELECT 1")) == ["N001"]


def test_everything_beside_a_step() -> None:
    step = one_step(
        "a: SELECT 1 => 1\nlabel: l\nwhy: because\ntimeout: 5ms\nskip: [mssql, odbc]\npostgres: => 2\nmssql: SELECT @x => 3"
    )
    assert isinstance(step, SqlStep)
    options = step.options
    assert (options.label, options.why, options.timeout_us, options.skip) == ("l", "because", 5_000, ("mssql", "odbc"))
    assert [override.backend for override in options.overrides] == ["postgres", "mssql"]
    assert options.overrides[0].sql is None
    assert options.overrides[1].sql == parse_sql("SELECT @x", Dialect.TSQL)


def test_only() -> None:
    assert one_step("check: 1 = 1\nonly: [sqlite]").options == StepOptions(only=("sqlite",))


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("check: 1 = 1\nlabel: l", "S012"),
        ("sleep: 1ms\ntimeout: 5ms", "S012"),
        ("return: a\ntimeout: 5ms", "S012"),
        ("a: SELECT 1\ndo: []", "S012"),
        ("a: SELECT 1\nlabel: Not A Name", "N001"),
        ("a: SELECT 1\ntimeout: soon", "G208"),
        ("a: SELECT 1\nskip: sqlite", "S006"),
        ("a: SELECT 1\nskip: [sqlight]", "S016"),
        ("a: SELECT 1\nwhy: [a]", "S005"),
        ("a: SELECT 1\ntimeout: [a]", "S005"),
        ("for: i in 1..2", "S003"),
        ("for: i in 1..2\ndo: 3", "S006"),
        ("retry: 2 times", "S003"),
    ],
)
def test_options_that_a_step_does_not_have(step: str, code: str) -> None:
    assert codes(with_steps("checkout: a", step, head=POOL)) == [code]


def test_rule_45_skip_or_only() -> None:
    diagnostic = only(with_steps("a: SELECT 1\nskip: [sqlite]\nonly: [postgres]"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("R145", "only")


def test_rule_45_an_override_is_lexed_in_its_backends_dialect() -> None:
    (step,) = sql_steps(with_steps("a: SELECT 1\npostgres: SELECT E'\\' => 1'\nmssql: SELECT @x"))
    assert [override.sql and override.sql.text for override in step.options.overrides] == ["SELECT E'\\' => 1'", "SELECT @x"]
    assert codes(with_steps("a: SELECT 1\nlibsql: SELECT @x")) == ["G105"]


def test_rule_45_ok_drops_the_expectation() -> None:
    (step,) = sql_steps(with_steps("a: SELECT 1 => 2\npostgres: => ok"))
    assert step.options.overrides[0].expect == (Ok(),)


def test_rule_45_waiting_verbs_take_expectations_only() -> None:
    step = one_step("checkout: a => ok\npostgres: => blocks", head=POOL)
    assert step.options.overrides[0].expect == (Blocks(),)
    assert codes(with_steps("checkout: a\npostgres: SELECT 1 => ok", head=POOL)) == ["R045"]
    assert codes(with_steps("sleep: 5ms\npostgres: 6ms")) == ["R045"]
    assert codes(with_steps("for: i in 1..2\ndo: []\npostgres: i in 1..3")) == ["R045"]


def test_rule_45_a_check_is_overridden_whole() -> None:
    step = one_step("check: 1 = 1\npostgres: 2 = 2")
    assert isinstance(step, Check)
    assert step.options.overrides[0].expression is not None
    assert codes(with_steps("check: 1 = 1\npostgres: => 2")) == ["G201"]


def test_rule_45_halves_are_judged_together() -> None:
    assert codes(with_steps("a: SELECT 1 => 1\npostgres: DELETE FROM t")) == ["R015"]
    assert codes(with_steps("a: SELECT 1 => 1\npostgres: => 3 affected")) == ["R015"]


def test_rule_41_pools() -> None:
    assert codes(with_steps("checkout: a")) == ["R041"]
    assert codes(with_steps("return: a")) == ["R041"]
    assert codes(with_steps("checkout: a", head=POOLS)) == ["R041"]
    diagnostic = only(with_steps("checkout: a from mian", head=POOLS))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N011", "mian", "did you mean `main`?")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("CREATE TABLE t (i INT) => 1", "R015"),
        ("CREATE TABLE t (i INT) => 1 affected", "R015"),
        ("CREATE TABLE t (i INT) => empty", "R015"),
        ("COMMIT => 2 rows", "R015"),
        ("COMMIT => 1 affected", "R015"),
        ("INSERT INTO t VALUES (1) => 1", "R015"),
        ("INSERT INTO t VALUES (1) => 1 row", "R015"),
        ("INSERT INTO t VALUES (1) => error busy or contains 1", "R015"),
        ("SELECT 1 => 1 affected", "R015"),
        ("SELECT 1 => ?x, 2", "R018"),
        ("SELECT 1 => 2, ?x in any order", "R018"),
        ("SELECT 1 ORDER BY 1 => 2, ?x in any order", "R018"),
    ],
)
def test_rules_15_and_18_what_a_statement_can_never_meet(line: str, code: str) -> None:
    assert codes(with_steps(f"a: {line}")) == [code]


@pytest.mark.parametrize(
    "line",
    [
        "INSERT INTO t VALUES (1) RETURNING i => 1",
        "INSERT INTO t VALUES (1) => 1 affected",
        "WITH x AS (SELECT 1) DELETE FROM t => >= 0 affected",
        "PRAGMA user_version => 0",
        "EXPLAIN SELECT 1 => >= 1 rows",
        "CREATE TABLE t (i INT) => ok or error duplicate_table",
        "SELECT 1 => ?x",
        "SELECT 1 ORDER BY 1 => ?x, ?y",
        "SELECT 1 => ?x, ?y in order",
        "SELECT 1 => (?x, ?y)",
    ],
)
def test_rules_15_and_18_what_it_can(line: str) -> None:
    assert codes(with_steps(f"a: {line}")) == []


def test_rule_15_the_help_names_affected() -> None:
    diagnostic = only(with_steps("a: DELETE FROM t => 3"))
    assert (diagnostic.help, pointed(diagnostic)) == ("did you mean `3 affected`?", "3")


@pytest.mark.parametrize("step", ["checkout: a => 3 rows", "return: a => 1", "return: a => blocks", "await: a => blocks"])
def test_rule_15_sessions_have_no_rows(step: str) -> None:
    assert codes(with_steps("checkout: a", step, head=POOL)) == ["R015"]


def test_rule_30_blocks_and_await_belong_to_steps() -> None:
    assert codes(with_tasks(a=["SELECT 1 => blocks"])) == ["R030"]
    assert codes(with_tasks(a=["await: all"])) == ["R030"]
    assert codes(with_tasks(head=POOL, a=["checkout: => blocks"])) == ["R030"]
    assert codes(with_section("setup", "SELECT 1 => blocks", head="steps: []\n")) == ["R030"]
    assert codes(with_section("finally", "await: all", head="steps: []\n")) == ["R030"]
    assert codes(with_tasks(a=["sql: SELECT 1 => 1\npostgres: => blocks"])) == ["R030"]


def test_a_line_needs_a_statement() -> None:
    assert codes(with_steps("a: => ok")) == ["G107"]


def test_a_block_scalar_is_a_line() -> None:
    (step,) = sql_steps(with_steps("a: |\n  SELECT j #>> '{a}'\n    -- so\n  => 1"))
    assert step.sql.text == "SELECT j #>> '{a}'\n  -- so"
    assert step.sql.kind is SqlKind.QUERY
