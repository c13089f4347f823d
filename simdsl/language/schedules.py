"""``schedule:``, who moves when."""

from __future__ import annotations

from typing import Final

from simdsl.language.document import Data
from simdsl.language.fields import Fields
from simdsl.language.heads import parse_schedule
from simdsl.language.problems import Refused, did_you_mean
from simdsl.language.steps import UNREADABLE
from simdsl.plan.codes import Code
from simdsl.plan.ir import Choices, Exhaustive, For, Path, Pct, RandomWalk, Retry, Schedule, Task, Words


def read_schedule(fields: Fields, data: Data, path: Path) -> Schedule | None:
    """Any of its forms."""
    if isinstance(data, dict):
        return _mapping(fields, data, path)
    if isinstance(data, list):
        texts = [fields.text(item, (*path, index)) for index, item in enumerate(data)]
        return Words(words=tuple(text for text in texts if text is not None))
    text = fields.text(data, path)
    if text is None:
        return None
    try:
        return parse_schedule(text)
    except Refused as refused:
        fields.refuse(refused, path)
        return None


def check_schedule(fields: Fields, schedule: Schedule, tasks: tuple[Task, ...], data: Data, path: Path) -> None:
    """Words name tasks, and start every step where the number of steps is certain; choices number tasks."""
    before = len(fields.problems)
    check_names_of(fields, schedule, tuple(task.name for task in tasks), data, path)
    if not isinstance(schedule, Words) or len(fields.problems) > before:
        return
    for task in tasks:
        steps, words = _certain_steps(task), schedule.words.count(task.name)
        if steps is not None and steps != words:
            message = f"`{task.name}` has {_many(steps, 'step')} and {_many(words, 'word')}"
            fields.problems.add(Code.R035, message, path, help="each word starts one step")


def check_names_of(fields: Fields, schedule: Schedule, names: tuple[str, ...], data: Data, path: Path) -> None:
    """Words name these tasks, and choices number them."""
    if isinstance(schedule, Choices):
        for number in dict.fromkeys(schedule.choices):
            if not 1 <= number <= len(names):
                fields.problems.add(Code.R035, f"there is no task number {number}", path, help=_numbered(names))
    if isinstance(schedule, Words):
        for word in dict.fromkeys(schedule.words):
            if word not in names:
                listed = isinstance(data, list) and len(data) == len(schedule.words)
                place = (*path, schedule.words.index(word)) if listed else path
                fields.problems.add(Code.N010, f"there is no task `{word}`", place, help=did_you_mean(word, names))


def _mapping(fields: Fields, data: dict[str, Data], path: Path) -> Schedule | None:
    if "all" in data:
        fields.closed(data, path, ("all",))
        bound = fields.integer(data["all"], (*path, "all"), least=1)
        return Exhaustive(bound=bound)
    fields.closed(data, path, _KEYS, required=("runs",))
    before = len(fields.problems)
    runs = fields.integer(data["runs"], (*path, "runs"), least=1) if "runs" in data else None
    seed = fields.integer(data["seed"], (*path, "seed")) if "seed" in data else None
    depth = fields.integer(data["pct"], (*path, "pct"), least=1) if "pct" in data else None
    if runs is None or len(fields.problems) > before:
        return None
    return RandomWalk(runs=runs, seed=seed) if depth is None else Pct(depth=depth, runs=runs, seed=seed)


def _certain_steps(task: Task) -> int | None:
    """How many words the task takes, or None where that hangs on a loop, a retry, a backend or a mistake."""
    for step in task.steps:
        if step is UNREADABLE or isinstance(step, (For, Retry)) or step.options.skip or step.options.only:
            return None
    return len(task.steps)


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _numbered(names: tuple[str, ...]) -> str:
    return f"tasks are numbered in file order: {', '.join(f'{i} is `{name}`' for i, name in enumerate(names, 1))}"


_KEYS: Final = ("all", "pct", "seed", "runs")
