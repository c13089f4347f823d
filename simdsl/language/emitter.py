"""Plain data as canonical YAML or JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from simdsl.plan.regexes import lazy_regex
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar, resolve_scalar
from simdsl.syntax.source_map import STEP_SECTIONS


def emit_yaml(data: dict[str, Data]) -> str:
    """Plain data as block YAML, two spaces a level, lists indented under their keys."""
    return "\n".join(_mapping(data, "", "")) + "\n"


def emit_json(data: dict[str, Data]) -> str:
    """Plain data as JSON: a top-level key a line, and in lists an item a line."""
    return "{\n" + ",\n".join(f"  {_json_text(key)}: {_json_block(value, 1)}" for key, value in data.items()) + "\n}\n"


def scalar_text(text: str, indent: str, *, is_line: bool = False) -> str:
    """A text as YAML writes it: plain if that reads back the same, else a ``|`` block, else in double quotes (rule 51).

    ``indent`` is that of the lines of a block. In a SQL line blank line ends at the end mean nothing, and are left out.
    """
    if is_line:
        text = text.rstrip("\n")
    if is_plain(text):
        return text
    if _NEEDS_ESCAPES.search(text) or not text.strip("\n ") or text[0] in " \n\t":
        return _double_quoted(text)
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    if ends > 1:  # as a block it would end in blank lines, which mean nothing to a reader
        return _double_quoted(text)
    header = "|" if is_line or ends else "|-"
    # The end of the last line is the printer's.
    return "\n".join([header, *(f"{indent}{line}" if line else "" for line in body.split("\n"))])


def is_plain(text: str) -> bool:
    """Whether a plain one-line scalar reads back as this text, in a block and with a comment behind it."""
    return (
        _PLAIN.fullmatch(text) is not None
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and isinstance(resolve_scalar(text), str)
        and not _MARKER.match(text)
    )


def _mapping(data: dict[str, Data], indent: str, section: str) -> Iterator[str]:
    for key, value in data.items():
        inside = _section(section, key)
        yield from _entry(f"{indent}{key}:", value, indent, inside, key)


def _section(section: str, key: str) -> str:
    """What decides how a value is written: the top-level key, and in a workload the part of an action."""
    match section:
        case "":
            return key
        case "workload" | "workload.action":
            return f"workload.{key}"
        case "workload.actions":
            return "workload.action"
        case _:
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
    """``[a, b]`` or ``{k: v}`` where the language is written so and all parts are words; also what is empty."""
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
        case _:
            return None


def _value_text(text: str) -> str:
    """A short text among values, where a number would be taken for one: in quotes, as rule 47 has it."""
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
    """Lists and the mappings of tasks go over several lines, steps on one."""
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


_MARKER: Final = lazy_regex(r"(?:---|\.\.\.)(?:\s|$)")


_NEEDS_ESCAPES: Final = lazy_regex("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


_NEEDS_QUOTES: Final = lazy_regex(_NEEDS_ESCAPES.pattern + "|[\n\t]")


_ESCAPED: Final = lazy_regex('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]')


_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
