"""Everything that can be wrong with a profile, or with a ``--set`` option, as diagnostics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Final

from simdsl.language.plan_schema import Violation, refusals, to_json
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic, Path, Problem, SourceSpan
from simdsl.plan.plan import VERSION
from simdsl.plan.values import Json
from simdsl.profiles.profile import GROUPS, Key, Knob, KnobType, knobs
from simdsl.syntax.document import Data, PlainScalar, resolve_scalar
from simdsl.syntax.fields import describe_data, value_at
from simdsl.syntax.problems import Problems, did_you_mean, nearest


def problems_of(data: Data, is_refused: Callable[[Path], bool]) -> tuple[Problem, ...]:
    """Everything in a profile that its JSON Schema refuses, in the words of our diagnostics."""
    problems = Problems(is_refused)
    for violation in refusals(_cut(to_json(data)), "profile"):
        _complain(violation, data, problems)
    return tuple(dict.fromkeys(problems.found))


def _cut(data: Json) -> Json:
    """The data with very long lists cut: checking whether all items are unique takes quadratic time."""
    if isinstance(data, dict):
        return {key: _cut(value) for key, value in data.items()}
    return data[:_MOST] if isinstance(data, list) else data


def _complain(violation: Violation, data: Data, problems: Problems) -> None:
    path, shape = violation.path, violation.shape
    here = value_at(data, path)
    assert here is not None
    # The schema reports by keyword; each is worded for someone who edits a file, not for one who reads schemas.
    match violation.keyword:
        case "type" if not path:
            problems.add(Code.P001, f"a profile is a mapping, not {describe_data(here)}", path)
        case "additionalProperties":
            _unknown_keys(here, path, shape, problems)
        case "required":
            _missing_keys(here, path, shape, problems)
        case "minimum" | "maximum":
            bounded = _bounded(shape, violation.keyword)
            problems.add(Code.P005, f"{bounded} is expected here, not {describe_data(here)}", path)
        case "enum":
            words = _words(shape)
            problems.add(Code.P006, f"{_quoted(here)} cannot stand here", path, help=did_you_mean(_text(here), words))
        case "pattern":
            what = "a name for a profile" if path in _NAMES else "a duration"
            problems.add(Code.P007, f"{_quoted(here)} is not {what}", path, help=_how_written(path, shape))
        case "const":
            problems.add(Code.P008, f"unknown version of the profile format; this simdsl knows version {VERSION}", path)
        case "minItems":
            problems.add(Code.P012, "an empty list leaves nothing to choose from", path, help="remove the key")
        case "uniqueItems":
            _repeated(here, path, problems)
        case _:  # another kind of value than the schema wants, for which `_wanted` has the words
            help_ = _how_written(path, shape) if not isinstance(here, (dict, list)) else None
            problems.add(Code.P004, f"{_wanted(shape)} is expected here, not {describe_data(here)}", path, help=help_)


def _unknown_keys(here: Data, path: Path, shape: Mapping[str, Json], problems: Problems) -> None:
    known = shape["properties"]
    assert isinstance(here, dict)
    assert isinstance(known, dict)
    where = f"`{'.'.join(map(str, path))}`" if path else "a profile"
    for key in islice((key for key in here if key not in known), _MOST):
        help_ = did_you_mean(key, tuple(known))
        problems.add(Code.P002, f"{where} has no key `{key}`", (*path, key), key=True, help=help_)


def _missing_keys(here: Data, path: Path, shape: Mapping[str, Json], problems: Problems) -> None:
    required = shape["required"]
    assert isinstance(here, dict)
    assert isinstance(required, list)
    for key in map(str, required):
        if key not in here:
            problems.add(Code.P003, f"the key `{key}` is missing", path, help=_BEGINNINGS.get(key))


def _repeated(here: Data, path: Path, problems: Problems) -> None:
    assert isinstance(here, list)
    seen: set[str] = set()
    for index, item in enumerate(here[:_MOST]):
        same = json.dumps(to_json(item), sort_keys=True)
        if same in seen:
            problems.add(Code.P013, f"{_quoted(item)} is listed twice", (*path, index))
        seen.add(same)


def _wanted(shape: Mapping[str, Json]) -> str:
    """What a part of the schema allows, in words."""
    noun = _NOUNS.get(str(shape.get("type")), "a word")
    if "us|" in str(shape.get("pattern")):
        return "a duration such as `5ms`"
    return f"{noun} from {shape['minimum']} to {shape['maximum']}" if noun == "a number" else noun


def _bounded(shape: Mapping[str, Json], keyword: str) -> str:
    noun = _wanted(shape)
    return noun if " from " in noun else f"{noun} of {shape[keyword]} or {'more' if keyword == 'minimum' else 'less'}"


def _how_written(path: Path, shape: Mapping[str, Json]) -> str | None:
    """How to write the text that is expected; None if no text is."""
    if shape.get("type") != "string":
        return None
    return "put it into quotes" if "pattern" not in shape else _HOW_NAMED if path in _NAMES else _HOW_LONG


def _words(shape: Mapping[str, Json]) -> tuple[str, ...]:
    words = shape["enum"]
    assert isinstance(words, list)
    return tuple(map(str, words))


def _text(here: Data) -> str:
    return here if isinstance(here, str) else describe_data(here).strip("`")


def _quoted(here: Data) -> str:
    return f"`{here}`" if isinstance(here, str) else describe_data(here)


_MOST: Final = 100
"""How many items of a list are checked, and how many unknown keys of a mapping are reported. No valid list is so long."""


_NAMES: Final[tuple[Path, ...]] = (("profile",), ("extends",))
_HOW_NAMED: Final = "a profile's name has lower-case letters, digits and single hyphens: `my-profile`"
_HOW_LONG: Final = "for example `10us`, `5ms`, `2s`"
_BEGINNINGS: Final = {"simdsl": f"begin with `simdsl: {VERSION}`", "profile": "it names the profile: `profile: my-profile`"}
_NOUNS: Final = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
}


ORIGIN: Final = "--set"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobOverrides:
    """The values that the options set, the last one for each knob, and all diagnostics."""

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
    """A diagnostic that points into the text of an option."""
    stop = len(text) if end is None else end
    line = re.sub(r"[\r\n]", " ", text)  # the excerpt is a single line
    span = SourceSpan(line=1, column=start + 1, length=max(1, stop - start))
    return Diagnostic(code=code, message=message, file=ORIGIN, span=span, line=line, help=help)


def _read(text: str) -> tuple[Key, Json] | list[Diagnostic]:
    dotted, equals, written = text.partition("=")
    if not equals or not written.strip():
        return [
            option_diagnostic(text, Code.P011, "an override has the form KNOB=VALUE", help="for example `weights.update=0`")
        ]
    knob = _by_name().get(dotted.strip())
    if knob is None:
        return [_unknown(text, dotted)]
    # Checked as a file with only this knob, so an option is refused exactly if a file would be.
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
        message = f"`{name}` is a group of knobs; set one of them at a time"
        return option_diagnostic(text, Code.P011, message, end=end, help=f"for example `{first}=...`")
    if name in ("simdsl", "profile", "extends"):
        return option_diagnostic(
            text, Code.P011, f"`{name}` cannot be set", end=end, help="write a profile that extends this one"
        )
    option = nearest(name, tuple(_by_name()))
    return option_diagnostic(
        text, Code.P002, f"a profile has no knob `{name}`", end=end, help=f"did you mean `{option}`?" if option else None
    )


def _value(written: str, knob: Knob) -> tuple[Data, list[tuple[int, int]]]:
    """The value as a file would have it, and the position of each item of a list."""
    if knob.kind is KnobType.TEXT:  # `--set doc=5` is text, though YAML would read a number
        return written, []
    if knob.kind is not KnobType.WORDS:
        return resolve_scalar(written.strip()), []
    parts = [match.span() for match in re.finditer(r"[^\s,\[\]]+", written)]
    return [written[start:end] for start, end in parts], parts


def _document(knob: Knob, data: Data) -> Data:
    """A profile with only this knob."""
    head: dict[str, Data] = {"simdsl": PlainScalar(str(VERSION), VERSION), "profile": "overrides"}
    inner: dict[str, Data] = {knob.key[-1]: data}
    return head | (inner if len(knob.key) == 1 else {knob.key[0]: inner})


def _part(path: Path, knob: Knob, parts: list[tuple[int, int]], written: str) -> tuple[int, int]:
    index = path[len(knob.key)] if len(path) > len(knob.key) else None
    return parts[index] if isinstance(index, int) else (0, len(written))
