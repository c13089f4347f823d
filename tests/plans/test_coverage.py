"""Together the bundled plans say everything that the language can say: every verb, every form, every option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, get_args

import pytest

from simdsl.plan.expectations import (
    Alternative,
    Cell,
    ComparisonOperator,
    Count,
    CountUnit,
    ExactRows,
    ExpectedError,
    FixedPoint,
    LiteralType,
    RowOrder,
    SameAs,
    Scalar,
)
from simdsl.plan.expressions import BinaryOperation, BinaryOperator, Expression, PoolCounter, ResultFunction, ScalarFunction
from simdsl.plan.plan import (
    ExhaustiveSchedule,
    Identifier,
    Param,
    PctSchedule,
    Plan,
    PoolSpec,
    RandomSchedule,
    Reset,
    Schedule,
    Task,
)
from simdsl.plan.sql import Sql, TransactionAction, TransactionControl, TransactionMode, Variable
from simdsl.plan.steps import Override, SqlStep, StepOptions
from simdsl.verbs.await_ import Await
from simdsl.verbs.base import verbs
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.fault import Fault
from simdsl.verbs.for_ import IntegerBounds, ItemList
from simdsl.verbs.retry import Retry
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep
from tests.plans.bundled import BACKENDS, NAMES, plan_of, why_skipped

FORMS = (Alternative, Cell, Expression, Schedule)
STEPS = (SqlStep, *(verb.step for verb in verbs()))
OTHERS = (IntegerBounds, ItemList, Identifier, Param, PoolSpec, Reset, Override, Task, TransactionControl, FixedPoint)
WORDS = (
    CountUnit,
    RowOrder,
    ResultFunction,
    PoolCounter,
    BinaryOperator,
    ScalarFunction,
    TransactionAction,
    TransactionMode,
    LiteralType,
)

OPTIONAL = {
    # Properties make plans of their own (tests/properties); no bundled plan names one.
    Plan: {field.name for field in fields(Plan)} - {"properties"},
    StepOptions: {field.name for field in fields(StepOptions)},
    Override: {"sql", "expect", "expression"},
    ExpectedError: {"error_class", "sqlstate", "native", "regex"},
    ExactRows: {"order"},
    SameAs: {"order"},
    Retry: {"classes", "every_us"},
    ExhaustiveSchedule: {"bound"},
    RandomSchedule: {"seed"},
    PctSchedule: {"seed"},
    PoolSpec: {"driver"},
    TransactionControl: {"mode", "isolation", "read_only", "name"},
    SqlStep: {"expect"},
    Checkout: {"expect"},
    Return: {"expect"},
    Await: {"task", "expect"},
    Check: {"task"},
    Sleep: {"task"},
}
"""What a plan may say or leave out, by class: each is said somewhere and left out somewhere."""

ALWAYS = {(Plan, "name"), (Plan, "doc"), (PctSchedule, "seed")}


def _nodes(value: object) -> Iterator[Any]:
    """Everything in a tree of frozen data, the tree itself first."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from _nodes(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


NODES = [node for name in NAMES for node in _nodes(plan_of(name))]
RUN_NAMES = [name for name in NAMES if any(why_skipped(name, backend) is None for backend in BACKENDS)]
RUN_NODES = [node for name in RUN_NAMES for node in _nodes(plan_of(name))]

# What only backends of a later version can do stands in plans that all skip.
NOT_YET = {Fault}


@pytest.mark.parametrize(
    "form", [*(form for union in FORMS for form in get_args(union)), *STEPS, *OTHERS], ids=lambda f: f.__name__
)
def test_every_form_occurs(form: type) -> None:
    nodes = NODES if form in NOT_YET else RUN_NODES
    assert any(type(node) is form for node in nodes)


@pytest.mark.parametrize("word", [word for words in WORDS for word in words], ids=repr)
def test_every_word_occurs(word: Enum) -> None:
    assert any(node is word for node in NODES)


@pytest.mark.parametrize(("of", "name"), [(of, name) for of, names in OPTIONAL.items() for name in sorted(names)])
def test_every_option_is_used_and_left_out(of: type, name: str) -> None:
    values = [getattr(node, name) for node in NODES if type(node) is of]
    assert any(value not in (None, ()) for value in values)
    assert (of, name) in ALWAYS or any(value in (None, ()) for value in values)


@pytest.mark.parametrize("comparison", [c for c in ComparisonOperator if c is not ComparisonOperator.NE], ids=str)
def test_every_comparison_of_counts_occurs(comparison: ComparisonOperator) -> None:
    assert any(isinstance(node, Count) and node.comparison is comparison for node in RUN_NODES)


@pytest.mark.parametrize("kind", [type(None), bool, int, float, str, bytes], ids=lambda kind: kind.__name__)
def test_every_kind_of_value_is_expected(kind: type) -> None:
    assert any(isinstance(node, Scalar) and type(node.value) is kind for node in RUN_NODES)


@pytest.mark.parametrize(
    "kind",
    [type(None), bool, int, float, str, bytes, Decimal, date, time, datetime, Identifier],
    ids=lambda kind: kind.__name__,
)
def test_every_kind_of_value_is_a_param(kind: type) -> None:
    assert any(isinstance(node, Param) and type(node.value) is kind for node in RUN_NODES)


def test_either_of_several_is_expected() -> None:
    assert any(isinstance(node, SqlStep) and node.expect and len(node.expect) > 1 for node in RUN_NODES)


def test_variables_stand_wherever_they_can() -> None:
    nodes = [node for node in RUN_NODES if isinstance(node, Count | IntegerBounds | Sql | ExactRows | BinaryOperation)]
    holders = {type(node) for node in nodes if any(isinstance(inner, Variable) for inner in _nodes(node))}
    assert holders == {Count, IntegerBounds, Sql, ExactRows, BinaryOperation}


def test_pools_have_several_sizes() -> None:
    assert {node.size for node in RUN_NODES if isinstance(node, PoolSpec)} >= {1, 2, 3}


def test_every_backend_of_this_version_is_overridden_somewhere() -> None:
    overridden = {node.backend for node in NODES if isinstance(node, Override)}
    assert overridden == {"sqlite", "libsql", "turso", "postgres", "mssql"}
