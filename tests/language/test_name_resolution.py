"""Rules 10, 18 and 40: variables, labels and pools across a plan."""

from __future__ import annotations

import pytest

from tests.language.helpers import codes, only, pointed, with_section, with_steps, with_tasks

PARAM = "params:\n  - {n: 1}\n"


def test_rule_18_reading_an_unbound_name_is_an_error_where_it_is_certain() -> None:
    diagnostic = only(with_steps("a: SELECT $x"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N007", "$x")
    assert codes(with_steps("a: SELECT 1 => $x")) == ["N007"]
    assert codes(with_steps("a: SELECT 1 => $x rows")) == ["N007"]
    assert codes(with_steps("check: $x = 1")) == ["N007"]
    assert codes(with_steps("for: i in 1..$x\ndo:\n  - a: SELECT 1")) == ["N007"]
    assert codes(with_steps("a: SELECT $x => ?x")) == ["N007"]


def test_rule_18_what_may_be_bound_is_bound() -> None:
    assert codes(with_steps("a: SELECT 1 => ?x or error busy", "a: SELECT $x")) == []
    assert codes(with_steps("a: SELECT 1 => ?x\nskip: [sqlite]", "a: SELECT $x")) == []
    assert codes(with_steps("a: SELECT 1\npostgres: => ?x", "a: SELECT $x")) == []
    assert codes(with_steps("for: i in 1..0\ndo:\n  - a: SELECT 1 => ?x", "a: SELECT $x")) == []
    assert codes(with_steps("a: SELECT 1 => blocks", "await: a => ?x", "a: SELECT $x")) == []
    assert codes(with_steps("a: SELECT 1 => ?x", "a: SELECT $x => ?x", "check: $x = 1")) == []


def test_rule_40_params_are_seen_everywhere() -> None:
    for section in ("setup", "finally", "invariants"):
        assert codes(with_section(section, "SELECT $n => $n", head=f"{PARAM}steps: []\n")) == []
    assert codes(with_tasks(head=PARAM, a=["SELECT $n"], b=["SELECT $n"])) == []


def test_rule_40_what_setup_binds_is_seen_everywhere() -> None:
    head = "setup:\n  - SELECT 1 => ?x\n"
    assert codes(with_steps("a: SELECT $x", head=head)) == []
    assert codes(with_tasks(head=head, a=["SELECT $x"])) == []
    assert codes(with_section("finally", "SELECT $x => $x", head=f"{head}steps: []\n")) == []
    assert codes(with_section("invariants", "SELECT $x => $x", head=f"{head}steps: []\n")) == []


@pytest.mark.parametrize("section", ["finally", "invariants"])
def test_rule_40_what_steps_bind_is_not_seen_after_them(section: str) -> None:
    head = "steps:\n  - a: SELECT 1 => ?x\n"
    diagnostic = only(with_section(section, "SELECT $x => 1", head=head))
    assert (diagnostic.code.name, diagnostic.help) == ("N007", f"`{section}` reads params and setup's variables")


def test_rule_40_variables_are_global_in_steps() -> None:
    assert codes(with_steps("a: SELECT 1 => ?x", "b: SELECT $x")) == []


def test_rule_40_a_task_reads_its_own() -> None:
    assert codes(with_tasks(a=["SELECT 1 => ?x", "SELECT $x"])) == []
    diagnostic = only(with_tasks(a=["SELECT 1 => ?x"], b=["SELECT $x"]))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N008", "$x")
    assert diagnostic.message == "`$x` is bound by the task `a`"


def test_rule_40_loop_variables_live_in_do() -> None:
    assert codes(with_steps("for: i in 1..2\ndo:\n  - a: SELECT $i")) == []
    assert codes(with_steps("for: i in 1..2\ndo: []", "a: SELECT $i")) == ["N007"]
    assert codes(with_steps("for: i in 1..2\ndo: []", "for: i in 1..2\ndo: []")) == []


def test_rule_40_loop_variables_may_not_shadow() -> None:
    diagnostic = only(with_steps("for: n in 1..2\ndo: []", head=PARAM))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N009", "n")
    nested = "for: i in 1..2\ndo:\n  - for: i in 1..2\n    do: []"
    assert codes(with_steps(nested)) == ["N009"]
    assert codes(with_steps("for: i in 1..2\ndo:\n  - a: SELECT 1 => ?i")) == ["N009"]


def test_rule_10_no_value_in_ddl() -> None:
    diagnostic = only(with_steps("a: CREATE TABLE t (i INT DEFAULT $n)", head=PARAM))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("R010", "$n")
    assert codes(with_steps("a: CREATE VIEW v AS SELECT $n", head=PARAM)) == ["R010"]
    assert codes(with_steps("a: SET x = $n", head=PARAM)) == ["R010"]


def test_rule_10_but_a_name_of_something() -> None:
    assert codes(with_steps("a: CREATE TABLE $t (i INT)", head="params:\n  - {t: {identifier: t1}}\n")) == []


def test_rule_40_labels_are_one_namespace() -> None:
    diagnostic = only(with_steps("a: SELECT 1\nlabel: l", "b: SELECT 2\nlabel: l"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N004", "l")
    assert codes(with_tasks(a=["sql: SELECT 1\nlabel: l"], b=["sql: SELECT 1\nlabel: l"])) == ["N004"]


def test_rule_40_a_label_is_there_before_it_is_used() -> None:
    assert codes(with_steps("a: SELECT 1\nlabel: l", "a: SELECT 1 => same as l", "check: rows(l) = 1")) == []
    diagnostic = only(with_steps("a: SELECT 1 => same as lable", "a: SELECT 1\nlabel: label"))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N005", "lable", "did you mean `label`?")
    assert codes(with_steps("check: rows(l) = 1", "a: SELECT 1\nlabel: l")) == ["N005"]
    assert codes(with_steps("check: slice(l, 0, 1) = bag(m)")) == ["N005", "N005"]


def test_rule_40_in_tasks_only_the_owner_and_finally_use_a_label() -> None:
    tasks = {"a": ["sql: SELECT 1\nlabel: l", "check: rows(l) = 1"]}
    text = with_tasks(a=tasks["a"])
    assert codes(text) == []
    assert codes(f"{text}finally:\n  - check: rows(l) = 1\n") == []
    diagnostic = only(with_tasks(a=tasks["a"], b=["check: rows(l) = 1"]))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N006", "l")


def test_a_label_of_setup_is_everybodys() -> None:
    head = "setup:\n  - sql: SELECT 1\n    label: l\n"
    assert codes(with_tasks(head=head, a=["SELECT 1 => same as l"], b=["check: rows(l) = 1"])) == []
    assert codes(with_section("invariants", "SELECT 1 => same as l", head=f"{head}steps: []\n")) == []


def test_rule_43_pools_of_checks_are_known() -> None:
    assert codes(with_steps("check: pool.main.idle = 1", head="pools:\n  main: {size: 1}\n")) == []
    assert codes(with_steps("check: pool.mian.idle = 1", head="pools:\n  main: {size: 1}\n")) == ["N011"]
    assert codes(with_steps("check: pool.main.idle = 1")) == ["N011"]


def test_overrides_are_looked_at_too() -> None:
    assert codes(with_steps("a: SELECT 1\npostgres: SELECT $x")) == ["N007"]
    assert codes(with_steps("a: SELECT 1\npostgres: => same as l")) == ["N005"]
    assert codes(with_steps("check: 1 = 1\npostgres: $x = 1")) == ["N007"]


def test_an_override_is_not_lexed_as_the_plans_own_dialect() -> None:
    assert codes(with_steps("a: SELECT $n\nmssql: SELECT [it]]'s], $n", head=PARAM)) == []
    assert codes(with_steps("a: SELECT $n\npostgres: SET x = $n", head=PARAM)) == ["R010"]
