"""Rules about blocked sessions: no step may use a connection whose statement certainly is blocked (rules.md 31).

Only ``steps:`` say in which order the steps of several tasks come, so only there can a statement be left blocked.
"""

from __future__ import annotations

from simdsl.language.steps import UNREADABLE, Remarkable
from simdsl.plan.codes import Code
from simdsl.plan.expectations import Blocks
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.plan.steps import BlockStep, ExpectingStep, SqlStep, Step
from simdsl.syntax.problems import Problems, did_you_mean
from simdsl.verbs.base.registry import verb_of


def check_steps(problems: Problems, plan: Plan, tasks: tuple[str, ...], remarkable: Remarkable) -> None:
    """Report what is wrong with steps of verbs by themselves, and uses of connections that are blocked.

    ``tasks`` are the names that steps use; ``remarkable`` tells which steps need to be looked at. A plan of 10,000 plain
    statements has none, and costs nothing here.
    """
    if plan.steps is not None:
        if any(more and _matters(plan.steps[index]) for index, more in remarkable.get(("steps",), {}).items()):
            _BlockedTasks(problems, tasks).walk(plan.steps, ("steps",))
        _check_verbs(problems, plan.steps, ("steps",), remarkable)
    for task in plan.tasks or ():
        _check_verbs(problems, task.steps, ("tasks", task.name), remarkable)


def _matters(step: Step) -> bool:
    """Whether a plan in which no such step stands can have no task blocked, and awaits none."""
    return not isinstance(step, SqlStep) or (step.expect is not None and isinstance(step.expect[0], Blocks))


class _BlockedTasks:
    """The tasks whose last statement certainly is blocked and not awaited, at a step of ``steps:``."""

    def __init__(self, problems: Problems, tasks: tuple[str, ...], blocked: dict[str, None] | None = None) -> None:
        self._problems = problems
        self._tasks = tasks
        self._blocked = blocked or {}

    def walk(self, steps: tuple[Step, ...], path: Path) -> None:
        """Go through a list of steps in its order."""
        for index, step in enumerate(steps):
            place = (*path, index)
            if step is UNREADABLE:
                self._blocked.clear()  # it may have been an await
            elif isinstance(step, BlockStep):
                inside = _BlockedTasks(self._problems, self._tasks, dict(self._blocked))
                inside.walk(step.body, (*place, "do"))
                # The body may run no time at all, so only what is blocked either way is certain.
                for task in [task for task in self._blocked if task not in inside._blocked]:
                    del self._blocked[task]
            elif isinstance(step, SqlStep):
                self.acts(step, step.task, place)
            else:
                verb_of(step).check_blocked(step, place, self)

    def acts(self, step: ExpectingStep, key: str, path: Path) -> None:
        """See ``verbs.base.verb.BlockedTasks``."""
        assert step.task is not None
        if step.task in self._blocked:
            message = f"the statement of `{step.task}` is still blocked"
            self._problems.add(Code.R031, message, (*path, key), help=f"await it first: `await: {step.task}`")
        elif _certainly_blocks(step):
            self._blocked[step.task] = None

    def awaits(self, task: str | None, path: Path) -> None:
        """See ``verbs.base.verb.BlockedTasks``."""
        if task is None:
            self._blocked.clear()
            return
        if task not in self._tasks:
            message = f"there is no task `{task}`"
            self._problems.add(Code.N010, message, (*path, "await"), help=did_you_mean(task, self._tasks))
        self._blocked.pop(task, None)


def _certainly_blocks(step: ExpectingStep) -> bool:
    """Not where an override, ``skip`` or ``only`` says something else for some backend."""
    options, expect = step.options, step.expect
    if expect is None or len(expect) != 1 or not isinstance(expect[0], Blocks):
        return False
    return not (options.overrides or options.skip or options.only)


def _check_verbs(problems: Problems, steps: tuple[Step, ...], path: Path, remarkable: Remarkable) -> None:
    for index, more in remarkable.get(path, {}).items():
        step, place = steps[index], (*path, index)
        if more and not isinstance(step, SqlStep):
            verb_of(step).check(step, place, problems)
            if isinstance(step, BlockStep):
                _check_verbs(problems, step.body, (*place, "do"), remarkable)
