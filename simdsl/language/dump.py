"""Dumping plans: from a plan to the plain data, and the file, that loads as the same plan."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, assert_never

from simdsl.language.emitter import emit_json, emit_yaml
from simdsl.plan.plan import VERSION, Identifier, Param, Plan, PoolSpec, Reset
from simdsl.plan.schedules import (
    ExhaustiveSchedule,
    ExplicitSchedule,
    PctSchedule,
    RandomSchedule,
    RecordedSchedule,
    Schedule,
)
from simdsl.plan.steps import NO_OPTIONS, BlockStep, Override, SqlStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.plan.workload import IntegerRange, OneOf, ValueDomain, Workload, WorkloadAction, numbered_tasks
from simdsl.syntax.document import Data, PlainScalar
from simdsl.syntax.printer import (
    duration_text,
    expression_text,
    line_text,
    schedule_text,
)
from simdsl.verbs.base.registry import verb_of


def plan_data(plan: Plan) -> dict[str, Data]:
    """The mapping of a plan's file. Keys stand in the order of the documentation, and none of them says nothing.

    Raises ``ValueError`` for a param that is not finite: no plan file can hold one.
    """
    data: dict[str, Data] = {"simdsl": _integer(VERSION), "plan": plan.name}
    _put(data, "doc", plan.doc)
    _put(data, "tags", _words(plan.tags))
    _put(data, "dialect", plan.dialect)
    _put(data, "backends", _words(plan.backends))
    _put(data, "pools", {pool.name: _pool(pool) for pool in plan.pools})
    _put(data, "params", [{param.name: _param(param) for param in entry} for entry in plan.params])
    _put(data, "reset", _reset(plan.reset) if plan.reset else None)
    _put(data, "setup", _lines(plan.setup))
    if plan.steps is not None:
        data["steps"] = [_step(step, owned=False) for step in plan.steps]
    if plan.tasks is not None:
        data["tasks"] = {task.name: _lines(task.steps) for task in plan.tasks}
    if plan.workload is not None:
        data["workload"] = _workload(plan.workload)
    _put(data, "schedule", _schedule(plan.schedule) if plan.schedule else None)
    _put(data, "finally", _lines(plan.finally_))
    _put(data, "invariants", _lines(plan.invariants))
    _put(data, "properties", _words(plan.properties))
    _put(data, "seed", _integer(plan.seed) if plan.seed is not None else None)
    _put(data, "timeout", _duration(plan.timeout_us))
    return data


def _put(data: dict[str, Data], key: str, value: Data | None) -> None:
    if value is not None and value != [] and value != {}:
        data[key] = value


def _integer(value: int) -> PlainScalar:
    return PlainScalar(str(value), value)


def _words(words: tuple[str, ...]) -> Data:
    return list(words)


def _duration(duration_us: int | None) -> str | None:
    return duration_text(duration_us) if duration_us is not None else None


def _pool(pool: PoolSpec) -> Data:
    data: dict[str, Data] = {"size": _integer(pool.size), "timeout": duration_text(pool.timeout_us)}
    _put(data, "driver", pool.driver)
    return data


def _param(param: Param) -> Data:
    value = param.value
    return {"identifier": value.name} if isinstance(value, Identifier) else _value(value, param.name)


def _value(value: Value, name: str) -> Data:
    match value:
        case str():
            return value
        case None | bool() | int():
            return PlainScalar(json.dumps(value), value)
        case float():
            try:
                return PlainScalar(json.dumps(value, allow_nan=False), value)
            except ValueError:
                raise ValueError(f"the param {name} is {value}, which no plan file can hold") from None
        case Decimal():
            return {"decimal": str(value)}
        case bytes():
            return {"blob": value.hex()}
        case datetime():
            return {"timestamp": value.isoformat(sep=" ")}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}
        case _:
            assert_never(value)


def _reset(reset: Reset) -> Data:
    return {"tables": _words(reset.tables), "mode": str(reset.mode)}


def _schedule(schedule: Schedule) -> Data:
    match schedule:
        case ExplicitSchedule() | RecordedSchedule():
            return schedule_text(schedule)
        case ExhaustiveSchedule():
            return "all" if schedule.bound is None else {"all": _integer(schedule.bound)}
        case RandomSchedule():
            return {**_seed(schedule.seed), "runs": _integer(schedule.runs)}
        case PctSchedule():
            return {"pct": _integer(schedule.depth), **_seed(schedule.seed), "runs": _integer(schedule.runs)}
        case _:
            assert_never(schedule)


def _seed(seed: int | None) -> dict[str, Data]:
    return {"seed": _integer(seed)} if seed is not None else {}


def _workload(workload: Workload) -> Data:
    many = len(workload.tasks)
    is_numbered = workload.tasks == numbered_tasks(many)
    return {
        "tasks": _integer(many) if is_numbered else _words(workload.tasks),
        "repeat": _integer(workload.repeat),
        "actions": {deed.name: _deed(deed) for deed in workload.actions},
    }


def _deed(action: WorkloadAction) -> Data:
    data: dict[str, Data] = {}
    if action.weight != 1:
        data["weight"] = _integer(action.weight)
    _put(data, "with", {one.name: _source(one.source, one.name) for one in action.drawn})
    _put(data, "distinct", _words(action.distinct))
    data["do"] = _lines(action.body)
    return data


def _source(source: ValueDomain, name: str) -> Data:
    match source:
        case IntegerRange(first=first, last=last):
            return f"{first}..{last}"
        case OneOf(values=values):
            return [_value(value, name) for value in values]
        case _:
            assert_never(source)


def _lines(steps: tuple[Step, ...]) -> Data:
    """Steps where nobody needs to be named: a statement alone is only its text."""
    return [_step(step, owned=True) for step in steps]


def _step(step: Step, *, owned: bool) -> Data:
    """One step. ``owned`` where the list that it stands in says whose step it is."""
    if isinstance(step, SqlStep):
        key, text = "sql" if owned else step.task, line_text(step.sql, step.expect)
        if owned and step.options == NO_OPTIONS:
            return text
    else:
        verb = verb_of(step)
        key, text = verb.name, verb.text(step)
    data: dict[str, Data] = {key: text}
    _options(step.options, data)
    if isinstance(step, BlockStep):
        data["do"] = [_step(inner, owned=owned) for inner in step.body]
    return data


def _options(options: StepOptions, data: dict[str, Data]) -> None:
    _put(data, "label", options.label)
    for override in options.overrides:
        data[override.backend] = _override(override)
    _put(data, "skip", _words(options.skip))
    _put(data, "only", _words(options.only))
    _put(data, "why", options.why)
    _put(data, "timeout", _duration(options.timeout_us))


def _override(override: Override) -> str:
    if override.expression is not None:
        return expression_text(override.expression)
    return line_text(override.sql, override.expect)


SCHEMA_LINE: Final = "# yaml-language-server: $schema="


def dump(plan: Plan, *, schema: str | None = None) -> str:
    """The plan as YAML. ``schema``, a path or URL, becomes the comment by which editors find the schema."""
    head = f"{SCHEMA_LINE}{schema}\n" if schema is not None else ""
    return head + emit_yaml(plan_data(plan))


def dump_json(plan: Plan) -> str:
    """The plan as JSON, a step a line."""
    return emit_json(plan_data(plan))
