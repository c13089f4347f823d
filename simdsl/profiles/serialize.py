"""A merged profile as a file: YAML with the origin of every value behind it, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from simdsl.language.emitter import is_plain
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import VERSION
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.values import Json
from simdsl.profiles.knobs import NAME, Key, knobs, nested
from simdsl.profiles.load import MergedProfile

_COLUMN: Final = 24  # where comments begin, if what stands before them is not longer


_ESCAPED: Final = lazy_regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    origin: str | None = None

    def shown(self) -> str:
        return self.text if self.origin is None else f"{self.text:<{_COLUMN}}  # {visible(self.origin)}"


def to_yaml(merged: MergedProfile, width: int) -> str:
    """The profile as a file that says the same and extends nothing. Long texts and lists are broken at ``width``."""
    return "".join(f"{line.shown()}\n" for line in _lines(merged, width))


def to_json_text(merged: MergedProfile) -> str:
    """The profile under ``profile``, and under ``origins`` who said the value of each knob, by its dotted name."""
    origins = {".".join(key): merged.origins[key] for key in (NAME, *merged.values)}
    data: Json = {"profile": nested(merged.profile.name, merged.values), "origins": dict(origins)}
    return json.dumps(data, indent=2, ensure_ascii=False)


def visible(label: str) -> str:
    """The name of a file on one line, whatever it is called."""
    return "".join(character if character.isprintable() else "?" for character in label)


def _lines(merged: MergedProfile, width: int) -> Iterator[_Line]:
    yield _Line(text=f"simdsl: {VERSION}")
    yield _Line(text=f"profile: {merged.profile.name}", origin=merged.origins[NAME])
    group = ""
    for knob in knobs():
        if knob.key not in merged.values:
            continue
        if len(knob.key) > 1 and knob.key[0] != group:
            group = knob.key[0]
            yield _Line(text=f"{group}:")
        yield from _value(knob.key, merged.values[knob.key], merged.origins[knob.key], width)


def _value(key: Key, value: Json, origin: str, width: int) -> Iterator[_Line]:
    indent = "  " * (len(key) - 1)
    head = f"{indent}{key[-1]}:"
    whole = _Line(text=f"{head} {_written(value)}", origin=origin)
    if len(whole.shown()) <= width:
        yield whole
    elif isinstance(value, list):
        yield _Line(text=head, origin=origin)
        yield from (_Line(text=f"{indent}  - {item}") for item in value)
    elif isinstance(value, str) and is_plain(value) and "  " not in value:
        yield _Line(text=f"{head} >-", origin=origin)
        yield from (_Line(text=f"{indent}  {line}") for line in _folded(value, width - len(indent) - 2))
    else:
        yield whole


def _folded(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _written(value: Json) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if not isinstance(value, str) or is_plain(value):
        return str(value)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
