"""Relations between the results of labelled queries: how a plan states them, and how a trace is checked for them.

A property about SQL needs no oracle of its own: its plan labels queries and relates their results in a `check:`, and the
checker evaluates the same expression again, from the trace alone. A label is the property's tag, a number, and the role
of the result: `tlp3_kept`. The check of group 3 names only labels that begin with `tlp3_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any, Final

from simdsl.core.evaluation import CheckError, Evaluation
from simdsl.core.matcher import describe
from simdsl.core.trace import CheckEvaluated, StepCompleted, TraceEvent
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Scalar
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    Expression,
    FunctionCall,
    PoolCounter,
    PoolReference,
    ResultFunction,
    ResultReference,
    ResultSlice,
    ScalarFunction,
)
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.plan import Plan
from simdsl.plan.steps import BlockStep, Step
from simdsl.plan.values import Value
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, TraceCheck
from simdsl.verbs.check import Check

# Stating a relation


def rows(label: str) -> Expression:
    """``rows(label)``: the number of rows of a result."""
    return ResultReference(function=ResultFunction.ROWS, label=label)


def affected(label: str) -> Expression:
    """``affected(label)``: the number of rows that a write touched."""
    return ResultReference(function=ResultFunction.AFFECTED, label=label)


def bag(label: str) -> Expression:
    """``bag(label)``: the rows of a result, without an order."""
    return ResultReference(function=ResultFunction.BAG, label=label)


def value(label: str) -> Expression:
    """``value(label)``: the only cell of a result."""
    return ResultReference(function=ResultFunction.VALUE, label=label)


def error(label: str) -> Expression:
    """``error(label)``: the error class of a step as text, or NULL."""
    return ResultReference(function=ResultFunction.ERROR, label=label)


def slice_of(label: str, offset: int, n: int) -> Expression:
    """``slice(label, offset, n)``: the rows from ``offset`` (from 0) on, at most ``n``."""
    return ResultSlice(label=label, offset=constant(offset), n=constant(n))


def pool_count(pool: str, counter: PoolCounter) -> Expression:
    """``pool.main.busy`` and its siblings."""
    return PoolReference(pool=pool, count=counter)


def constant(value: int | str | None) -> Expression:
    """A literal."""
    return Constant(cell=Scalar(value=value))


def binary(left: Expression, operator: BinaryOperator, right: Expression) -> Expression:
    """Two operands under an operator."""
    return BinaryOperation(operator=operator, left=left, right=right)


def equal(left: Expression, right: Expression) -> Expression:
    """``left = right``, of numbers or of bags."""
    return binary(left, BinaryOperator.EQ, right)


def minus(left: Expression, right: Expression) -> Expression:
    """``left - right``, of numbers or of bags."""
    return binary(left, BinaryOperator.SUB, right)


def subset(left: Expression, right: Expression) -> Expression:
    """``left subset of right``, of bags."""
    return binary(left, BinaryOperator.SUBSET, right)


def total(*terms: Expression) -> Expression:
    """All terms added: numbers, or bags."""
    return _chain(BinaryOperator.ADD, terms)


def all_of(*conditions: Expression) -> Expression:
    """All conditions under ``and``."""
    return _chain(BinaryOperator.AND, conditions)


def least(*numbers: Expression) -> Expression:
    """``min(...)``."""
    return FunctionCall(function=ScalarFunction.MIN, arguments=numbers)


def greatest(*numbers: Expression) -> Expression:
    """``max(...)``."""
    return FunctionCall(function=ScalarFunction.MAX, arguments=numbers)


def unless_failed(condition: Expression, *labels: str) -> Expression:
    """The condition, or true if one of the steps failed: a result that was not returned says nothing."""
    for label in labels:
        failed = binary(error(label), BinaryOperator.NE, constant(None))
        condition = binary(failed, BinaryOperator.OR, condition)
    return condition


def _chain(operator: BinaryOperator, terms: tuple[Expression, ...]) -> Expression:
    first, *others = terms
    for term in others:
        first = binary(first, operator, term)
    return first


# Checking a trace for it

CONTENTION: Final = frozenset(
    (
        ErrorClass.BUSY,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.SNAPSHOT_CONFLICT,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
    )
)
"""The errors with which other sessions keep a query from returning anything. A relation over such a query is not checked."""

_EVIDENCE_ROWS: Final = 3
"""How many rows of a result are shown as evidence."""


def relation_checker(tag: str, violated: str) -> TraceCheck:
    """A checker of the relations whose labels begin with the tag. ``violated`` says what is wrong, in a few words.

    Each ``check:`` is evaluated again from the results in the trace, so a run whose own evaluation was wrong is noticed,
    and a trace can be checked without its run.
    """

    def check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
        labelled = _LabelledSteps.of(plan, tag)
        results: dict[str, StepCompleted] = {}
        for event in events:
            if isinstance(event, StepCompleted) and (label := labelled.labels.get(event.path)) is not None:
                results[label] = event
            elif isinstance(event, CheckEvaluated) and (relation := labelled.relations.get(event.path)) is not None:
                steps = [results[label] for label in relation.labels if label in results]
                if len(steps) == len(relation.labels) and not any(map(_lost_to_contention, steps)):
                    yield _evaluate(relation, event, results, violated)

    return check


@dataclass(frozen=True, slots=True)
class _Relation:
    expression: Expression
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _LabelledSteps:
    """The labels of a plan by the paths of their steps, and the relations of one property by those of their checks."""

    labels: dict[Path, str] = field(default_factory=dict)
    relations: dict[Path, _Relation] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, tag: str) -> _LabelledSteps:
        found, own_label = cls(), re.compile(rf"{tag}\d+_")
        for path, step in steps_with_paths(plan):
            if step.options.label is not None:
                found.labels[path] = step.options.label
            if isinstance(step, Check):
                labels = tuple(dict.fromkeys(_labels_in(step.expression)))
                # A plan that was written by hand may relate other labels too: those checks belong to no property.
                if labels and all(own_label.match(label) for label in labels):
                    found.relations[path] = _Relation(step.expression, labels)
        return found


@dataclass(frozen=True, slots=True)
class _TraceContext:
    """What a relation may refer to: results. Everything else in a ``check:`` is unknown after the run."""

    results: Mapping[str, StepCompleted]

    def variable(self, name: str) -> Value:
        raise CheckError(f"${name} is not known after the run")

    def label(self, name: str) -> Outcome | None:
        return self.results[name].outcome if name in self.results else None

    def pool(self, name: str, count: PoolCounter) -> int:
        raise CheckError("pools are not known after the run")

    def errors(self, error_class: ErrorClass) -> int:
        raise CheckError("errors are not counted after the run")

    def now_us(self) -> int:
        raise CheckError("the time is not known after the run")


def _evaluate(
    relation: _Relation, event: CheckEvaluated, results: Mapping[str, StepCompleted], violated: str
) -> PropertyFinding:
    try:
        holds = Evaluation(_TraceContext(results)).holds(relation.expression)
    except CheckError:
        # A result without the rows that the relation needs (an unexpected error) is never a pass.
        holds = False
    if holds:
        return PropertyHeld(path=event.path)
    evidence = tuple(f"{label}: {results[label].what}: {_outcome_text(results[label].outcome)}" for label in relation.labels)
    return PropertyViolation(message=violated, evidence=evidence, path=event.path, task=event.task)


def _outcome_text(outcome: Outcome) -> str:
    lines = describe(outcome)
    rest = f", ... {len(lines) - _EVIDENCE_ROWS} more" if len(lines) > _EVIDENCE_ROWS else ""
    return ", ".join(lines[:_EVIDENCE_ROWS]) + rest


def _lost_to_contention(step: StepCompleted) -> bool:
    return isinstance(step.outcome, Failed) and step.outcome.error_class in CONTENTION


def steps_with_paths(plan: Plan) -> Iterator[tuple[Path, Step]]:
    """Every step of the body of a plan with its path, those within `for:` and `retry:` too."""
    lists: list[tuple[Path, tuple[Step, ...]]] = [(("steps",), plan.steps or ())]
    lists += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    lists += [
        (("workload", "actions", action.name, "do"), action.body)
        for action in (plan.workload.actions if plan.workload is not None else ())
    ]
    while lists:
        at, steps = lists.pop()
        for i, step in enumerate(steps):
            yield (*at, i), step
            if isinstance(step, BlockStep):
                lists.append(((*at, i, "do"), step.body))


def _labels_in(node: Any) -> Iterator[str]:
    if isinstance(node, ResultReference):
        yield node.label
    elif is_dataclass(node):
        if isinstance(node, ResultSlice):
            yield node.label
        for one in fields(node):
            yield from _labels_in(getattr(node, one.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _labels_in(item)
