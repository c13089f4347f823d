"""What single passes propose, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.plan.steps import BlockStep, Step
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.driver import PASSES
from simdsl.shrinker.query_passes import remove_clauses, remove_sources, simplify_expressions, simplify_literals
from simdsl.shrinker.step_passes import remove_expectations, remove_pools, remove_waits, simplify_checks, simplify_loops
from simdsl.shrinker.table_passes import merge_tables, remove_columns, remove_rows
from simdsl.verbs.await_ import Await

Propose = Callable[[ShrinkCase], Iterator[ShrinkCase]]


def case(text: str) -> ShrinkCase:
    """A plan without its head; the schedule of `tasks:` is in words, one for each step in file order."""
    plan = load_text(f"simdsl: 1\nplan: x\n{text}")
    order = [
        ("tasks", task.name, *place)
        for task in plan.tasks or ()
        for i, step in enumerate(task.steps)
        for place in _places(i, step)
    ]
    return ShrinkCase(plan=plan).in_order(order)


def _places(i: int, step: Step) -> list[tuple[int | str, ...]]:
    return [(i, "do", j) for j in range(len(step.body))] if isinstance(step, BlockStep) else [(i,)]


def proposed(propose: Propose, text: str) -> list[str]:
    """The steps of what a pass proposes, those of setup too; a plan a text."""
    return [steps(made.plan) for made in propose(case(text))]


def steps(plan: Plan) -> str:
    """The lines of steps, with a line for the schedule."""
    wanted = [line.strip().removeprefix("- ") for line in dump(plan).splitlines() if line.startswith(("  ", "schedule"))]
    return "\n".join(wanted)


def test_a_check_becomes_a_part_of_it_and_never_another_claim() -> None:
    base = "steps:\n  - a: SELECT 1\n    label: x\n  - check: "
    assert [one.splitlines()[-1] for one in proposed(simplify_checks, base + "rows(x) = 1 and value(x) = 1\n")] == [
        "check: rows(x) = 1",
        "check: value(x) = 1",
    ]
    guarded = proposed(simplify_checks, base + "error(x) != NULL or rows(x) = 1\n")
    assert [one.splitlines()[-1] for one in guarded] == ["check: rows(x) = 1"]
    assert proposed(simplify_checks, base + "rows(x) = 1 or value(x) = 1\n") == []
    assert proposed(simplify_checks, base + "bag(x) = bag(x) + bag(x)\n") == []


def test_a_retry_becomes_steps_that_may_be_refused_and_keeps_the_order() -> None:
    text = """tasks:
  a:
    - retry: 9 times on busy every 1ms
      do:
        - BEGIN
        - UPDATE t SET v = 1 => 1 affected
  b:
    - SELECT 1
schedule: a a b
"""
    made = proposed(simplify_loops, text)
    assert (
        "a:\nBEGIN => ok or error busy\nUPDATE t SET v = 1 => 1 affected or error busy\nb:\nSELECT 1\nschedule: a a b"
        in made
    )
    assert any("retry: 1 times on busy every 1ms" in one and one.endswith("schedule: a a b") for one in made)
    assert any("retry: 9 times on busy\n" in one for one in made)


def test_one_alternative_less() -> None:
    made = proposed(remove_expectations, "steps:\n  - a: SELECT 1 => 1 row or error busy or error\n")
    assert "a: SELECT 1 => 1 row or error busy" in made
    assert "a: SELECT 1" in made


def test_who_waits_asks_later_instead() -> None:
    text = """pools: {p: {size: 1}}
steps:
  - checkout: a from p
  - checkout: b from p => blocks
  - return: a
  - await: b
"""
    (made,) = remove_waits(case(text))
    assert steps(made.plan).splitlines()[1:] == ["checkout: a from p", "return: a", "checkout: b from p"]
    assert not any(isinstance(step, Await) for step in made.plan.steps or ())


def test_a_pool_goes_and_its_tasks_are_one_or_a_rollback_takes_the_place_of_a_return() -> None:
    text = """pools: {p: {size: 2}}
steps:
  - checkout: a from p
  - a: BEGIN
  - return: a
  - checkout: b from p
  - b: SELECT 1
"""
    made = proposed(remove_pools, text)
    assert made[:3] == ["a: BEGIN\nb: SELECT 1", "a: BEGIN\na: SELECT 1", "a: BEGIN\na: ROLLBACK\nb: SELECT 1"]
    assert any("size: 1" in one and "checkout: b" not in one for one in made[3:])


TWO = """setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 2)
  - CREATE TABLE u (id INTEGER, v INTEGER)
  - INSERT INTO u (id, v) VALUES (3, 4)
steps:
"""


def test_what_reads_one_table_reads_the_other() -> None:
    made = proposed(merge_tables, TWO + "  - a: SELECT t.v FROM t JOIN u ON t.id = u.id\n")
    assert "SELECT t.v FROM t JOIN t ON t.id = u.id" in made[0]  # whether that runs is for the database to say
    assert "u (" not in made[0]


def test_a_query_reads_no_table_only_where_its_fellow_does_so_too() -> None:
    related = TWO + "  - a: SELECT v FROM t WHERE v > 1\n    label: x\n  - a: SELECT v FROM t\n    label: y\n"
    made = proposed(remove_sources, related + "  - check: bag(x) = bag(y)\n")
    assert [one.splitlines()[4:8:2] for one in made] == [
        ["a: SELECT 0 WHERE 0 > 1", "a: SELECT 0"],
        ["a: SELECT 1 WHERE 1 > 1", "a: SELECT 1"],
        ["a: SELECT NULL WHERE NULL > 1", "a: SELECT NULL"],
    ]
    alone = TWO + "  - a: SELECT v FROM t\n    label: x\n  - check: rows(x) = 1\n"
    assert proposed(remove_sources, alone) == []


def test_a_column_goes_with_its_values_and_from_the_results_that_show_it() -> None:
    made = proposed(remove_columns, TWO + "  - a: SELECT id, v FROM t ORDER BY id\n")
    assert made[0].splitlines() == [
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE u (id INTEGER)",
        "INSERT INTO u (id) VALUES (3)",
        "a: SELECT id FROM t ORDER BY id",
    ]
    assert not any("ORDER BY id" in one and "t (v" in one for one in made)


def test_a_clause_goes_from_all_statements_that_are_compared() -> None:
    text = TWO + "  - a: SELECT id, v FROM t WHERE v > 1 ORDER BY id, v\n    label: x\n"
    text += "  - a: SELECT id, v FROM t ORDER BY id, v LIMIT 1\n    label: y\n  - check: bag(y) subset of bag(x)\n"
    made = [one.splitlines()[4:8:2] for one in proposed(remove_clauses, text)]
    assert ["a: SELECT id, v FROM t WHERE v > 1", "a: SELECT id, v FROM t LIMIT 1"] in made
    assert ["a: SELECT id, v FROM t WHERE v > 1 ORDER BY id", "a: SELECT id, v FROM t ORDER BY id LIMIT 1"] in made
    assert all("WHERE v > 1" in one and "LIMIT 1" in other for one, other in made)


def test_an_expression_that_stands_in_one_place_is_left_alone_where_statements_are_compared() -> None:
    text = (
        TWO + "  - a: SELECT v FROM t WHERE (v + 1) > 0\n    label: x\n  - a: SELECT sum((v + 1) > 0) FROM t\n    label: y\n"
    )
    made = proposed(simplify_expressions, text + "  - check: rows(x) = value(y)\n")
    assert made
    assert all("SUM(" in one for one in made)
    assert any("WHERE v + 1" in one or "WHERE (v + 1)" in one for one in made)


def test_two_inserts_are_one() -> None:
    text = "setup:\n  - INSERT INTO t VALUES (1)\n  - INSERT INTO t VALUES (2) => 1 affected\nsteps:\n  - a: SELECT 1\n"
    assert proposed(remove_rows, text)[0] == "INSERT INTO t VALUES (1), (2)\na: SELECT 1"
    apart = "steps:\n  - a: INSERT INTO t VALUES (1)\n  - b: INSERT INTO t VALUES (2)\n"
    assert proposed(remove_rows, apart) == []


def test_the_numbers_of_a_limit_and_of_its_slice_are_one() -> None:
    text = TWO + "  - a: SELECT v FROM t\n    label: x\n  - a: SELECT v FROM t LIMIT 7 OFFSET 9\n    label: y\n"
    made = proposed(simplify_literals, text + "  - check: bag(y) = slice(x, 9, 7)\n")
    both = [one.splitlines()[6:9:2] for one in made]
    assert ["a: SELECT v FROM t LIMIT 0 OFFSET 9", "check: bag(y) = slice(x, 9, 0)"] in both
    assert ["a: SELECT v FROM t LIMIT 7 OFFSET 0", "check: bag(y) = slice(x, 0, 7)"] in both
    without = proposed(simplify_literals, text + "  - check: rows(y) = 7\n")
    assert all("LIMIT 7 OFFSET 9" in one for one in without)


def test_a_check_goes_on_naming_what_writes() -> None:
    text = "steps:\n  - a: SELECT v FROM t\n    label: x\n  - a: DELETE FROM t\n    label: y\n  - check: "
    made = proposed(simplify_checks, text + "rows(x) = 0 and affected(y) = rows(x)\n")
    assert [one.splitlines()[-1] for one in made] == ["check: affected(y) = rows(x)"]
    assert proposed(simplify_checks, text + "error(y) != NULL or rows(x) = 0\n") == []


def test_a_set_that_is_compared_stays_a_set() -> None:
    text = TWO + "  - a: SELECT DISTINCT v FROM t\n    label: x\n"
    other = "  - a: SELECT DISTINCT v FROM t WHERE v UNION SELECT DISTINCT v FROM t WHERE NOT v\n    label: y\n"
    assert proposed(remove_clauses, text + other + "  - check: bag(x) = bag(y)\n") == []


def test_a_condition_that_stands_elsewhere_too_stays() -> None:
    text = TWO + "  - a: SELECT v FROM t WHERE v > 1\n    label: x\n  - a: UPDATE t SET v = 3 WHERE v > 1\n    label: y\n"
    other = "  - a: SELECT v FROM t WHERE v > 1 AND v = 3\n    label: z\n"
    assert proposed(remove_clauses, text + other + "  - check: bag(x) = bag(z) and affected(y) = 1\n") == []
    (made,) = proposed(remove_clauses, text + "  - check: affected(y) = rows(x)\n")
    assert made.splitlines()[4:8:2] == ["a: SELECT v FROM t", "a: UPDATE t SET v = 3"]


def test_a_table_that_is_judged_by_what_was_written_to_it_is_read() -> None:
    text = TWO + "  - a: DELETE FROM t\n  - a: SELECT v FROM t\n    label: x\n  - a: SELECT id FROM t\n    label: y\n"
    assert proposed(remove_sources, text + "  - check: rows(x) = rows(y)\n") == []


@pytest.mark.parametrize("propose", PASSES, ids=lambda one: one.__module__.rpartition(".")[2])
def test_an_empty_blob_is_no_trouble(propose: Propose) -> None:
    """sqlglot cannot write one in a dialect of its own."""
    text = """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB, c INTEGER)
  - INSERT INTO t VALUES (1, X'', 2), (2, X'00', 3)
steps:
  - a: SELECT id, c FROM t WHERE b = X'' AND length(X'') < 1 ORDER BY c => (1, 2)
  - a: UPDATE t SET b = X'' WHERE b > X'' => 1 affected
  - a: SELECT count(*) FROM t WHERE b = X'' GROUP BY b HAVING max(b) = X'' => 2
"""
    for made in propose(case(text)):
        assert load_text(dump(made.plan)) is not None
