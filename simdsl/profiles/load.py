"""From a name or a path to a profile, or to everything that is wrong with it, its bases and the options.

What a file says counts more than what it extends; what no file says is the default; options count most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from simdsl.language.json_schema import to_json
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic, PlanError, Problem, Severity
from simdsl.plan.source import Location, Path
from simdsl.plan.values import Json
from simdsl.profiles.knobs import DOC, NAME, Key, from_keys, knobs, to_keys
from simdsl.profiles.overrides import ORIGIN, read_overrides
from simdsl.profiles.profile import Profile
from simdsl.profiles.profile_files import ProfileFile, available_profiles, file_at, files_named, is_path, is_same_file
from simdsl.profiles.schema_checks import problems_of
from simdsl.syntax.document import Data, Document
from simdsl.syntax.fields import value_at
from simdsl.syntax.files import ReadResult, read_file, read_text
from simdsl.syntax.problems import did_you_mean

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedProfile:
    """A profile, the values of its knobs as a file would have them, and who said each: a file, an option, nobody."""

    profile: Profile
    values: Mapping[Key, Json]
    origins: Mapping[Key, str]  # that of the name has the key ("profile",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedProfile:
    """What came of a profile: it, if no diagnostic is an error. The diagnostics of a file are in its order."""

    merged: MergedProfile | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One file of a chain."""

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
    """The profile that a text says."""
    return check_reading(read_text(text, name), file_at(name), overrides)


def check_reading(reading: ReadResult, place: ProfileFile, overrides: Sequence[str] = ()) -> CheckedProfile:
    """What was read at a place, merged with what it extends and with options."""
    layers, diagnostics = _chain(reading, place)
    options = read_overrides(overrides)
    diagnostics += options.diagnostics
    if _refused(diagnostics):
        return CheckedProfile(merged=None, diagnostics=tuple(diagnostics))
    merged = _merge(layers, options.values)
    diagnostics += _nothing_to_draw(merged.values, layers)
    return CheckedProfile(merged=None if _refused(diagnostics) else merged, diagnostics=tuple(diagnostics))


def _chain(reading: ReadResult, place: ProfileFile) -> tuple[list[_Layer], list[Diagnostic]]:
    """The file and what it extends, the file first, and everything that is wrong with each."""
    layers: list[_Layer] = []
    diagnostics: list[Diagnostic] = []
    while True:
        document = reading.document
        if document is None:
            return layers, [*diagnostics, *reading.problems]
        problems = list(problems_of(document.data, document.is_refused))
        data = document.data if isinstance(document.data, dict) else {}
        layers.append(_Layer(place=place, document=document, data=data))
        if (wrong := _misnamed(layers[-1])) is not None:
            problems.append(wrong)
        base = data.get("extends")
        wanted = base if isinstance(base, str) and not any(one.at.path == ("extends",) for one in problems) else None
        following = _base(wanted, layers) if wanted is not None else None
        if isinstance(following, Problem):
            problems.append(following)
        told = dict.fromkeys([*reading.problems, *map(document.diagnose, problems)])
        diagnostics += sorted(told, key=lambda one: (one.span.line, one.span.column) if one.span else (0, 0))
        if not isinstance(following, ProfileFile):
            return layers, diagnostics
        place, reading = following, read_file(following.path)


def _base(name: str, layers: list[_Layer]) -> ProfileFile | Problem:
    """The file that is meant by ``extends``: never the very file that says it, so that one may extend its namesake."""
    place = layers[-1].place
    at = Location(path=("extends",))
    found = files_named(name, place.path)
    others = [one for one in found if not is_same_file(one, place)]
    if not found:
        return Problem(code=Code.P009, message=f"there is no profile `{name}`", at=at, help=_nearest(name))
    if not others or any(is_same_file(others[0], layer.place) for layer in layers):
        names = [layer.place.label for layer in layers]
        message = f"this goes round in a circle: {', '.join(names)}, and again {(others or found)[0].label}"
        return Problem(code=Code.P010, message=message, at=at)
    return others[0]


def _misnamed(layer: _Layer) -> Problem | None:
    said, wanted = layer.data.get("profile"), layer.place.name
    if wanted is None or not isinstance(said, str) or said == wanted:
        return None
    message = f"the profile in {layer.place.label} is called `{said}`, and would not be found by that name"
    return Problem(
        code=Code.P014, message=message, at=Location(path=("profile",)), help=f"call both `{wanted}`, or both `{said}`"
    )


def _merge(layers: Sequence[_Layer], options: Mapping[Key, Json]) -> MergedProfile:
    name = str(layers[0].data["profile"])
    values = to_keys(Profile(name=name))
    origins = dict.fromkeys(values, DEFAULT)
    origins[NAME] = layers[0].place.label
    for layer in reversed(layers):
        for knob in knobs():
            said = value_at(dict(layer.data), knob.key)
            if said is not None and (knob.key != DOC or layer is layers[0]):
                values[knob.key] = to_json(said)
                origins[knob.key] = layer.place.label
    for key, value in options.items():
        values[key] = value
        origins[key] = ORIGIN
    profile = from_keys(name, values)
    return MergedProfile(profile=profile, values=to_keys(profile), origins=origins)


def _nothing_to_draw(values: Mapping[Key, Json], layers: Sequence[_Layer]) -> list[Diagnostic]:
    """A group of weights of which none counts: told where the files last speak of it."""
    groups = ["weights"] + (["faults"] if values[("weights", "fault")] else [])
    found: list[Diagnostic] = []
    for group in groups:
        if any(value for key, value in values.items() if key[0] == group):
            continue
        message = f"every weight of `{group}` is 0, which leaves nothing to draw from"
        layer = next((one for one in layers if group in one.data), layers[0])
        path: Path = (group,)
        found.append(layer.document.diagnose(Problem(code=Code.P012, message=message, at=Location(path=path, key=True))))
    return found


def _nearest(name: str) -> str | None:
    return did_you_mean(name, [place.name for place in available_profiles() if place.name])


def _refused(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(one.severity is Severity.ERROR for one in diagnostics)
