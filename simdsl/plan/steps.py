"""Steps: what a plan can do, one at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Final

from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import Expectation
from simdsl.plan.expressions import Expression
from simdsl.plan.sql import Sql


def _verb_modules() -> dict[str, str]:
    """The module of each verb by the verb's name. Only names: nothing is imported.

    Verbs are above the reader of files and above the readers of fields, and both must know a verb's name from a task's. A
    verb's name is that of its file, so the directory says it without a second list that could be forgotten.
    """
    names = sorted(Path(entry).stem for entry in os.listdir(_VERBS_DIRECTORY) if entry.endswith(".py"))
    # Editors leave files such as `.#note.py` there.
    return {name.removesuffix("_"): name for name in names if name.isidentifier() and name != "__init__"}


_VERBS_DIRECTORY: Final = Path(__file__).resolve().parent.parent / "verbs"

VERB_MODULES: Final = _verb_modules()

VERBS: Final = tuple(VERB_MODULES)


STEP_OPTIONS: Final = ("label", "skip", "only", "why", "timeout")


# Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What holds on one backend instead. A half that is None comes from the step itself.

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


class Step:
    """One step of a plan. SQL steps are here; each other kind is a verb's, in its module of `simdsl.verbs`.

    The base classes say what steps have in common. They have no fields: each step's dataclass lists all of its own.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    options: StepOptions


class TaskStep(Step):
    """A step that one task takes. ``task`` is None where the step is the whole plan's, as a ``check`` in ``steps:`` is."""

    __slots__ = ()
    task: str | None


class ExpectingStep(TaskStep):
    """A step with an outcome, and so perhaps with an expectation: ``... => expectation``."""

    __slots__ = ()
    expect: Expectation | None


class BlockStep(Step):
    """A step that holds other steps, under ``do:``."""

    __slots__ = ()
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStep(ExpectingStep):
    """One statement on the connection of a task. In setup, finally and invariants ``task`` is the section's name."""

    task: str
    sql: Sql
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


# Fast path of the constructors: see `simdsl.plan.sql.fast_sql` for the reason and the figures.


def fast_sql_step(task: str, sql: Sql, expect: Expectation | None, options: StepOptions = NO_OPTIONS) -> SqlStep:
    """A ``SqlStep``."""
    made = _SqlStepDraft()
    made.task = task
    made.sql = sql
    made.expect = expect
    made.options = options
    made.__class__ = SqlStep  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def fast_options(label: str | None, overrides: tuple[Override, ...], why: str | None) -> StepOptions:
    """The options of a step that runs on every backend and has no timeout."""
    made = _StepOptionsDraft()
    made.label = label
    made.overrides = overrides
    made.skip = ()
    made.only = ()
    made.why = why
    made.timeout_us = None
    made.__class__ = StepOptions  # type: ignore[assignment]
    return made  # type: ignore[return-value]


class _SqlStepDraft(ExpectingStep):
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
