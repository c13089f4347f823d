"""The profiles that come with simdsl."""

from __future__ import annotations

from pathlib import Path

import pytest

from simdsl.plan import codes
from simdsl.profiles.load import DEFAULT, check_profile, load_profile
from simdsl.profiles.profile import Profile
from simdsl.syntax.files import read_file
from tests.profiles.conftest import values_of

NAMES = ("concurrent", "ddl-heavy", "faulty", "quick", "read-heavy", "stress", "write-heavy")
PATHS = sorted(codes.path("profiles").glob("*.yaml"))


def test_there_are_these() -> None:
    assert tuple(path.stem for path in PATHS) == NAMES


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_bundled_profile_is_valid_and_says_what_it_is_for(path: Path, here: Path) -> None:
    checked = check_profile(path.stem)
    assert checked.diagnostics == ()
    assert checked.merged is not None
    assert checked.merged.profile.name == path.stem
    assert checked.merged.profile.doc


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_bundled_profile_differs_from_its_base_in_all_that_it_says(path: Path, here: Path) -> None:
    document = read_file(str(path)).document
    assert document is not None
    assert isinstance(document.data, dict)
    base = document.data.get("extends")
    below = values_of(load_profile(base) if isinstance(base, str) else Profile(name="defaults"))
    checked = check_profile(path.stem)
    assert checked.merged is not None
    said = [key for key, origin in checked.merged.origins.items() if origin == f"bundled {path.name}"]
    knobs = [key for key in said if key not in (("profile",), ("doc",))]
    assert knobs
    assert [key for key in knobs if checked.merged.values[key] == below.get(key)] == []


def test_no_two_are_alike(here: Path) -> None:
    profiles = [values_of(load_profile(name)) for name in NAMES]
    for values in profiles:
        values.pop(("doc",))
    assert all(one != other for index, one in enumerate(profiles) for other in profiles[:index])


def test_what_nobody_says_is_the_default(here: Path) -> None:
    checked = check_profile("quick")
    assert checked.merged is not None
    defaults = values_of(Profile(name="quick"))
    left = [key for key, origin in checked.merged.origins.items() if origin == DEFAULT]
    assert left
    assert all(checked.merged.values[key] == defaults[key] for key in left)


def test_the_readme_lists_all() -> None:
    text = codes.path("profiles/README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in text] == []
