"""The sections of a plan that are neither lists of steps nor single fields: ``params:``, ``schedule:``, ``workload:``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final

from simdsl.language.steps import UNREADABLE, Steps
from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import (
    WORKLOAD_TASK,
    DrawnVariable,
    ExhaustiveSchedule,
    ExplicitSchedule,
    Identifier,
    IntegerRange,
    OneOf,
    Param,
    PctSchedule,
    RandomSchedule,
    RecordedSchedule,
    Schedule,
    Task,
    ValueDomain,
    Workload,
    WorkloadAction,
    numbered_tasks,
)
from simdsl.plan.steps import BlockStep, Step
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value, same
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar, source_text
from simdsl.syntax.expressions import integer
from simdsl.syntax.fields import FieldReader, StepContext, describe_data
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, did_you_mean


def read_params(fields: FieldReader, data: Data, path: Path) -> tuple[tuple[Param, ...], ...]:
    """The entries of ``params:``. All of them need the keys of the first one."""
    entries: list[tuple[Param, ...]] = []
    for index, item in enumerate(fields.items(data, path) or ()):
        place = (*path, index)
        mapping = fields.mapping(item, place)
        if mapping is None:
            continue
        entry = [_param(fields, name, value, (*place, name)) for name, value in mapping.items()]
        entries.append(tuple(param for param in entry if param is not None))
        # A variable that only some entries define would be unbound in the runs of the others.
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
        # Reported at the entry: a missing key has no place of its own.
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
    """The value of a param, or of anything that is written like one."""
    if isinstance(data, str):
        return Param(name=name, value=data)
    if isinstance(data, PlainScalar):
        return Param(name=name, value=data.value)
    if isinstance(data, AmbiguousScalar):
        # Guessing would make the plan mean something else in another tool that reads YAML, such as an editor.
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
    # Decimal itself also takes NaN, underscores and other scripts' digits.
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
            return ExplicitSchedule(entries=tuple(map(str, tokens)))
        case _:
            return RecordedSchedule(choices=tuple(integer(token) for token in tokens if token.type == "NUMBER"))


def read_schedule(fields: FieldReader, data: Data, path: Path) -> Schedule | None:
    """The schedule, in any of its forms."""
    if isinstance(data, dict):
        return _schedule_mapping(fields, data, path)
    if isinstance(data, list):
        texts = [fields.text(item, (*path, index)) for index, item in enumerate(data)]
        return ExplicitSchedule(entries=tuple(text for text in texts if text is not None))
    text = fields.text(data, path)
    if text is None:
        return None
    try:
        return parse_schedule(text)
    except ParseError as error:
        fields.report(error, path)
        return None


def check_schedule(fields: FieldReader, schedule: Schedule, tasks: tuple[Task, ...], data: Data, path: Path) -> None:
    """Check that entries name tasks, one entry for each step where that number is certain, and that choices number tasks."""
    before = len(fields.problems)
    check_names_of(fields, schedule, tuple(task.name for task in tasks), data, path)
    if not isinstance(schedule, ExplicitSchedule) or len(fields.problems) > before:
        return
    # With loops or retries the number of steps is known only while running; missing entries are reported then.
    for task in tasks:
        steps, entries = _certain_steps(task), schedule.entries.count(task.name)
        if steps is not None and steps != entries:
            message = f"`{task.name}` has {_count_of(steps, 'step')} and {_count_of(entries, 'schedule entry')}"
            fields.problems.add(Code.R035, message, path, help="each entry starts one step")


def check_names_of(fields: FieldReader, schedule: Schedule, names: tuple[str, ...], data: Data, path: Path) -> None:
    """Check that entries name these tasks, and that choices number them."""
    if isinstance(schedule, RecordedSchedule):
        for number in dict.fromkeys(schedule.choices):
            if not 1 <= number <= len(names):
                fields.problems.add(Code.R035, f"there is no task number {number}", path, help=_numbered(names))
    if isinstance(schedule, ExplicitSchedule):
        for entry in dict.fromkeys(schedule.entries):
            if entry not in names:
                # In a list the entry itself can be marked; in a text like `a b a` all of it is.
                listed = isinstance(data, list) and len(data) == len(schedule.entries)
                place = (*path, schedule.entries.index(entry)) if listed else path
                fields.problems.add(Code.N010, f"there is no task `{entry}`", place, help=did_you_mean(entry, names))


def _schedule_mapping(fields: FieldReader, data: dict[str, Data], path: Path) -> Schedule | None:
    if "all" in data:
        fields.closed(data, path, ("all",))
        bound = fields.integer(data["all"], (*path, "all"), least=1)
        return ExhaustiveSchedule(bound=bound)
    fields.closed(data, path, _SCHEDULE_KEYS, required=("runs",))
    # Each field is read, so that all mistakes are reported; one of them is enough for there to be no schedule.
    before = len(fields.problems)
    runs = fields.integer(data["runs"], (*path, "runs"), least=1) if "runs" in data else None
    seed = fields.integer(data["seed"], (*path, "seed")) if "seed" in data else None
    depth = fields.integer(data["pct"], (*path, "pct"), least=1) if "pct" in data else None
    if runs is None or len(fields.problems) > before:
        return None
    return RandomSchedule(runs=runs, seed=seed) if depth is None else PctSchedule(depth=depth, runs=runs, seed=seed)


def _certain_steps(task: Task) -> int | None:
    """How many schedule entries the task takes, or None where that hangs on a loop, a retry, a backend or a mistake."""
    for step in task.steps:
        if step is UNREADABLE or isinstance(step, BlockStep) or step.options.skip or step.options.only:
            return None
    return len(task.steps)


def _count_of(n: int, noun: str) -> str:
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def _numbered(names: tuple[str, ...]) -> str:
    return f"tasks are numbered in file order: {', '.join(f'{i} is `{name}`' for i, name in enumerate(names, 1))}"


_SCHEDULE_KEYS: Final = ("all", "pct", "seed", "runs")
MAX_ACTIONS: Final = 100_000
"""So many actions a run does at most."""


def read_workload(fields: FieldReader, steps: Steps, data: Data, path: Path) -> Workload | None:
    """The workload, or None if its form is wrong, which has been reported."""
    mapping = fields.closed(data, path, _KEYS, required=_KEYS)
    if mapping is None:
        return None
    tasks = _tasks(fields, mapping["tasks"], (*path, "tasks")) if "tasks" in mapping else ()
    repeat = fields.integer(mapping["repeat"], (*path, "repeat"), least=1) if "repeat" in mapping else None
    actions = fields.mapping(mapping["actions"], (*path, "actions")) if "actions" in mapping else None
    if actions is not None and not actions:
        fields.problems.add(Code.R054, "there is no action to choose", (*path, "actions"), help=_AN_ACTION)
    found = [_action(fields, steps, name, item, (*path, "actions", name)) for name, item in (actions or {}).items()]
    # All actions of a run are sampled and lowered before it starts, so their number bounds its memory.
    if repeat is not None and repeat * len(tasks) > MAX_ACTIONS:
        message = f"a run does at most {MAX_ACTIONS:,} actions"
        fields.problems.add(Code.R048, message, (*path, "repeat"), help="`runs:` of the schedule samples more of them")
    if repeat is None or actions is None or not tasks:
        return None
    return Workload(tasks=tasks, repeat=repeat, actions=tuple(action for action in found if action is not None))


def _tasks(fields: FieldReader, data: Data, path: Path) -> tuple[str, ...]:
    """The names of the tasks, from a list or a number."""
    if not isinstance(data, list):
        many = fields.integer(data, path, least=1)
        if many is not None and many > MAX_ACTIONS:
            fields.problems.add(Code.R048, f"a run does at most {MAX_ACTIONS:,} actions", path)
            return ()
        return numbered_tasks(many or 0)
    if not data:
        fields.problems.add(Code.R054, "a workload needs at least one task", path, help="for example `tasks: 3`")
    names = fields.words(data, path)
    # Reversed, so that of a repeated name the first place wins.
    places = {source_text(item): (*path, index) for index, item in reversed(list(enumerate(data)))}
    good = [fields.task_name(name, places[name], key=False) for name in names]
    return names if all(good) else ()


def _action(fields: FieldReader, steps: Steps, name: str, data: Data, path: Path) -> WorkloadAction | None:
    good = fields.name(name, path, "action", key=True)
    mapping = fields.closed(data, path, _PARTS, required=("do",))
    if mapping is None:
        return None
    weight = fields.integer(mapping["weight"], (*path, "weight"), least=1) if "weight" in mapping else 1
    drawn = _drawn(fields, mapping["with"], (*path, "with")) if "with" in mapping else ()
    named = mapping.get("with", {})
    distinct: tuple[str, ...] = ()
    if "distinct" in mapping:
        distinct = fields.words(mapping["distinct"], (*path, "distinct"), tuple(named) if isinstance(named, dict) else ())
        _check_distinct(fields, drawn, distinct, (*path, "distinct"))
    body: tuple[Step, ...] = ()
    if "do" in mapping:
        body = steps.read(mapping["do"], (*path, "do"), StepContext(section=WORKLOAD_TASK, owner=WORKLOAD_TASK))
    if not good or weight is None:
        return None
    return WorkloadAction(name=name, weight=weight, drawn=drawn, distinct=distinct, body=body)


def _drawn(fields: FieldReader, data: Data, path: Path) -> tuple[DrawnVariable, ...]:
    found: list[DrawnVariable] = []
    for name, item in (fields.mapping(data, path) or {}).items():
        place = (*path, name)
        good = fields.name(name, place, "value", key=True)
        source = _source(fields, name, item, place)
        if good and source is not None:
            found.append(DrawnVariable(name=name, source=source))
    return tuple(found)


def _source(fields: FieldReader, name: str, data: Data, path: Path) -> ValueDomain | None:
    """``1..50`` or a list of values."""
    if isinstance(data, list):
        return _one_of(fields, name, data, path)
    found = _RANGE.fullmatch(data) if isinstance(data, str) else None
    if found is None:
        message = f"{describe_data(data)} is not a domain of values"
        fields.problems.add(Code.S018, message, path, help="`1..50` is, and so is a list of values: `[alice, bob]`")
        return None
    first, last = int(found["first"]), int(found["last"])
    if first > last:
        fields.problems.add(
            Code.S018, f"`{data}` holds no integer", path, help=f"the smaller end is first: `{last}..{first}`"
        )
        return None
    # The ends are integers of any size so far; a driver binds 64 bits.
    if first < INT64_MIN or last > INT64_MAX:
        fields.problems.add(Code.S018, f"`{data}` goes beyond 64 bits", path)
        return None
    return IntegerRange(first=first, last=last)


def _one_of(fields: FieldReader, name: str, data: list[Data], path: Path) -> OneOf | None:
    if not data:
        fields.problems.add(Code.S018, "an empty list is not a domain of values", path)
        return None
    values: list[Value] = []
    # A mistake in one value makes the domain smaller than meant, so there is none then.
    for index, item in enumerate(data):
        param = read_value(fields, name, item, (*path, index))
        if param is None:
            continue
        if isinstance(param.value, Identifier):
            help_ = "write an action for each table"
            fields.problems.add(Code.S018, "a name is not a value that can be sampled", (*path, index), help=help_)
        else:
            values.append(param.value)
    return OneOf(values=tuple(values)) if len(values) == len(data) else None


def _check_distinct(fields: FieldReader, drawn: tuple[DrawnVariable, ...], distinct: tuple[str, ...], path: Path) -> None:
    """The n-th of the values that have to differ needs n to choose from; sampling never fails then."""
    ordered = [one for one in drawn if one.name in distinct]
    for number, one in enumerate(ordered, 1):
        if _many(one.source) < number:
            others = ", ".join(f"`{other.name}`" for other in ordered[: number - 1])
            fields.problems.add(Code.R154, f"`{one.name}` has too few values to differ from {others}", path)


def _many(source: ValueDomain) -> int:
    """How many different values a domain has."""
    if isinstance(source, IntegerRange):
        return source.last - source.first + 1
    seen: list[Value] = []
    for value in source.values:
        if not any(same(value, other) for other in seen):
            seen.append(value)
    return len(seen)


_KEYS: Final = ("tasks", "repeat", "actions")
_PARTS: Final = ("weight", "with", "distinct", "do")
_RANGE: Final = lazy_regex(r"(?P<first>-?(?:0|[1-9][0-9]{0,18}))\.\.(?P<last>-?(?:0|[1-9][0-9]{0,18}))")
_AN_ACTION: Final = "an action has a name and a list: `audit: {do: [...]}` on lines of its own"
