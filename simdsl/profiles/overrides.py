"""``--set key.sub=value``: one knob turned on the command line, typed by the schema as a file's is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from simdsl.language.json_schema import to_json
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import VERSION
from simdsl.plan.source import Path, SourceSpan
from simdsl.plan.values import Json
from simdsl.profiles.knobs import GROUPS, Key, Knob, KnobType, knobs
from simdsl.profiles.schema_checks import problems_of
from simdsl.syntax.document import Data, PlainScalar, resolve_scalar
from simdsl.syntax.problems import nearest

ORIGIN: Final = "--set"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobOverrides:
    """What the options say, the last one of a knob counting, and everything that is wrong with them."""

    values: dict[Key, Json]
    diagnostics: tuple[Diagnostic, ...]


def read_overrides(texts: Sequence[str]) -> KnobOverrides:
    """Read the options, in their order."""
    values: dict[Key, Json] = {}
    diagnostics: list[Diagnostic] = []
    for text in texts:
        found = _read(text)
        if isinstance(found, list):
            diagnostics += found
        else:
            values[found[0]] = found[1]
    return KnobOverrides(values=values, diagnostics=tuple(diagnostics))


def option_diagnostic(
    text: str,
    code: Code,
    message: str,
    *,
    start: int = 0,
    end: int | None = None,
    help: str | None = None,  # noqa: A002 - the diagnostic's word
) -> Diagnostic:
    """What is wrong with a part of an option."""
    stop = len(text) if end is None else end
    line = re.sub(r"[\r\n]", " ", text)
    span = SourceSpan(line=1, column=start + 1, length=max(1, stop - start))
    return Diagnostic(code=code, message=message, file=ORIGIN, span=span, line=line, help=help)


def _read(text: str) -> tuple[Key, Json] | list[Diagnostic]:
    dotted, equals, written = text.partition("=")
    if not equals or not written.strip():
        return [
            option_diagnostic(
                text, Code.P011, "an override is a knob, `=` and a value", help="for example `weights.update=0`"
            )
        ]
    knob = _by_name().get(dotted.strip())
    if knob is None:
        return [_unknown(text, dotted)]
    data, parts = _value(written, knob)
    problems = problems_of(_document(knob, data), lambda path: False)
    if not problems:
        return knob.key, to_json(data)
    begin = len(dotted) + 1
    return [
        option_diagnostic(text, problem.code, problem.message, start=begin + start, end=begin + end, help=problem.help)
        for problem in problems
        for start, end in [_part(problem.at.path, knob, parts, written)]
    ]


@cache
def _by_name() -> dict[str, Knob]:
    return {knob.dotted: knob for knob in knobs()}


def _unknown(text: str, dotted: str) -> Diagnostic:
    name, end = dotted.strip(), len(dotted)
    if name in GROUPS:
        first = next(knob.dotted for knob in knobs() if knob.key[0] == name)
        message = f"`{name}` is a group of knobs, and one is turned at a time"
        return option_diagnostic(text, Code.P011, message, end=end, help=f"for example `{first}=...`")
    if name in ("simdsl", "profile", "extends"):
        return option_diagnostic(
            text, Code.P011, f"`{name}` is no knob", end=end, help="write a profile that extends this one"
        )
    option = nearest(name, tuple(_by_name()))
    return option_diagnostic(
        text, Code.P002, f"a profile has no knob `{name}`", end=end, help=f"did you mean `{option}`?" if option else None
    )


def _value(written: str, knob: Knob) -> tuple[Data, list[tuple[int, int]]]:
    """The value as a file would have it, and where the items of a list stand in it."""
    if knob.kind is KnobType.TEXT:
        return written, []
    if knob.kind is not KnobType.WORDS:
        return resolve_scalar(written.strip()), []
    parts = [match.span() for match in re.finditer(r"[^\s,\[\]]+", written)]
    return [written[start:end] for start, end in parts], parts


def _document(knob: Knob, data: Data) -> Data:
    """A profile that says nothing but this."""
    head: dict[str, Data] = {"simdsl": PlainScalar(str(VERSION), VERSION), "profile": "overrides"}
    inner: dict[str, Data] = {knob.key[-1]: data}
    return head | (inner if len(knob.key) == 1 else {knob.key[0]: inner})


def _part(path: Path, knob: Knob, parts: list[tuple[int, int]], written: str) -> tuple[int, int]:
    index = path[len(knob.key)] if len(path) > len(knob.key) else None
    return parts[index] if isinstance(index, int) else (0, len(written))
