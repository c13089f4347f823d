"""The base class of verbs, what a verb sees of the loader and of lowering, and the verbs that there are."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import replace
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Final, Generic, NamedTuple, NoReturn, Protocol, TypeVar

from simdsl.core.matcher import Matcher
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.expressions import Expression
from simdsl.plan.steps import (
    NO_OPTIONS,
    VERB_MODULES,
    VERBS,
    BlockStep,
    ExpectingStep,
    Override,
    Step,
    StepOptions,
    TaskStep,
)
from simdsl.plan.values import Json
from simdsl.syntax.fields import StepContext
from simdsl.syntax.problems import Problems
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import Instruction

StepT = TypeVar("StepT", bound=Step)


# The sections that a verb may stand in. Invariants are left out on purpose: they are queries.
EVERYWHERE: Final = frozenset({"setup", "steps", "tasks", "workload", "finally"})


OF_TASKS: Final = frozenset({"steps", "tasks", "workload"})
"""The sections with tasks: where a step can be one of several that are interleaved."""


class Overrides(Enum):
    """What a backend's name beside a verb may say."""

    NONE = "none"
    EXPECTATION = "expectation"  # `sqlite: => error busy`
    OWN = "own"  # whatever the verb's ``parse_override`` reads


class NameChecker(Protocol):
    """What may be read at one step: reports names that nothing before the step has bound."""

    def variable(self, name: str, path: Path) -> None: ...
    def expression(self, expression: Expression, path: Path) -> None: ...
    def expectations(self, step: ExpectingStep, path: Path) -> None:
        """The expectation of a step and of its overrides, with what they bind."""

    def steps(self, steps: tuple[Step, ...], path: Path) -> None: ...
    def loop(self, variable: str, steps: tuple[Step, ...], path: Path) -> None:
        """Steps within which a variable of the loop has a value."""


class BlockedTasks(Protocol):
    """Which tasks have a statement that certainly is blocked, as far as a plan says so by ``=> blocks`` (rules.md 31)."""

    def acts(self, step: ExpectingStep, key: str, path: Path) -> None:
        """The step uses the connection of its task; reports if that is blocked."""

    def awaits(self, task: str | None, path: Path) -> None:
        """The result of a task, of all tasks if None, is taken; reports if there is no such task."""


class CompiledExpectation(NamedTuple):
    """An expectation, ready to be checked."""

    expectation: Expectation | None = None
    judge: Matcher | None = None
    may_block: bool = False
    override: str | None = None  # the backend whose override it is


class Lowering(Protocol):
    """A plan on its way to a program for one backend."""

    @property
    def backend_name(self) -> str: ...
    def connection(self, task: str | None) -> int:
        """The index of a task's connection; ``NO_CONNECTION`` for None."""

    def override(self, options: StepOptions) -> Override | None:
        """What the step says for this backend."""

    def expectation(self, step: ExpectingStep) -> CompiledExpectation:
        """What the step expects on this backend."""

    def steps(self, code: list[Instruction], steps: tuple[Step, ...], path: Path) -> None:
        """Lower a list of steps behind what is in ``code`` already."""

    def unsupported(self, path: Path, reason: str) -> NoReturn:
        """The backend lacks what this step needs, so the plan is skipped there."""


class Verb(ABC, Generic[StepT]):
    """Everything about one verb. One object a verb, without state; its data are frozen steps.

    What is abstract has no answer that would do for most verbs. The other methods have one; override them where it does
    not hold for yours.
    """

    name: ClassVar[str]
    step: ClassVar[type[Step]]
    summary: ClassVar[str]  # for editors: the description of the key in the JSON Schema
    sections: ClassVar[frozenset[str]] = OF_TASKS  # where it may stand
    takes_label: ClassVar[bool] = False
    takes_timeout: ClassVar[bool] = False
    overrides: ClassVar[Overrides] = Overrides.NONE

    # From text and back

    @abstractmethod
    def parse(self, source: VerbSource, reader: StepReader) -> StepT | None:
        """The step, or None where a problem was reported.

        Raises ``ParseError`` with offsets into ``source.text``, which the loader reports.
        """

    @abstractmethod
    def text(self, step: StepT) -> str:
        """What stands behind the verb's key, so that parsing it gives this step again."""

    def parse_override(self, text: str, backend: str) -> Override:
        """What a backend says instead, for verbs with ``Overrides.OWN``. Raises ``ParseError``."""
        raise NotImplementedError(f"`{self.name}` has no overrides of its own")

    def schema(self) -> dict[str, Json]:
        """The JSON Schema of what stands under the key."""
        return {"description": self.summary, "$ref": "#/$defs/text"}

    @property
    def has_body(self) -> bool:
        """Whether steps stand under ``do:`` beside it."""
        return issubclass(self.step, BlockStep)

    # What the loader checks

    def misplaced(self, context: StepContext) -> tuple[Code, str, str | None]:
        """The code, the message and the help where the verb stands in a section that is not one of its ``sections``."""
        return Code.S011, f"`{self.name}` cannot stand in `{context.section}:`", None

    def check(self, step: StepT, path: Path, problems: Problems) -> None:
        """Report what is wrong with the step whatever the rest of the plan says. By default: nothing is."""

    def check_names(self, step: StepT, path: Path, names: NameChecker) -> None:
        """Report names that are not bound. By default: those of the expectation, and of the steps under ``do:``."""
        if isinstance(step, ExpectingStep):
            names.expectations(step, path)
        if isinstance(step, BlockStep):
            names.steps(step.body, (*path, "do"))

    def check_blocked(self, step: StepT, path: Path, tasks: BlockedTasks) -> None:
        """Report use of a blocked connection. By default: the verb uses none."""

    def asserts(self, step: StepT) -> bool:
        """Whether the step can fail for what the plan expects. By default: if it has an expectation."""
        return isinstance(step, ExpectingStep) and (
            step.expect is not None or any(override.expect for override in step.options.overrides)
        )

    # What it does

    @abstractmethod
    def lower(self, step: StepT, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """Append the instructions that do it. They execute and trace themselves (`Instruction.execute`)."""

    # How it looks afterwards

    def unrolled(self, step: StepT, task: str, expect: Expectation | None) -> Step:
        """The step in ``steps:`` of an unrolled run, for an event of the trace that it completed there.

        By default the same step, of this task, with this expectation, and without options.
        """
        # Labels, overrides and timeouts would hold for a run that took another course.
        known: dict[str, Any] = {"options": NO_OPTIONS}
        if isinstance(step, TaskStep):
            known["task"] = task
        if isinstance(step, ExpectingStep):
            known["expect"] = expect
        return replace(step, **known)

    def report_text(self, step: StepT) -> str:
        """The step in reports, where its event holds no text of its own. By default as in a plan file."""
        return self.text(step)


@cache
def verb_named(name: str) -> Verb[Any]:
    """The verb of this name. Raises ``KeyError`` if there is none."""
    verb = import_module(f"simdsl.verbs.{VERB_MODULES[name]}").VERB
    assert isinstance(verb, Verb)
    assert verb.name == name, f"the module of `{name}` has the verb `{verb.name}`"
    return verb


def verb_of(step: Step) -> Verb[Any]:
    """The verb of a step. Raises ``AttributeError`` for a SQL step, which has none."""
    # The step's class is imported, so its module is, and no other verb needs to be.
    verb = sys.modules[type(step).__module__].VERB
    assert isinstance(verb, Verb)
    return verb


def verbs() -> tuple[Verb[Any], ...]:
    """All verbs, in the order of their names."""
    return tuple(map(verb_named, VERBS))
