"""The sections of a plan that are neither steps nor single fields: ``params:`` and ``schedule:``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final

from simdsl.language.steps import UNREADABLE
from simdsl.plan.codes import Code
from simdsl.plan.plan import Identifier, Param, Task
from simdsl.plan.schedules import (
    ExhaustiveSchedule,
    ExplicitSchedule,
    PctSchedule,
    RandomSchedule,
    RecordedSchedule,
    Schedule,
)
from simdsl.plan.source import Path
from simdsl.plan.steps import BlockStep
from simdsl.plan.values import Value
from simdsl.syntax.cells import integer
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar
from simdsl.syntax.fields import FieldReader, describe_data
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, did_you_mean


def read_params(fields: FieldReader, data: Data, path: Path) -> tuple[tuple[Param, ...], ...]:
    """The entries, which all have the keys of the first."""
    entries: list[tuple[Param, ...]] = []
    for index, item in enumerate(fields.items(data, path) or ()):
        place = (*path, index)
        mapping = fields.mapping(item, place)
        if mapping is None:
            continue
        entry = [_param(fields, name, value, (*place, name)) for name, value in mapping.items()]
        entries.append(tuple(param for param in entry if param is not None))
        _check_same_keys(fields, mapping, _first_entry(data), place)
    return tuple(entries)


def _first_entry(data: Data) -> dict[str, Data]:
    """The first entry that is a mapping."""
    items = data if isinstance(data, list) else []
    return next((item for item in items if isinstance(item, dict)), {})


def _check_same_keys(fields: FieldReader, mapping: dict[str, Data], first: dict[str, Data], path: Path) -> None:
    missing = [name for name in first if name not in mapping]
    extra = [name for name in mapping if name not in first]
    for name in missing:
        fields.problems.add(Code.R047, f"the first entry has `{name}`, this one has not", path)
    for name in extra:
        fields.problems.add(
            Code.R047,
            f"the first entry has no `{name}`",
            (*path, name),
            key=True,
            help=did_you_mean(name, missing),
        )


def _param(fields: FieldReader, name: str, data: Data, path: Path) -> Param | None:
    return read_value(fields, name, data, path) if fields.name(name, path, "param", key=True) else None


def read_value(fields: FieldReader, name: str, data: Data, path: Path) -> Param | None:
    """A value as a param of this name has it."""
    if isinstance(data, str):
        return Param(name=name, value=data)
    if isinstance(data, PlainScalar):
        return Param(name=name, value=data.value)
    if isinstance(data, AmbiguousScalar):
        fields.problems.add(
            Code.S013,
            f"not every reader of YAML takes `{data.text}` for the same value",
            path,
            help=f"quote it if it is text: '{data.text}'",
        )
        return None
    if isinstance(data, dict) and len(data) == 1:
        return _read_typed(fields, name, data, path)
    fields.problems.add(Code.S013, f"{describe_data(data)} is not a value", path, help=_VALUE_HELP)
    return None


def _read_typed(fields: FieldReader, name: str, data: dict[str, Data], path: Path) -> Param | None:
    ((kind, value),) = data.items()
    if kind not in _TYPED_READERS:
        help_ = did_you_mean(kind, tuple(_TYPED_READERS))
        fields.problems.add(Code.S013, f"there is no kind of value `{kind}`", (*path, kind), key=True, help=help_)
        return None
    text = fields.text(value, (*path, kind))
    if text is None:
        return None
    try:
        return Param(name=name, value=_TYPED_READERS[kind](text))
    except (ValueError, InvalidOperation):
        fields.problems.add(Code.S013, f"`{text}` is not a value of the kind {kind}", (*path, kind))
        return None


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or "_" in text or not text.isascii():
        raise ValueError(text)
    return value


def _identifier(text: str) -> Identifier:
    if not text or "\0" in text:
        raise ValueError(text)
    return Identifier(name=text)


_TYPED_READERS: Final[dict[str, Callable[[str], Value | Identifier]]] = {
    "identifier": _identifier,
    "decimal": _decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "blob": bytes.fromhex,
}


_VALUE_HELP: Final = "a value is a scalar or one of {identifier: 't1'}, decimal, date, time, timestamp, blob"


def parse_schedule(text: str) -> ExplicitSchedule | RecordedSchedule | ExhaustiveSchedule:
    """The forms of ``schedule:`` that are text. Raises ``ParseError`` with offsets into the text."""
    branch = parse("schedule", text)
    tokens = [child for child in branch.children if isinstance(child, str)]
    match branch.data:
        case "all":
            return ExhaustiveSchedule()
        case "words":
            return ExplicitSchedule(words=tuple(map(str, tokens)))
        case _:
            return RecordedSchedule(choices=tuple(integer(token) for token in tokens if token.type == "NUMBER"))


def read_schedule(fields: FieldReader, data: Data, path: Path) -> Schedule | None:
    """Any of its forms."""
    if isinstance(data, dict):
        return _schedule_mapping(fields, data, path)
    if isinstance(data, list):
        texts = [fields.text(item, (*path, index)) for index, item in enumerate(data)]
        return ExplicitSchedule(words=tuple(text for text in texts if text is not None))
    text = fields.text(data, path)
    if text is None:
        return None
    try:
        return parse_schedule(text)
    except ParseError as refused:
        fields.refuse(refused, path)
        return None


def check_schedule(fields: FieldReader, schedule: Schedule, tasks: tuple[Task, ...], data: Data, path: Path) -> None:
    """Words name tasks, and start every step where the number of steps is certain; choices number tasks."""
    before = len(fields.problems)
    check_names_of(fields, schedule, tuple(task.name for task in tasks), data, path)
    if not isinstance(schedule, ExplicitSchedule) or len(fields.problems) > before:
        return
    for task in tasks:
        steps, words = _certain_steps(task), schedule.words.count(task.name)
        if steps is not None and steps != words:
            message = f"`{task.name}` has {_count_of(steps, 'step')} and {_count_of(words, 'word')}"
            fields.problems.add(Code.R035, message, path, help="each word starts one step")


def check_names_of(fields: FieldReader, schedule: Schedule, names: tuple[str, ...], data: Data, path: Path) -> None:
    """Words name these tasks, and choices number them."""
    if isinstance(schedule, RecordedSchedule):
        for number in dict.fromkeys(schedule.choices):
            if not 1 <= number <= len(names):
                fields.problems.add(Code.R035, f"there is no task number {number}", path, help=_numbered(names))
    if isinstance(schedule, ExplicitSchedule):
        for word in dict.fromkeys(schedule.words):
            if word not in names:
                listed = isinstance(data, list) and len(data) == len(schedule.words)
                place = (*path, schedule.words.index(word)) if listed else path
                fields.problems.add(Code.N010, f"there is no task `{word}`", place, help=did_you_mean(word, names))


def _schedule_mapping(fields: FieldReader, data: dict[str, Data], path: Path) -> Schedule | None:
    if "all" in data:
        fields.closed(data, path, ("all",))
        bound = fields.integer(data["all"], (*path, "all"), least=1)
        return ExhaustiveSchedule(bound=bound)
    fields.closed(data, path, _SCHEDULE_KEYS, required=("runs",))
    before = len(fields.problems)
    runs = fields.integer(data["runs"], (*path, "runs"), least=1) if "runs" in data else None
    seed = fields.integer(data["seed"], (*path, "seed")) if "seed" in data else None
    depth = fields.integer(data["pct"], (*path, "pct"), least=1) if "pct" in data else None
    if runs is None or len(fields.problems) > before:
        return None
    return RandomSchedule(runs=runs, seed=seed) if depth is None else PctSchedule(depth=depth, runs=runs, seed=seed)


def _certain_steps(task: Task) -> int | None:
    """How many words the task takes, or None where that hangs on a loop, a retry, a backend or a mistake."""
    for step in task.steps:
        if step is UNREADABLE or isinstance(step, BlockStep) or step.options.skip or step.options.only:
            return None
    return len(task.steps)


def _count_of(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _numbered(names: tuple[str, ...]) -> str:
    return f"tasks are numbered in file order: {', '.join(f'{i} is `{name}`' for i, name in enumerate(names, 1))}"


_SCHEDULE_KEYS: Final = ("all", "pct", "seed", "runs")
