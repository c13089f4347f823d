"""``workload:``, weighted actions that are drawn for each run, from data."""

from __future__ import annotations

from typing import Final

from simdsl.language.sections import read_value
from simdsl.language.steps import Steps
from simdsl.plan.codes import Code
from simdsl.plan.plan import Identifier
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.source import Path
from simdsl.plan.steps import Step
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value, same
from simdsl.plan.workload import (
    WORKLOAD_TASK,
    DrawnVariable,
    IntegerRange,
    OneOf,
    ValueDomain,
    Workload,
    WorkloadAction,
    numbered_tasks,
)
from simdsl.syntax.document import Data, source_text
from simdsl.syntax.fields import FieldReader, StepContext, describe_data

MAX_ACTIONS: Final = 100_000
"""So many actions a run does at most."""


def read_workload(fields: FieldReader, steps: Steps, data: Data, path: Path) -> Workload | None:
    """The workload, or None where its form is wrong, which has been complained about."""
    mapping = fields.closed(data, path, _KEYS, required=_KEYS)
    if mapping is None:
        return None
    tasks = _tasks(fields, mapping["tasks"], (*path, "tasks")) if "tasks" in mapping else ()
    repeat = fields.integer(mapping["repeat"], (*path, "repeat"), least=1) if "repeat" in mapping else None
    actions = fields.mapping(mapping["actions"], (*path, "actions")) if "actions" in mapping else None
    if actions is not None and not actions:
        fields.problems.add(Code.R054, "there is no action to draw", (*path, "actions"), help=_AN_ACTION)
    deeds = [_deed(fields, steps, name, item, (*path, "actions", name)) for name, item in (actions or {}).items()]
    if repeat is not None and repeat * len(tasks) > MAX_ACTIONS:
        message = f"a run does at most {MAX_ACTIONS:,} actions"
        fields.problems.add(Code.R048, message, (*path, "repeat"), help="`runs:` of the schedule draws more of them")
    if repeat is None or actions is None or not tasks:
        return None
    return Workload(tasks=tasks, repeat=repeat, actions=tuple(deed for deed in deeds if deed is not None))


def _tasks(fields: FieldReader, data: Data, path: Path) -> tuple[str, ...]:
    """How many, or their names."""
    if not isinstance(data, list):
        many = fields.integer(data, path, least=1)
        if many is not None and many > MAX_ACTIONS:
            fields.problems.add(Code.R048, f"a run does at most {MAX_ACTIONS:,} actions", path)
            return ()
        return numbered_tasks(many or 0)
    if not data:
        fields.problems.add(Code.R054, "there is no task that could do anything", path, help="for example `tasks: 3`")
    names = fields.words(data, path)
    places = {source_text(item): (*path, index) for index, item in reversed(list(enumerate(data)))}
    good = [fields.task_name(name, places[name], key=False) for name in names]
    return names if all(good) else ()


def _deed(fields: FieldReader, steps: Steps, name: str, data: Data, path: Path) -> WorkloadAction | None:
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
        message = f"{describe_data(data)} is nothing that a value can be drawn from"
        fields.problems.add(Code.S018, message, path, help="`1..50` is, and so is a list of values: `[alice, bob]`")
        return None
    first, last = int(found["first"]), int(found["last"])
    if first > last:
        fields.problems.add(
            Code.S018, f"`{data}` holds no integer", path, help=f"the smaller end is first: `{last}..{first}`"
        )
        return None
    if first < INT64_MIN or last > INT64_MAX:
        fields.problems.add(Code.S018, f"`{data}` goes beyond 64 bits", path)
        return None
    return IntegerRange(first=first, last=last)


def _one_of(fields: FieldReader, name: str, data: list[Data], path: Path) -> OneOf | None:
    if not data:
        fields.problems.add(Code.S018, "an empty list is nothing that a value can be drawn from", path)
        return None
    values: list[Value] = []
    for index, item in enumerate(data):
        param = read_value(fields, name, item, (*path, index))
        if param is None:
            continue
        if isinstance(param.value, Identifier):
            help_ = "an action for each table says the same"
            fields.problems.add(Code.S018, "a name is no value, so it cannot be drawn", (*path, index), help=help_)
        else:
            values.append(param.value)
    return OneOf(values=tuple(values)) if len(values) == len(data) else None


def _check_distinct(fields: FieldReader, drawn: tuple[DrawnVariable, ...], distinct: tuple[str, ...], path: Path) -> None:
    """The n-th of the values that differ needs n to choose from; then a drawing never fails."""
    ordered = [one for one in drawn if one.name in distinct]
    for number, one in enumerate(ordered, 1):
        if _many(one.source) < number:
            others = ", ".join(f"`{other.name}`" for other in ordered[: number - 1])
            fields.problems.add(Code.R154, f"`{one.name}` has too few values to differ from {others}", path)


def _many(source: ValueDomain) -> int:
    """How many different values a source has."""
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
