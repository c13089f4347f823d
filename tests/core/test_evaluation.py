"""Check expressions (rules.md 43)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from simdsl.core.evaluation import CheckError, Evaluation
from simdsl.language.load import load_text
from simdsl.plan.expressions import Expression, PoolCounter
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Value
from simdsl.verbs.check import Check


@dataclass(frozen=True)
class Around:
    """What the expressions below may read."""

    variables: Mapping[str, Value] = field(default_factory=dict)
    labels: Mapping[str, Outcome] = field(default_factory=dict)

    def variable(self, name: str) -> Value:
        return self.variables[name]

    def label(self, name: str) -> Outcome | None:
        return self.labels.get(name)

    def pool(self, name: str, count: PoolCounter) -> int:
        return {PoolCounter.SIZE: 3, PoolCounter.IDLE: 1, PoolCounter.BUSY: 2, PoolCounter.WAITING: 0}[count]

    def errors(self, error_class: ErrorClass) -> int:
        return 4 if error_class is ErrorClass.BUSY else 0

    def now_us(self) -> int:
        return 1_000


LABELS: dict[str, Outcome] = {
    "two": Rows(1, [(1,), (2,)]),
    "twice": Rows(1, [(1,), (1,), (2,)]),
    "none": Rows(1, []),
    "cell": Rows(1, [(7,)]),
    "gone": Affected(3),
    "refused": Failed(ErrorClass.BUSY, "locked"),
}
AROUND = Around({"n": 5, "t": "x", "e": None, "d": Decimal("1.5")}, LABELS)


def parsed(text: str) -> Expression:
    """The expression, loaded within a plan that knows its names."""
    labels = "".join(f"  - a: SELECT 1\n    label: {label}\n" for label in LABELS)
    params = "params:\n  - {n: 1, t: x, e: null, d: {decimal: '1.5'}}\n"
    head = f"simdsl: 1\nplan: t\npools:\n  main: {{size: 3}}\n{params}"
    plan = load_text(f"{head}steps:\n  - checkout: a\n{labels}  - check: |\n      {text}\n")
    assert plan.steps is not None
    check = plan.steps[-1]
    assert isinstance(check, Check)
    return check.expression


def holds(text: str) -> bool:
    return Evaluation(AROUND).holds(parsed(text))


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 = 7",
        "(1 + 2) * 3 = 9",
        "7 / 2 = 3",
        "-7 / 2 = -3",
        "-7 % 2 = -1",
        "7.0 / 2 = 3.5",
        "$d + 1 = 2.5",
        "1 = 1.0",
        "'a' < 'b'",
        "'1' != 1",
        "NULL = NULL",
        "$e = NULL",
        "not (1 = 2)",
        "1 = 2 or 2 = 2 and not 1 = 2",
        "min(3, NULL, 1) = 1",
        "max('a', 'b') = 'b'",
        "coalesce(NULL, $n) = 5",
        "abs(-3) = 3",
        "rows(two) = 2",
        "columns(two) = 1",
        "affected(gone) = 3",
        "value(cell) = 7",
        "error(refused) = 'busy'",
        "error(two) = NULL",
        "bag(two) subset of bag(twice)",
        "not bag(twice) subset of bag(two)",
        "set(twice) = bag(two)",
        "bag(two) != bag(twice)",
        "bag(two) + bag(none) = bag(two)",
        "bag(twice) - bag(two) = slice(two, 0, 1)",
        "slice(twice, 1, 5) = bag(two)",
        "pool.main.size = 3 and pool.main.idle + pool.main.busy = 3 and pool.main.waiting = 0",
        "errors.busy = 4 and errors.deadlock_detected = 0",
        "now = 1000",
        "true",
        "not false",
    ],
)
def test_what_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize("text", ["1 = 2", "NULL = 0", "'a' = 'A'", "true = 1", "rows(two) > 2"])
def test_what_does_not(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NULL < 1", "NULL < 1 has no answer"),
        ("'a' < 1", "'a' < 1 has no answer"),
        ("1 / 0 = 1", "1 / 0 has no value"),
        ("1.5 / 0 = 1", "has no value"),
        ("rows(refused) = 1", "refused failed with busy"),
        ("bag(gone) = bag(two)", "gone gave no rows"),
        ("value(two) = 1", "one row of one column"),
        ("bag(two) = 1", "a bag is compared with a bag"),
        ("1 + 'a' = 2", "expected a number"),
        ("rows(two)", "expected true or false"),
        ("bag(two) < bag(twice)", "not defined on bags"),
        ("1 subset of 2", "compares bags"),
        ("slice(two, 'a', 1) = bag(two)", "expected an integer"),
    ],
)
def test_what_has_no_answer_fails_and_says_why(text: str, reason: str) -> None:
    with pytest.raises(CheckError, match=re.escape(reason)):
        holds(text)


def test_readings_are_recorded_in_order() -> None:
    evaluation = Evaluation(AROUND)
    assert evaluation.holds(parsed("pool.main.idle = 1 and errors.busy = 4 and now >= 0"))
    assert evaluation.readings == [("pool.main.idle", 1), ("errors.busy", 4), ("now", 1000)]
