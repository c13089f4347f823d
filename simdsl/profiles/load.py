"""Find, load, merge and write profiles.

What a file says overrides what it extends; what no file says is the default; options override everything. A profile is
found beside the file that names it, in ``./profiles``, and among those bundled with simdsl, in this order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from simdsl.language.dump import is_plain
from simdsl.language.plan_schema import to_json
from simdsl.plan import codes
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic, Location, Path, PlanError, Problem, Severity
from simdsl.plan.plan import VERSION
from simdsl.plan.values import Json
from simdsl.profiles.checks import ORIGIN, problems_of, read_overrides
from simdsl.profiles.profile import DOC_KEY, NAME_KEY, Key, Profile, from_keys, knobs, nested, to_keys
from simdsl.syntax.document import Data, Document
from simdsl.syntax.fields import value_at
from simdsl.syntax.files import ReadResult, read_file, read_text
from simdsl.syntax.problems import did_you_mean

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedProfile:
    """A profile, the values of its knobs as a file would have them, and the origin of each: a file, `--set`, the default."""

    profile: Profile
    values: Mapping[Key, Json]
    origins: Mapping[Key, str]  # that of the name has the key ("profile",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedProfile:
    """A profile, if no diagnostic is an error, and all diagnostics, those of one file in the order of its lines."""

    merged: MergedProfile | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One file in the chain of profiles that extend each other."""

    place: ProfileFile
    document: Document
    data: Mapping[str, Data]


def load_profile(name_or_path: str, overrides: Sequence[str] = ()) -> Profile:
    """The profile of this name or in this file. Raises ``PlanError`` with all diagnostics."""
    checked = check_profile(name_or_path, overrides)
    if checked.merged is None:
        raise PlanError(checked.diagnostics)
    return checked.merged.profile


def check_profile(name_or_path: str, overrides: Sequence[str] = ()) -> CheckedProfile:
    """The profile of this name or in this file, merged."""
    if is_path(name_or_path):
        place = file_at(name_or_path)
    elif found := files_named(name_or_path):
        place = found[0]
    else:
        message = f"there is no profile `{name_or_path}`"
        unknown = Diagnostic(code=Code.P009, message=message, file="simdsl", help=_nearest(name_or_path))
        return CheckedProfile(merged=None, diagnostics=(unknown, *read_overrides(overrides).diagnostics))
    return check_reading(read_file(place.path), place, overrides)


def check_text(text: str, name: str = "<text>", overrides: Sequence[str] = ()) -> CheckedProfile:
    """The profile in a text."""
    return check_reading(read_text(text, name), file_at(name), overrides)


def check_reading(reading: ReadResult, place: ProfileFile, overrides: Sequence[str] = ()) -> CheckedProfile:
    """A file that was read, merged with the profiles that it extends and with ``--set`` options."""
    layers, diagnostics = _chain(reading, place)
    options = read_overrides(overrides)
    diagnostics += options.diagnostics
    if _refused(diagnostics):
        return CheckedProfile(merged=None, diagnostics=tuple(diagnostics))
    merged = _merge(layers, options.values)
    diagnostics += _nothing_to_draw(merged.values, layers)
    return CheckedProfile(merged=None if _refused(diagnostics) else merged, diagnostics=tuple(diagnostics))


def _chain(reading: ReadResult, place: ProfileFile) -> tuple[list[_Layer], list[Diagnostic]]:
    """The file and those it extends, the file first, with the diagnostics of each."""
    layers: list[_Layer] = []
    diagnostics: list[Diagnostic] = []
    while True:
        document = reading.document
        if document is None:  # not YAML at all: nothing is known about what it would extend
            return layers, [*diagnostics, *reading.problems]
        problems = list(problems_of(document.data, document.is_refused))
        data = document.data if isinstance(document.data, dict) else {}
        layers.append(_Layer(place=place, document=document, data=data))
        if (wrong := _misnamed(layers[-1])) is not None:
            problems.append(wrong)
        base = data.get("extends")
        # A name that is itself a mistake must not be reported a second time as a missing profile.
        wanted = base if isinstance(base, str) and not any(one.at.path == ("extends",) for one in problems) else None
        following = _base(wanted, layers) if wanted is not None else None
        if isinstance(following, Problem):
            problems.append(following)
        # In the order of the text, whichever check found them.
        told = dict.fromkeys([*reading.problems, *map(document.diagnose, problems)])
        diagnostics += sorted(told, key=lambda one: (one.span.line, one.span.column) if one.span else (0, 0))
        if not isinstance(following, ProfileFile):
            return layers, diagnostics
        place, reading = following, read_file(following.path)


def _base(name: str, layers: list[_Layer]) -> ProfileFile | Problem:
    """The file that ``extends`` means, never the file itself: ./profiles/quick.yaml may extend the bundled quick."""
    place = layers[-1].place
    at = Location(path=("extends",))
    found = files_named(name, place.path)
    others = [one for one in found if not is_same_file(one, place)]
    if not found:
        return Problem(code=Code.P009, message=f"there is no profile `{name}`", at=at, help=_nearest(name))
    if not others or any(is_same_file(others[0], layer.place) for layer in layers):
        names = [layer.place.label for layer in layers]
        message = f"profiles extend each other: {', '.join(names)}, and again {(others or found)[0].label}"
        return Problem(code=Code.P010, message=message, at=at)
    return others[0]


def _misnamed(layer: _Layer) -> Problem | None:
    said, wanted = layer.data.get("profile"), layer.place.name
    if wanted is None or not isinstance(said, str) or said == wanted:
        return None
    # Bug reports and commands quote the name that a profile has; by that name it must be found again.
    message = f"the profile in {layer.place.label} is called `{said}`, and would not be found by that name"
    help_ = f"give the file and the profile one name: `{wanted}` or `{said}`"
    return Problem(code=Code.P014, message=message, at=Location(path=("profile",)), help=help_)


def _merge(layers: Sequence[_Layer], options: Mapping[Key, Json]) -> MergedProfile:
    name = str(layers[0].data["profile"])
    values = to_keys(Profile(name=name))
    origins = dict.fromkeys(values, DEFAULT)
    origins[NAME_KEY] = layers[0].place.label
    # The most general layer first, so that each later one overrides it.
    for layer in reversed(layers):
        for knob in knobs():
            said = value_at(dict(layer.data), knob.key)
            # A description is about one profile, so it is not inherited.
            if said is not None and (knob.key != DOC_KEY or layer is layers[0]):
                values[knob.key] = to_json(said)
                origins[knob.key] = layer.place.label
    for key, value in options.items():
        values[key] = value
        origins[key] = ORIGIN
    # Back through the profile, which writes every value in one form: 1.0 as 1, `1000ms` as `1s`.
    profile = from_keys(name, values)
    return MergedProfile(profile=profile, values=to_keys(profile), origins=origins)


def _nothing_to_draw(values: Mapping[Key, Json], layers: Sequence[_Layer]) -> list[Diagnostic]:
    """A group of weights that are all 0: reported in the last file that mentions the group."""
    # The kinds of faults matter only if faults are drawn at all.
    groups = ["weights"] + (["faults"] if values[("weights", "fault")] else [])
    found: list[Diagnostic] = []
    for group in groups:
        if any(value for key, value in values.items() if key[0] == group):
            continue
        message = f"every weight of `{group}` is 0, so there is nothing to choose from"
        layer = next((one for one in layers if group in one.data), layers[0])
        path: Path = (group,)
        found.append(layer.document.diagnose(Problem(code=Code.P012, message=message, at=Location(path=path, key=True))))
    return found


def _nearest(name: str) -> str | None:
    return did_you_mean(name, [place.name for place in available_profiles() if place.name])


def _refused(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(one.severity is Severity.ERROR for one in diagnostics)


FOLDER: Final = "profiles"
SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """The file of a profile. ``label`` names it in messages; ``name`` is the name it was found by, None for a path."""

    path: str
    label: str
    name: str | None = None


def is_path(text: str) -> bool:
    """Whether a text names a file rather than a profile."""
    return text.endswith(SUFFIXES) or "/" in text or os.sep in text


def file_at(path: str) -> ProfileFile:
    """The file at a path."""
    return ProfileFile(path=path, label=path)


def files_named(name: str, beside: str | None = None) -> list[ProfileFile]:
    """The files that a name may mean, the one that is used first. ``beside`` is the file that names it."""
    folders = [FOLDER, _bundled()]
    if beside is not None:
        folders.insert(0, os.path.dirname(beside))
    found: dict[str, ProfileFile] = {}
    for folder in folders:
        for suffix in SUFFIXES:
            path = os.path.join(folder, name + suffix)
            if os.path.isfile(path):
                # ./profiles may be a link to the bundled ones, as in a checkout: each file once, by its first name.
                found.setdefault(os.path.realpath(path), _place(path, name))
    return list(found.values())


def available_profiles() -> list[ProfileFile]:
    """Every profile that can be named here, sorted by name."""
    found: dict[str, ProfileFile] = {}
    for folder in (FOLDER, _bundled()):
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) and os.access(folder, os.R_OK) else ():
            name, suffix = os.path.splitext(file)
            if suffix in SUFFIXES and not file.startswith("."):
                found.setdefault(name, files_named(name)[0])
    return [found[name] for name in sorted(found)]


def is_same_file(one: ProfileFile, other: ProfileFile) -> bool:
    """Whether two paths lead to one file."""
    return os.path.realpath(one.path) == os.path.realpath(other.path)


def _place(path: str, name: str) -> ProfileFile:
    folder, file = os.path.split(path)
    return ProfileFile(path=path, label=f"bundled {file}" if folder == _bundled() else path, name=name)


def _bundled() -> str:
    return str(codes.path(FOLDER))


_COLUMN: Final = 24  # where comments begin, if what stands before them is not longer
_ESCAPED: Final = lazy_regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    origin: str | None = None

    def shown(self) -> str:
        return self.text if self.origin is None else f"{self.text:<{_COLUMN}}  # {visible(self.origin)}"


def to_yaml(merged: MergedProfile, width: int) -> str:
    """The profile as a file without ``extends``. Long texts and lists are broken at ``width``."""
    return "".join(f"{line.shown()}\n" for line in _lines(merged, width))


def to_json_text(merged: MergedProfile) -> str:
    """The profile under ``profile``, and under ``origins`` where the value of each knob comes from, by its dotted name."""
    origins = {".".join(key): merged.origins[key] for key in (NAME_KEY, *merged.values)}
    data: Json = {"profile": nested(merged.profile.name, merged.values), "origins": dict(origins)}
    return json.dumps(data, indent=2, ensure_ascii=False)


def visible(label: str) -> str:
    """The name of a file on one line; a line feed in it would end the comment that shows it."""
    return "".join(character if character.isprintable() else "?" for character in label)


def _lines(merged: MergedProfile, width: int) -> Iterator[_Line]:
    yield _Line(text=f"simdsl: {VERSION}")
    yield _Line(text=f"profile: {merged.profile.name}", origin=merged.origins[NAME_KEY])
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
    # A folded scalar joins its lines by single spaces, so text with two in a row stays on one line.
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
    # JSON's quotes are YAML's too, but for characters that YAML does not allow unescaped.
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
