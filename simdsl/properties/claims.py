"""Claims that a plan states itself: queries with labels, and a `check:` that relates what they gave.

A label is the property's tag, a number, and what the result is in the claim: `tlp3_kept`. The check of claim 3 names the
labels that begin with `tlp3_`. So the plan says everything, and the judge reads it: no property has an oracle of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any, Final

from simdsl.core.evaluate import CheckError, Evaluation
from simdsl.core.matcher import describe
from simdsl.core.trace import Checked, Event, Stepped
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Check, Expression, For, OfLabel, Path, Plan, PoolCount, Retry, Slice, Step
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.properties.property import Finding, Held, Judge, Violation

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
"""What may keep a query from giving anything because of other tasks. A claim with such a query is not judged."""

_SHOWN: Final = 3
"""So many rows of a result are evidence."""


def judge_checks(tag: str, claim: str) -> Judge:
    """A judge of the checks whose labels begin with the tag. ``claim`` says what is broken, in a few words.

    Each check is evaluated again, from the trace alone.
    """

    def judge(plan: Plan, events: Iterable[Event]) -> Iterator[Finding]:
        named = _Named.of(plan, tag)
        results: dict[str, Stepped] = {}
        for event in events:
            if isinstance(event, Stepped) and (label := named.labels.get(event.path)) is not None:
                results[label] = event
            elif isinstance(event, Checked) and (check := named.checks.get(event.path)) is not None:
                steps = [results[label] for label in check.labels if label in results]
                if len(steps) == len(check.labels) and not any(map(_was_kept_from, steps)):
                    yield _finding(check, event, results, claim)

    return judge


@dataclass(frozen=True, slots=True)
class _Claim:
    expression: Expression
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """The labels of a plan by the steps that bear them, and the checks of one property."""

    labels: dict[Path, str] = field(default_factory=dict)
    checks: dict[Path, _Claim] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, tag: str) -> _Named:
        found, mine = cls(), re.compile(rf"{tag}\d+_")
        for path, step in _steps(plan):
            if step.options.label is not None:
                found.labels[path] = step.options.label
            if isinstance(step, Check):
                labels = tuple(dict.fromkeys(_labels(step.expression)))
                if labels and all(mine.match(label) for label in labels):
                    found.checks[path] = _Claim(step.expression, labels)
        return found


@dataclass(frozen=True, slots=True)
class _Around:
    """What a check of a claim may read: results, and nothing else of a run."""

    results: Mapping[str, Stepped]

    def variable(self, name: str) -> Value:
        raise CheckError(f"${name} is not known after the run")

    def label(self, name: str) -> Outcome | None:
        return self.results[name].outcome if name in self.results else None

    def pool(self, name: str, count: PoolCount) -> int:
        raise CheckError("pools are not known after the run")

    def errors(self, error_class: ErrorClass) -> int:
        raise CheckError("errors are not counted after the run")

    def now_us(self) -> int:
        raise CheckError("the time is not known after the run")


def _finding(check: _Claim, event: Checked, results: Mapping[str, Stepped], claim: str) -> Finding:
    try:
        holds = Evaluation(_Around(results)).holds(check.expression)
    except CheckError:
        holds = False
    if holds:
        return Held(path=event.path)
    evidence = tuple(f"{label}: {results[label].what}: {_came(results[label].outcome)}" for label in check.labels)
    return Violation(message=claim, evidence=evidence, path=event.path, task=event.task)


def _came(outcome: Outcome) -> str:
    lines = describe(outcome)
    rest = f", ... {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ", ".join(lines[:_SHOWN]) + rest


def _was_kept_from(step: Stepped) -> bool:
    return isinstance(step.outcome, Failed) and step.outcome.error_class in CONTENTION


def _steps(plan: Plan) -> Iterator[tuple[Path, Step]]:
    lists: list[tuple[Path, tuple[Step, ...]]] = [(("steps",), plan.steps or ())]
    lists += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    lists += [
        (("workload", "actions", deed.name, "do"), deed.body)
        for deed in (plan.workload.deeds if plan.workload is not None else ())
    ]
    while lists:
        at, steps = lists.pop()
        for i, step in enumerate(steps):
            yield (*at, i), step
            if isinstance(step, For | Retry):
                lists.append(((*at, i, "do"), step.body))


def _labels(node: Any) -> Iterator[str]:
    if isinstance(node, OfLabel):
        yield node.label
    elif is_dataclass(node):
        if isinstance(node, Slice):
            yield node.label
        for one in fields(node):
            yield from _labels(getattr(node, one.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _labels(item)
