"""What "smaller" means."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from simdsl.language.write import dump_json
from simdsl.plan.ir import Plan
from simdsl.shrinker.case import Case, task_of


def is_smaller(case: Case, other: Case) -> bool:
    """Fewer steps, else fewer switches between tasks, else fewer characters, else the first of them in the alphabet."""
    steps, others = _steps(case), _steps(other)
    return steps < others or (steps == others and _text(case) < _text(other))


def _steps(case: Case) -> tuple[int, int]:
    places = list(case.places())
    if case.plan.tasks is None:
        tasks = [task_of(path, step) for path, step in places if path[0] == "steps"]
    else:
        tasks = [str(path[1]) for path in case.order]
    return len(places), switches(tasks)


def _text(case: Case) -> tuple[int, str]:
    text = dump_json(case.plan)
    return len(text), text


def step_count(plan: Plan) -> int:
    """The steps of a plan, those of setup and `finally` included; of a workload those of each action once."""
    tasks = sum(len(task.steps) for task in plan.tasks or ())
    actions = sum(len(deed.body) for deed in plan.workload.deeds) if plan.workload is not None else 0
    return len(plan.setup) + len(plan.steps or ()) + tasks + actions + len(plan.finally_)


def switches(tasks: Sequence[str | None]) -> int:
    """How often the next step is another task's. What belongs to no task is no switch."""
    whose = [task for task in tasks if task is not None]
    return sum(one != other for one, other in pairwise(whose))
