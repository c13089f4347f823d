"""Dumping plans: from a plan to the plain data that loads as the same plan, and to its canonical YAML or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, assert_never

from simdsl.plan.deferred import lazy_regex
from simdsl.plan.plan import (
    VERSION,
    ExhaustiveSchedule,
    ExplicitSchedule,
    Identifier,
    IntegerRange,
    OneOf,
    Param,
    PctSchedule,
    Plan,
    PoolSpec,
    RandomSchedule,
    RecordedSchedule,
    Reset,
    Schedule,
    ValueDomain,
    Workload,
    WorkloadAction,
    numbered_tasks,
)
from simdsl.plan.steps import NO_OPTIONS, BlockStep, Override, SqlStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar, resolve_scalar
from simdsl.syntax.printer import duration_text, expression_text, line_text, schedule_text
from simdsl.syntax.source_map import STEP_SECTIONS
from simdsl.verbs.base import verb_of


def plan_data(plan: Plan) -> dict[str, Data]:
    """The mapping that a plan's file holds. Keys are in the order of the documentation; keys without a value are left out.

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
        "actions": {action.name: _action(action) for action in workload.actions},
    }


def _action(action: WorkloadAction) -> Data:
    data: dict[str, Data] = {}
    if action.weight != 1:
        data["weight"] = _integer(action.weight)
    _put(data, "with", {one.name: _domain(one.source, one.name) for one in action.drawn})
    _put(data, "distinct", _words(action.distinct))
    data["do"] = _lines(action.body)
    return data


def _domain(domain: ValueDomain, name: str) -> Data:
    match domain:
        case IntegerRange(first=first, last=last):
            return f"{first}..{last}"
        case OneOf(values=values):
            return [_value(value, name) for value in values]
        case _:
            assert_never(domain)


def _lines(steps: tuple[Step, ...]) -> Data:
    """Steps of a list that belongs to a task or a section: a statement without options is only its text."""
    return [_step(step, owned=True) for step in steps]


def _step(step: Step, *, owned: bool) -> Data:
    """One step. ``owned``: its list belongs to a task or a section, so that the step does not name its task."""
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
    """The plan as JSON, one step to a line."""
    return emit_json(plan_data(plan))


def emit_yaml(data: dict[str, Data]) -> str:
    """Plain data as block YAML, indented by two spaces, lists under their keys too."""
    return "\n".join(_mapping(data, "", "")) + "\n"


def emit_json(data: dict[str, Data]) -> str:
    """Plain data as JSON: one top-level key to a line, and in lists one item to a line."""
    return "{\n" + ",\n".join(f"  {_json_text(key)}: {_json_block(value, 1)}" for key, value in data.items()) + "\n}\n"


def scalar_text(text: str, indent: str, *, is_line: bool = False) -> str:
    """A text as YAML writes it: plain if that reads back the same, else a ``|`` block, else in double quotes (rule 51).

    ``indent`` is that of the lines of a block. Line ends at the end of a SQL line mean nothing, and are left out.
    """
    if is_line:
        text = text.rstrip("\n")
    if is_plain(text):
        return text
    # A block cannot hold control characters, or begin with the blanks from which YAML reads its indentation.
    if _NEEDS_ESCAPES.search(text) or not text.strip("\n ") or text[0] in " \n\t":
        return _double_quoted(text)
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    if ends > 1:  # as a block it would end in blank lines, which mean nothing to a reader
        return _double_quoted(text)
    header = "|" if is_line or ends else "|-"
    # The caller ends the last line.
    return "\n".join([header, *(f"{indent}{line}" if line else "" for line in body.split("\n"))])


def is_plain(text: str) -> bool:
    """Whether a plain scalar on one line reads back as this text, in a block and before a comment."""
    return (
        _PLAIN.fullmatch(text) is not None
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and isinstance(resolve_scalar(text), str)  # `no`, `1e3` and `2026-01-31` would become something else
        and not _MARKER.match(text)
    )


def _mapping(data: dict[str, Data], indent: str, section: str) -> Iterator[str]:
    for key, value in data.items():
        inside = _section(section, key)
        yield from _entry(f"{indent}{key}:", value, indent, inside, key)


def _section(section: str, key: str) -> str:
    """What decides the style of a value: the top-level key, and in a workload the part of an action."""
    match section:
        case "":
            return key
        case "workload" | "workload.action":
            return f"workload.{key}"
        case "workload.actions":
            return "workload.action"
        case _:  # any other key: below the top level, all values of a section have one style
            return section


def _entry(head: str, value: Data, indent: str, section: str, key: str) -> Iterator[str]:
    """A key or a dash, and its value."""
    flow = _flow(value, section, key)
    deeper = indent + "  "
    match value:
        case _ if flow is not None:
            yield f"{head} {flow}"
        case dict():
            yield head
            yield from _mapping(value, deeper, section)
        case list():
            yield head
            yield from _list(value, deeper, section)
        case PlainScalar() | AmbiguousScalar():
            yield f"{head} {value.text}".rstrip()
        case str():
            is_line = section in _LINE_SECTIONS and key not in ("label", "why", "timeout")
            one_line = section in _VALUE_SECTIONS and not _NEEDS_QUOTES.search(value)
            yield f"{head} {_value_text(value) if one_line else scalar_text(value, deeper, is_line=is_line)}"


def _list(items: list[Data], indent: str, section: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and item:
            lines = _mapping(item, indent + "  ", section)
            yield f"{indent}- {next(lines).lstrip()}"
            yield from lines
        else:
            yield from _entry(f"{indent}-", item, indent, section, "")


def _flow(value: Data, section: str, key: str) -> str | None:
    """``[a, b]`` or ``{k: v}``, in sections where plans are written so and if all parts are words; also if empty."""
    if isinstance(value, list):
        words = [_flow_word(item) for item in value]
        if not value or ((key in _FLOW_LISTS or section in _FLOW_LISTS) and None not in words):
            return f"[{', '.join(filter(None, words))}]"
    elif isinstance(value, dict):
        if not value:
            return "{}"
        parts = [(name, _flow_value(item)) for name, item in value.items()]
        if section in _FLOW_SECTIONS and key != "pools" and all(text is not None for _, text in parts):
            return f"{{{', '.join(f'{name}: {text}' for name, text in parts)}}}"
    return None


def _flow_value(value: Data) -> str | None:
    if isinstance(value, list):
        words = [_flow_word(item) for item in value]
        return f"[{', '.join(filter(None, words))}]" if None not in words else None
    return _flow_word(value)


def _flow_word(value: Data) -> str | None:
    match value:
        case str() if _WORD.fullmatch(value):
            return _value_text(value)
        case PlainScalar():
            return value.text
        case _:  # a list, a mapping, or a text that needs quotes: not on one line
            return None


def _value_text(text: str) -> str:
    """A short text among values, quoted if YAML would read it as a number or a boolean (rule 47)."""
    return text if is_plain(text) else "'" + text.replace("'", "''") + "'"


def _double_quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _json_block(value: Data, level: int) -> str:
    """Lists, and mappings of lists such as ``tasks``, on several lines; each step on one."""
    indent = "  " * (level + 1)
    close = "\n" + "  " * level
    if isinstance(value, list) and value and isinstance(value[0], (dict, list, str)):
        return "[\n" + ",\n".join(f"{indent}{_json(item)}" for item in value) + f"{close}]"
    if isinstance(value, dict) and any(isinstance(item, list) for item in value.values()):
        entries = (f"{indent}{_json_text(key)}: {_json_block(item, level + 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(entries) + f"{close}}}"
    return _json(value)


def _json(value: Data) -> str:
    match value:
        case str():
            return _json_text(value)
        case PlainScalar() | AmbiguousScalar():
            return value.text or "null"
        case list():
            return f"[{', '.join(map(_json, value))}]"
        case dict():
            return f"{{{', '.join(f'{_json_text(key)}: {_json(item)}' for key, item in value.items())}}}"


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# Which style a section has. Steps are lines, of which blocks keep everything; lists of names fit on one line; short values
# stay on their key's line, with quotes where a reader could take them for another type.
_LINE_SECTIONS: Final = STEP_SECTIONS | {"tasks", "workload.do"}


_FLOW_LISTS: Final = frozenset(
    {"tags", "backends", "skip", "only", "properties", "tables", "workload.tasks", "workload.distinct", "workload.with"}
)


_FLOW_SECTIONS: Final = frozenset({"pools", "params", "reset", "schedule", "workload.with"})
_VALUE_SECTIONS: Final = frozenset({"plan", "params", "tags", "properties", "reset", "pools", "workload.with"})
_WORD: Final = lazy_regex(r"[A-Za-z0-9_.$]+(?:-[A-Za-z0-9_.$]+)*")


# What may begin a plain scalar of several characters, in a block. A `=` or `<` is fine; indicators are not.
_PLAIN: Final = lazy_regex(
    r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`\x00-\x20\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|-(?=[^\s\-]))"
    r"(?:[^\n\r\t\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*"
    r"[^\s\x00-\x20\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff])?"
)


# Three of these at the beginning of a line would end the document, even inside of a value.
_MARKER: Final = lazy_regex(r"(?:---|\.\.\.)(?:\s|$)")
_NEEDS_ESCAPES: Final = lazy_regex("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_NEEDS_QUOTES: Final = lazy_regex(_NEEDS_ESCAPES.pattern + "|[\n\t]")
_ESCAPED: Final = lazy_regex('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]')
_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
