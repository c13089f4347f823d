"""A directory of its own, in which profiles can be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simdsl.plan.values import Json
from simdsl.profiles.profile import Key, Profile, to_keys


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, the working one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Callable[[str, str], str]:
    """Write a file there; its name again."""

    def writing(name: str, text: str) -> str:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    return writing


def values_of(profile: Profile) -> dict[Key, Json]:
    """Every knob of a profile that has a value."""
    return to_keys(profile)
