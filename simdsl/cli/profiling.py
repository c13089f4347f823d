"""What `simdsl profile list` and `simdsl profile check` do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, TextIO

from simdsl.cli.plan_files import STDIN, find_files, read_path
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.values import Json
from simdsl.profiles.load import check_profile, check_reading
from simdsl.profiles.profile_files import available_profiles, file_at
from simdsl.report.screen import screen_of, visible
from simdsl.syntax.files import ReadResult, read_file

_STDIN_NAME: Final = "<stdin>"


def listed(out: TextIO, *, as_json: bool) -> tuple[str, tuple[Diagnostic, ...]]:
    """Every profile that has a name, and what is wrong with those that cannot be used."""
    diagnostics: list[Diagnostic] = []
    rows: list[tuple[str, str | None, str]] = []
    for place in available_profiles():
        if not _may_be_a_profile(read_file(place.path)):
            continue
        checked = check_profile(place.name or place.path)
        diagnostics += checked.diagnostics
        rows.append((place.name or "", checked.merged.profile.doc if checked.merged else None, place.label))
    if as_json:
        found: list[Json] = [{"name": name, "doc": doc, "file": label} for name, doc, label in rows]
        return json.dumps(found, indent=2, ensure_ascii=False), tuple(dict.fromkeys(diagnostics))
    screen = screen_of(out)
    column = max((len(name) for name, _, _ in rows), default=0)
    lines = [
        screen.wrap(visible(doc or "-"), first=f"{visible(name):<{column}}  ", rest=" " * (column + 2))
        for name, doc, _ in rows
    ]
    return "\n".join(lines), tuple(dict.fromkeys(diagnostics))


def check_paths(paths: Sequence[str]) -> tuple[int, tuple[Diagnostic, ...]]:
    """How many profiles were looked at, and everything that is wrong with them, each thing once."""
    found = find_files(paths)
    diagnostics = list(found.problems)
    count = 0
    for target in found.targets:
        reading = read_path(target)
        if target.file not in paths and _is_plan(reading):
            continue
        count += 1
        name = _STDIN_NAME if target.file == STDIN else target.file
        diagnostics += check_reading(reading, file_at(name)).diagnostics
    return count, tuple(dict.fromkeys(diagnostics))


def _may_be_a_profile(reading: ReadResult) -> bool:
    """Whether a file of ./profiles has the key of a profile, or cannot be read. Other YAML may lie there."""
    data = reading.document.data if reading.document is not None else {"profile": ""}
    return isinstance(data, dict) and "profile" in data


def _is_plan(reading: ReadResult) -> bool:
    """Whether a file that nobody named is a plan that lies beside profiles."""
    data = reading.document.data if reading.document is not None else None
    return isinstance(data, dict) and "plan" in data and "profile" not in data
