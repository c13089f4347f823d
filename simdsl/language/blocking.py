"""Rules about blocked sessions and retries: who may act while a statement is not awaited yet."""

from __future__ import annotations

from simdsl.language.steps import UNREADABLE, Remarkable
from simdsl.plan.codes import Code
from simdsl.plan.expectations import Blocks
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.plan.steps import Await, Checkout, For, Retry, Return, SqlStep, Step
from simdsl.syntax.problems import Problems, did_you_mean


def check_waiting(problems: Problems, plan: Plan, tasks: tuple[str, ...], remarkable: Remarkable) -> None:
    """Complain about steps of a task that has an uncollected statement, about ``await`` of nobody, about wide retries.

    ``tasks`` are the names that steps use; ``remarkable`` tells which of the steps can wait, or repeat others, at all.
    """
    if plan.steps is not None:
        if any(more and _can_wait(plan.steps[index]) for index, more in remarkable.get(("steps",), {}).items()):
            _walk(problems, plan.steps, ("steps",), {}, tasks)
        _check_retries(problems, plan.steps, ("steps",), remarkable)
    for task in plan.tasks or ():
        _check_retries(problems, task.steps, ("tasks", task.name), remarkable)


def _walk(problems: Problems, steps: tuple[Step, ...], path: Path, waiting: dict[str, None], tasks: tuple[str, ...]) -> None:
    """``waiting`` holds the tasks whose last statement certainly blocks and was not collected."""
    for index, step in enumerate(steps):
        place = (*path, index)
        if step is UNREADABLE:
            waiting.clear()
            continue
        match step:
            case SqlStep() | Checkout() | Return():
                key = "checkout" if isinstance(step, Checkout) else "return" if isinstance(step, Return) else step.task
                if step.task in waiting:
                    message = f"the statement of `{step.task}` still waits"
                    problems.add(Code.R031, message, (*place, key), help=f"collect it first: `await: {step.task}`")
                elif _certainly_blocks(step):
                    waiting[step.task] = None
            case Await(task=None):
                waiting.clear()
            case Await(task=str(task)):
                if task not in tasks:
                    message = f"there is no task `{task}`"
                    problems.add(Code.N010, message, (*place, "await"), help=did_you_mean(task, tasks))
                waiting.pop(task, None)
            case For() | Retry():
                inside = dict(waiting)
                _walk(problems, step.body, (*place, "do"), inside, tasks)
                # The body may run no time at all, so only what waits either way is certain.
                for task in [task for task in waiting if task not in inside]:
                    del waiting[task]
            case _:
                pass


def _can_wait(step: Step) -> bool:
    if isinstance(step, SqlStep):
        return step.expect is not None and isinstance(step.expect[0], Blocks)
    return isinstance(step, (Await, Checkout, For, Retry))


def _certainly_blocks(step: SqlStep | Checkout | Return) -> bool:
    """Not where an override, ``skip`` or ``only`` says something else somewhere."""
    options = step.options
    expect = step.expect
    if expect is None or len(expect) != 1 or not isinstance(expect[0], Blocks):
        return False
    return not (options.overrides or options.skip or options.only)


def _check_retries(problems: Problems, steps: tuple[Step, ...], path: Path, remarkable: Remarkable) -> None:
    for index, more in remarkable.get(path, {}).items():
        if not more:
            continue
        step = steps[index]
        if not isinstance(step, (For, Retry)):
            continue
        place = (*path, index)
        if isinstance(step, Retry):
            tasks = tuple(_tasks(step.body))
            if len(tasks) > 1:
                names = ", ".join(f"`{task}`" for task in tasks)
                problems.add(Code.R038, f"a retry is one task's, and this one has {names}", (*place, "retry"))
        _check_retries(problems, step.body, (*place, "do"), remarkable)


def _tasks(steps: tuple[Step, ...]) -> dict[str, None]:
    """Every task that a step of the list is of, or waits for."""
    found: dict[str, None] = {}
    for step in steps:
        if isinstance(step, (For, Retry)):
            found |= _tasks(step.body)
        elif step is not UNREADABLE and isinstance(step, (SqlStep, Checkout, Return, Await)) and step.task is not None:
            found[step.task] = None
    return found
