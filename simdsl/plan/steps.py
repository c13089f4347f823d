"""Steps: what a plan can do, one at a time."""

from __future__ import annotations

from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Expectation, FixedPoint, Scalar, TypedLiteral
from simdsl.plan.expressions import Expression
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, Variable

VERBS: Final = ("checkout", "return", "await", "check", "for", "retry", "sleep", "fault")


STEP_OPTIONS: Final = ("label", "skip", "only", "why", "timeout")


# Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What one backend says instead. A half that is None comes from the base line.

    On ``check`` only ``expression`` is set; on checkout, return and await only ``expect``.
    """

    backend: str
    sql: Sql | None = None
    expect: Expectation | None = None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """What may stand beside any step."""

    label: str | None = None
    overrides: tuple[Override, ...] = ()
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    why: str | None = None
    timeout_us: int | None = None


NO_OPTIONS: Final = StepOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStep:
    """A session says one statement. In setup, finally and invariants ``task`` is that section's name."""

    task: str
    sql: Sql
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """``checkout: a from main``. ``pool`` is always resolved."""

    task: str
    pool: str
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """``return: a``: the connection goes back as it is."""

    task: str
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """``await: a``, or ``await: all`` (``task`` is None): collect what parked statements came to."""

    task: str | None
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``check: expression`` that must be true. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    expression: Expression
    task: str | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerBounds:
    """``1..$n``, both ends included; empty when the first is larger."""

    first: int | Variable
    last: int | Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemList:
    """``[1, 'a', $x]``."""

    items: tuple[Scalar | FixedPoint | TypedLiteral | Variable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    """``for: i in 1..$n`` with ``do:``."""

    variable: str
    over: IntegerBounds | ItemList
    body: tuple[Step, ...]
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """``retry: 3 times on busy or serialization_failure every 5ms`` with ``do:``. ``times`` counts all attempts."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None
    body: tuple[Step, ...]
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """``sleep: 10ms`` of virtual time. In ``tasks:`` the task is its owner, in ``steps:`` None."""

    duration_us: int
    task: str | None = None
    options: StepOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``fault: io_error write 3``: words that the backend understands, or says that it does not."""

    words: tuple[str | int, ...]
    task: str | None = None
    options: StepOptions = NO_OPTIONS


Step: TypeAlias = SqlStep | Checkout | Return | Await | Check | For | Retry | Sleep | Fault


def fast_sql_step(task: str, sql: Sql, expect: Expectation | None, backend_outputs: StepOptions = NO_OPTIONS) -> SqlStep:
    """A statement as a step."""
    made = _SqlStepDraft()
    made.task = task
    made.sql = sql
    made.expect = expect
    made.options = backend_outputs
    made.__class__ = SqlStep  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def fast_options(label: str | None, overrides: tuple[Override, ...], why: str | None) -> StepOptions:
    """What stands beside a step that runs everywhere and has no timeout of its own."""
    made = _StepOptionsDraft()
    made.label = label
    made.overrides = overrides
    made.skip = ()
    made.only = ()
    made.why = why
    made.timeout_us = None
    made.__class__ = StepOptions  # type: ignore[assignment]
    return made  # type: ignore[return-value]


class _SqlStepDraft:
    __slots__ = ("expect", "options", "sql", "task")
    task: str
    sql: Sql
    expect: Expectation | None
    options: StepOptions


class _StepOptionsDraft:
    __slots__ = ("label", "only", "overrides", "skip", "timeout_us", "why")
    label: str | None
    overrides: tuple[Override, ...]
    skip: tuple[str, ...]
    only: tuple[str, ...]
    why: str | None
    timeout_us: int | None
