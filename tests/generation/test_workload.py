"""Whole plans that are drawn: repeatable, loadable, and true on the engines that they are meant for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from simdsl.core.choices import choose_below
from simdsl.core.verdicts import FailureKind, Verdict
from simdsl.generation.plans import UNSUPPORTED_KNOBS, WorkloadGenerator, generate
from simdsl.language.dump import dump, dump_json
from simdsl.language.load import check_text
from simdsl.plan.expectations import Blocks, ExpectedError
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan
from simdsl.plan.sql import TransactionAction, TransactionControl, Variable
from simdsl.plan.steps import SqlStep
from simdsl.profiles.load import load_profile
from simdsl.profiles.profile import KnobType, knobs
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return
from tests.plans.bundled import problem
from tests.running import run_loaded
from tests.runs.comparing import compare_loaded
from tests.runs.faulty_sqlite import install

CHECKOUT = Path(__file__).parents[2]
PROFILES = ("quick", "concurrent", "ddl-heavy", "faulty", "read-heavy", "stress", "write-heavy")
PRINT = """
from hashlib import sha256
from simdsl.generation.plans import generate
from simdsl.language.dump import dump
from simdsl.profiles.load import load_profile
for name in ("quick", "read-heavy"):
    for seed in range(4):
        print(name, seed, sha256(dump(generate(load_profile(name), seed)).encode()).hexdigest())
"""


def plan_of(name: str, seed: int, *settings: str) -> Plan:
    return generate(load_profile(name, settings), seed)


def statements(plan: Plan) -> Iterator[SqlStep]:
    return (step for step in plan.steps or () if isinstance(step, SqlStep))


# The same plan


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_and_a_seed_are_a_plan(name: str) -> None:
    assert plan_of(name, 3) == plan_of(name, 3)
    assert plan_of(name, 3).steps != plan_of(name, 4).steps


def test_every_process_draws_the_same() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", PRINT],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for seed in ("1", "20261125")
    ]
    assert printed[0] == printed[1]
    assert len(set(printed[0].splitlines())) == 8


def test_a_longer_plan_begins_like_a_shorter_one() -> None:
    short, long = (plan_of("quick", 1, f"steps={n}").steps or () for n in (60, 600))
    assert short[:40] == long[:40]


def test_steps_come_one_by_one() -> None:
    workload = WorkloadGenerator(load_profile("quick", ["steps=1000000000"]), 1)
    tuple(workload.setup())
    steps = workload.steps()
    assert len([next(steps) for _ in range(100)]) == 100


@pytest.mark.parametrize("name", PROFILES)
def test_a_plan_loads_as_it_was_dumped(name: str) -> None:
    for seed in range(3):
        plan = plan_of(name, seed, "values.unicode=0.3", "error_rate=0.1")
        for text in (dump(plan), dump_json(plan)):
            checked = check_text(text)
            assert checked.diagnostics == ()
            assert checked.plan == plan


def test_only_one_dialect_is_written() -> None:
    with pytest.raises(ValueError, match="not tsql"):
        generate(load_profile("quick"), 1, "tsql")


# What a plan is like


@pytest.mark.parametrize("name", PROFILES)
def test_a_plan_is_about_as_long_as_its_profile_says(name: str) -> None:
    profile = load_profile(name)
    for seed in range(5):
        assert abs(len(generate(profile, seed).steps or ()) - profile.steps) <= profile.max_in_flight_tx + 8


@pytest.mark.parametrize("settings", [("weights.sleep=1", "max_sleep=0us"), ("schema.columns=1", "schema.indexes=0")])
def test_a_plan_ends_where_there_is_nothing_to_say(settings: tuple[str, ...]) -> None:
    nothing = [f"weights.{kind}=0" for kind in ("select", "insert", "update", "delete", "upsert", "tx", "savepoint")]
    plan = plan_of("quick", 1, *nothing, "weights.checkout=0", "weights.ddl=1", *settings)
    assert plan.steps


@pytest.mark.parametrize("name", ["concurrent", "stress"])
def test_everybody_finishes(name: str) -> None:
    for seed in range(5):
        plan = plan_of(name, seed)
        lent, open_, parked = set[str](), set[str](), set[str]()
        for step in plan.steps or ():
            match step:
                case Checkout():
                    expected = (step.expect or (None,))[0]
                    if isinstance(expected, Blocks):
                        parked.add(step.task)
                    elif not isinstance(expected, ExpectedError):
                        lent.add(step.task)
                case Await() if step.task in parked:
                    parked.remove(step.task)
                    lent.add(step.task)
                case Return():
                    assert step.task not in open_
                    lent.remove(step.task)
                case SqlStep():
                    assert step.task in lent
                    match step.sql.transaction:
                        case TransactionControl(action=TransactionAction.BEGIN):
                            open_.add(step.task)
                        case TransactionControl(action=TransactionAction.COMMIT | TransactionAction.ROLLBACK):
                            open_.remove(step.task)
                        case _:
                            pass
                case _:
                    pass
            assert len(lent) <= plan.pools[0].size
        assert not lent | open_ | parked


def test_transactions_in_flight_are_bounded() -> None:
    for bound in (1, 3):
        most, now = 0, 0
        for step in statements(plan_of("concurrent", 2, f"max_in_flight_tx={bound}", "pool.size=8")):
            if step.sql.transaction is not None and step.sql.transaction.action is TransactionAction.BEGIN:
                now += 1
            elif step.sql.text in ("COMMIT", "ROLLBACK"):
                now -= 1
            most = max(most, now)
        assert most == bound


def test_no_error_is_expected_at_an_error_rate_of_0() -> None:
    met = {ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.SERIALIZATION_FAILURE}
    allowed = {*met, ErrorClass.POOL_TIMEOUT}
    assert _errors(*(plan_of("stress", seed, "error_rate=0") for seed in range(4))).keys() <= allowed


def test_every_mistake_is_made_sooner_or_later() -> None:
    settings = ("error_rate=0.3", "schema.check=0.4", "schema.unique=0.4", "weights.tx=5")
    assert _errors(*(plan_of("stress", seed, *settings) for seed in range(4))).keys() >= {
        ErrorClass.UNIQUE_VIOLATION,
        ErrorClass.NOT_NULL_VIOLATION,
        ErrorClass.CHECK_VIOLATION,
        ErrorClass.UNDEFINED_TABLE,
        ErrorClass.UNDEFINED_COLUMN,
    }


def _errors(*plans: Plan) -> Counter[ErrorClass | None]:
    steps = [step for plan in plans for step in plan.steps or () if isinstance(step, SqlStep | Checkout)]
    return Counter(said.error_class for step in steps for said in step.expect or () if isinstance(said, ExpectedError))


# What a plan says is so


@pytest.mark.parametrize("seed", range(30))
def test_plans_of_quick_hold_on_sqlite(seed: int) -> None:
    _holds(plan_of("quick", seed), "sqlite")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name in PROFILES if name != "quick"])
def test_plans_of_the_other_profiles_hold_on_sqlite(name: str, seed: int) -> None:
    _holds(plan_of(name, seed), "sqlite")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["quick", "concurrent", "ddl-heavy"])
def test_plans_hold_on_postgres(name: str, seed: int) -> None:
    _holds(plan_of(name, seed, "error_rate=0.05", "values.limit=0.2", "values.unicode=0.2"), "postgres")


@pytest.mark.parametrize("seed", range(2))
def test_a_variable_that_stands_twice_is_of_one_type(seed: int) -> None:
    settings = ("weights.insert=90", "schema.types=[text, varchar, integer, bigint, smallint]", "schema.rows=8", "steps=100")
    plan = plan_of("stress", seed, *settings)
    bound = [Counter(part for part in step.sql.fragments if isinstance(part, Variable)) for step in statements(plan)]
    assert any(count > 1 for names in bound for count in names.values())
    _holds(plan, "postgres")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("backend", ["libsql", "turso"])
def test_plans_hold_on_the_kin_of_sqlite(backend: str, seed: int) -> None:
    _holds(plan_of("quick", seed), backend)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "seed"), [*(("sqlite", seed) for seed in range(20)), ("postgres", 0), ("postgres", 1)])
def test_plans_hold_however_the_knobs_are_turned(backend: str, seed: int) -> None:
    plan = plan_of("quick", seed, *_turned(seed))
    assert check_text(dump(plan)).plan == plan
    _holds(plan, backend)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quick", "read-heavy", "concurrent"])
def test_two_engines_agree_to_the_end(name: str) -> None:
    if (missing := problem("postgres")) is not None:
        pytest.skip(missing)
    plan = plan_of(name, 1)
    compared = compare_loaded(plan, "sqlite", "postgres")
    assert compared.ended.verdict is Verdict.PASS, compared.ended.failed
    assert compared.ended.assertions > 0.9 * sum(isinstance(step, SqlStep) for step in plan.steps or ())


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_a_long_plan_of_many_tasks_comes_to_an_end(backend: str) -> None:
    plan = plan_of("stress", 1, "steps=2000", "tasks=16", "pool.size=4")
    assert isinstance((plan.steps or ())[-1], Check)
    _holds(plan, backend)


@pytest.mark.parametrize(
    "fault",
    [
        "drops_a_row",
        "duplicates_a_row",
        "gives_text_for_integers",
        "gives_reals_for_integers",
        "gives_empty_text_for_null",
        "loses_a_commit",
        "ignores_a_rollback",
        "ignores_a_rollback_to_a_savepoint",
        "reads_what_was",
        "swaps_two_columns",
        "mis_sorts",
        "miscounts",
        "raises_the_wrong_error",
        "swallows_an_error",
    ],
)
def test_an_engine_that_is_wrong_is_found(fault: str) -> None:
    faulty = f"sqlite?driver={install(fault)}"
    settings = ("weights.select=30", "weights.savepoint=20", "panic_rate=0.3", "error_rate=0.1")
    ended = [run_loaded(plan_of("write-heavy", seed, *settings), faulty).ended for seed in range(3)]
    failed = [one.failed.failure for one in ended if one.failed is not None and one.failed.failure is not None]
    assert {failure.kind for failure in failed} == {FailureKind.EXPECTATION}


def _turned(seed: int) -> Iterator[str]:
    """Most knobs, each at some value of its own."""
    for knob in knobs():
        value = choose_below(60, seed, "knob", knob.dotted)
        if knob.dotted in UNSUPPORTED_KNOBS or knob.dotted == "steps" or value < 20:
            continue
        match knob.kind:
            case KnobType.INTEGER:
                yield f"{knob.dotted}={1 + value % 8}"
            case KnobType.RATE:
                rates = (0, 0.1, 0.2) if knob.dotted in ("error_rate", "ddl_rate") else (0, 0.1, 0.5, 1)
                yield f"{knob.dotted}={rates[value % len(rates)]}"
            case KnobType.DURATION:
                yield f"{knob.dotted}={value}ms"
            case _:
                yield f"{knob.dotted}=[{', '.join(dict.fromkeys(knob.words[value % n] for n in (2, 3, 5)))}]"


def _holds(plan: Plan, backend: str) -> None:
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    ended = run_loaded(plan, backend).ended
    assert ended.verdict is Verdict.PASS, ended.failed
    assert ended.assertions > 3
