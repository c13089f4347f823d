"""What the schema refuses of a profile, said in the words of every other diagnostic."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

from simdsl.language.json_schema import Violation, refusals, to_json
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Problem
from simdsl.plan.plan import VERSION
from simdsl.plan.source import Path
from simdsl.plan.values import Json
from simdsl.syntax.document import Data
from simdsl.syntax.fields import describe_data, value_at
from simdsl.syntax.problems import Problems, did_you_mean


def problems_of(data: Data, is_refused: Callable[[Path], bool]) -> tuple[Problem, ...]:
    """Everything that is wrong with the shape of a profile."""
    problems = Problems(is_refused)
    for violation in refusals(_cut(to_json(data)), "profile"):
        _complain(violation, data, problems)
    return tuple(dict.fromkeys(problems.found))


def _cut(data: Json) -> Json:
    """Without the rest of very long lists: whether their items are unique takes a time that grows with the square."""
    if isinstance(data, dict):
        return {key: _cut(value) for key, value in data.items()}
    return data[:_MOST] if isinstance(data, list) else data


def _complain(violation: Violation, data: Data, problems: Problems) -> None:
    path, shape = violation.path, violation.shape
    here = value_at(data, path)
    assert here is not None
    match violation.keyword:
        case "type" if not path:
            problems.add(Code.P001, f"a profile is a mapping, not {describe_data(here)}", path)
        case "additionalProperties":
            _unknown_keys(here, path, shape, problems)
        case "required":
            _missing_keys(here, path, shape, problems)
        case "minimum" | "maximum":
            problems.add(Code.P005, f"{_bounded(shape, violation.keyword)} is wanted here, not {describe_data(here)}", path)
        case "enum":
            words = _words(shape)
            problems.add(Code.P006, f"{_quoted(here)} cannot stand here", path, help=did_you_mean(_text(here), words))
        case "pattern":
            what = "a name for a profile" if path in _NAMES else "a duration"
            problems.add(Code.P007, f"{_quoted(here)} is not {what}", path, help=_how_written(path, shape))
        case "const":
            problems.add(Code.P008, f"this is not a version of profiles that is known here; {VERSION} is", path)
        case "minItems":
            problems.add(Code.P012, "an empty list leaves nothing to draw from", path, help="leave the key out")
        case "uniqueItems":
            _repeated(here, path, problems)
        case _:
            help_ = _how_written(path, shape) if not isinstance(here, (dict, list)) else None
            problems.add(Code.P004, f"{_wanted(shape)} is wanted here, not {describe_data(here)}", path, help=help_)


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
            problems.add(Code.P013, f"{_quoted(item)} stands here twice", (*path, index))
        seen.add(same)


def _wanted(shape: Mapping[str, Json]) -> str:
    """What may stand where a part of the schema holds, in words."""
    noun = _NOUNS.get(str(shape.get("type")), "a word")
    if "us|" in str(shape.get("pattern")):
        return "a duration such as `5ms`"
    return f"{noun} from {shape['minimum']} to {shape['maximum']}" if noun == "a number" else noun


def _bounded(shape: Mapping[str, Json], keyword: str) -> str:
    noun = _wanted(shape)
    return noun if " from " in noun else f"{noun} of {shape[keyword]} or {'more' if keyword == 'minimum' else 'less'}"


def _how_written(path: Path, shape: Mapping[str, Json]) -> str | None:
    """How text is written that is to stand there; None where no text is wanted."""
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
"""How many items of a list are looked at, and how many unknown keys of a mapping are told. No list has so many words."""


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
