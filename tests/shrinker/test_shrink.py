"""The shrinker on predicates that no database has a part in."""

from __future__ import annotations

import pytest

from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.plan.steps import SqlStep
from simdsl.shrinker.case import CandidateResult, ShrinkCase, is_smaller, sql_steps
from simdsl.shrinker.driver import ShrinkSnapshot, shrink
from tests.shrinker.synthetic import synthetic


def texts(case: ShrinkCase) -> list[str]:
    """The statements, in file order."""
    return [step.sql.text for _, step in sql_steps(case)]


def last(plan: Plan, *needed: str, rounds: int | None = None) -> ShrinkSnapshot:
    """The plan shrunk while all these texts occur in its statements."""

    def ask(case: ShrinkCase) -> CandidateResult:
        return (
            CandidateResult.SAME_FAILURE
            if all(any(text in one for one in texts(case)) for text in needed)
            else CandidateResult.PASSES
        )

    *_, end = shrink(ShrinkCase(plan=plan), ask, rounds=rounds)
    return end


@pytest.mark.parametrize(
    ("needed", "budget", "pairs"),
    [
        (3, 80, 0),
        pytest.param(6, 140, 30, marks=pytest.mark.slow),
        pytest.param(12, 240, 0, marks=pytest.mark.slow),
        pytest.param(12, 240, 30, marks=pytest.mark.slow),
    ],
)
def test_the_budget_of_questions_is_kept_and_nothing_is_left_over(needed: int, budget: int, pairs: int) -> None:
    for seed in range(3):
        made = synthetic(1000, needed, pairs, seed)
        *_, end = shrink(made.case, made.ask)
        assert set(texts(end.case)) == made.needed
        assert end.is_minimal
        assert end.tried <= budget


@pytest.mark.slow
def test_at_every_interruption_the_best_is_smaller_and_fails_alike() -> None:
    made = synthetic(200, 4, 5, 1)
    before = made.case
    for rounds in range(1, 60):
        *_, end = shrink(made.case, made.ask, rounds=rounds)
        assert made.ask(end.case) is CandidateResult.SAME_FAILURE
        assert end.case == before or is_smaller(end.case, before) or end.case == made.case
        assert end.tried <= rounds


def test_time_that_is_up_ends_it() -> None:
    made = synthetic(100, 2, 0, 1)
    left = iter([False] * 5)
    *_, end = shrink(made.case, made.ask, is_over=lambda: next(left, True))
    assert end.tried == 5
    assert not end.is_minimal


def test_who_is_interrupted_in_the_middle_has_told_the_best_so_far() -> None:
    made = synthetic(200, 2, 0, 1)
    asked, failing = 0, made.case

    def ask(case: ShrinkCase) -> CandidateResult:
        nonlocal asked, failing
        asked += 1
        if asked == 10:
            raise KeyboardInterrupt
        answer = made.ask(case)
        failing = case if answer is CandidateResult.SAME_FAILURE else failing
        return answer

    told: list[ShrinkSnapshot] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(shrink(made.case, ask))
    assert told[-1].case == failing
    assert is_smaller(failing, made.case)


def test_a_case_that_cannot_be_smaller_stays() -> None:
    plan = load_text("simdsl: 1\nplan: x\nsteps:\n  - a: SELECT 1\n")
    assert last(plan, "SELECT 1").case.plan == plan


PLAN = load_text(
    """
simdsl: 1
plan: wide
dialect: sqlite
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT 3, w TEXT)
  - CREATE TABLE u (id INTEGER PRIMARY KEY)
  - INSERT INTO t (id, v, w) VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three') => 3 affected
steps:
  - a: BEGIN
  - a: SELECT v FROM t WHERE id = 1 AND v > 5 => ?x
  - b: INSERT INTO u VALUES (1) => 1 affected
  - b: SELECT id FROM u
    label: seen
  - a: UPDATE t SET v = $x WHERE id = 2 OR NOT (w IS NULL) => 2 affected
  - check: rows(seen) = 1
  - a: SAVEPOINT s
  - a: DELETE FROM t WHERE w LIKE 'thr%' => 1 affected
  - a: ROLLBACK TO s
  - a: COMMIT
finally:
  - SELECT count(*) FROM t => 3
"""
)


def test_a_table_goes_with_all_that_names_it_and_a_label_with_its_check() -> None:
    assert texts(last(PLAN, "SELECT v").case) == ["SELECT v FROM t"]
    assert texts(last(PLAN, "FROM u").case) == ["SELECT id FROM u"]


def test_what_binds_a_variable_stays_with_what_reads_it() -> None:
    shrunk = last(PLAN, "$x").case.plan
    assert load_text(dump(shrunk)) == shrunk


def test_statements_lose_rows_clauses_and_values() -> None:
    end = last(PLAN, "DELETE FROM t", "INSERT INTO t").case
    assert sorted(texts(end)) == ["DELETE FROM t", "INSERT INTO t (id) VALUES (0)"]


def test_a_schema_loses_columns_that_nothing_names() -> None:
    assert texts(last(PLAN, "CREATE TABLE t").case)[0].startswith("CREATE TABLE t (")
    assert len(texts(last(PLAN, "CREATE TABLE t").case)[0]) < 30


def test_everything_that_is_told_loads_again() -> None:
    for needed in ("UPDATE", "DELETE", "ROLLBACK TO", "COMMIT", "INSERT INTO u"):
        shrunk = last(PLAN, needed).case.plan
        assert isinstance(shrunk.steps, tuple)
        assert all(isinstance(step, SqlStep) for step in shrunk.steps)
        assert load_text(dump(shrunk)) == shrunk
