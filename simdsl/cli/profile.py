"""``simdsl profile``: list, show and check the profiles of generated plans."""

from __future__ import annotations

import json
import sys
from typing import Final

from simdsl.cli.check import print_findings
from simdsl.cli.generate import find_profile
from simdsl.cli.output import Exit, counted, print_diagnostics
from simdsl.cli.requests import ProfileCheckRequest, ProfileListRequest, ProfileShowRequest
from simdsl.cli.selection import STDIN, find_files, read_path
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.values import Json
from simdsl.profiles.load import available_profiles, check_profile, check_reading, file_at, to_json_text, to_yaml
from simdsl.report.diagnostics import DiagnosticFormat
from simdsl.report.screen import screen_of, visible
from simdsl.syntax.files import ReadResult, read_file

_STDIN_NAME: Final = "<stdin>"


def list_profiles(request: ProfileListRequest) -> Exit | None:
    """Print every profile that has a name, and on standard error what is wrong with those that are invalid."""
    diagnostics: list[Diagnostic] = []
    rows: list[tuple[str, str | None, str]] = []
    for place in available_profiles():
        if not _may_be_a_profile(read_file(place.path)):  # ./profiles is a common name for other things
            continue
        checked = check_profile(place.name or place.path)
        diagnostics += checked.diagnostics
        rows.append((place.name or "", checked.merged.profile.doc if checked.merged else None, place.label))
    if request.json:
        found: list[Json] = [{"name": name, "doc": doc, "file": label} for name, doc, label in rows]
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        screen = screen_of(sys.stdout)
        column = max((len(name) for name, _, _ in rows), default=0)
        for name, doc, _ in rows:
            print(screen.wrap(visible(doc or "-"), first=f"{visible(name):<{column}}  ", rest=" " * (column + 2)))
    # Two profiles that extend a third one report the mistakes of that one twice.
    print_diagnostics(tuple(dict.fromkeys(diagnostics)), sys.stderr)
    return Exit.BAD_INPUT if diagnostics else None


def show_profile(request: ProfileShowRequest) -> None:
    """Print a profile merged with all that it extends. Raises ``Stop`` with everything that is wrong with it."""
    merged = find_profile(request.name, request.overrides)
    if request.json:
        print(to_json_text(merged))
    else:
        sys.stdout.write(to_yaml(merged, screen_of(sys.stdout).width))


def check_profiles(request: ProfileCheckRequest) -> Exit | None:
    """Print everything that is wrong with profiles, each thing once. Raises ``Stop`` if no paths are given."""
    found = find_files(request.paths)
    diagnostics = list(found.problems)
    count = 0
    for target in found.targets:
        reading = read_path(target)
        # A plan that is named is an error; one in a directory of profiles is not.
        if target.file not in request.paths and _is_plan(reading):
            continue
        count += 1
        name = _STDIN_NAME if target.file == STDIN else target.file
        diagnostics += check_reading(reading, file_at(name)).diagnostics
    once = tuple(dict.fromkeys(diagnostics))
    return print_findings(once, counted(count, "profile"), bool(count), DiagnosticFormat(request.output_format))


def _may_be_a_profile(reading: ReadResult) -> bool:
    """Whether a file of ./profiles has the key of a profile, or cannot be read. Other YAML may be there too."""
    data = reading.document.data if reading.document is not None else {"profile": ""}
    return isinstance(data, dict) and "profile" in data


def _is_plan(reading: ReadResult) -> bool:
    """Whether a file that was found in a directory is a plan, which may lie beside profiles."""
    data = reading.document.data if reading.document is not None else None
    return isinstance(data, dict) and "plan" in data and "profile" not in data
