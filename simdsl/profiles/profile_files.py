"""Where profiles lie: beside the one that names them, in ``./profiles``, and among those that come with simdsl."""

from __future__ import annotations

import os
from typing import Final

from simdsl.plan import resources
from simdsl.plan.dataclasses import dataclass

FOLDER: Final = "profiles"


SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """A file of a profile. ``label`` is what people are told; ``name`` is what it was found by, None for a path."""

    path: str
    label: str
    name: str | None = None


def is_path(text: str) -> bool:
    """Whether a text names a file rather than a profile."""
    return text.endswith(SUFFIXES) or "/" in text or os.sep in text


def file_at(path: str) -> ProfileFile:
    """A file that was named by its path."""
    return ProfileFile(path=path, label=path)


def files_named(name: str, backend_outputs: str | None = None) -> list[ProfileFile]:
    """The files that a name may mean, the one that counts first. ``beside`` is the file that names it."""
    folders = [FOLDER, _bundled()]
    if backend_outputs is not None:
        folders.insert(0, os.path.dirname(backend_outputs))
    found: dict[str, ProfileFile] = {}
    for folder in folders:
        for suffix in SUFFIXES:
            path = os.path.join(folder, name + suffix)
            if os.path.isfile(path):
                found.setdefault(os.path.realpath(path), _place(path, name))
    return list(found.values())


def available_profiles() -> list[ProfileFile]:
    """Every profile that a name means here, in the order of the names."""
    found: dict[str, ProfileFile] = {}
    for folder in (FOLDER, _bundled()):
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) and os.access(folder, os.R_OK) else ():
            name, suffix = os.path.splitext(file)
            if suffix in SUFFIXES and not file.startswith("."):
                found.setdefault(name, files_named(name)[0])
    return [found[name] for name in sorted(found)]


def is_same_file(one: ProfileFile, other: ProfileFile) -> bool:
    """Whether two places are one file."""
    return os.path.realpath(one.path) == os.path.realpath(other.path)


def _place(path: str, name: str) -> ProfileFile:
    folder, file = os.path.split(path)
    return ProfileFile(path=path, label=f"bundled {file}" if folder == _bundled() else path, name=name)


def _bundled() -> str:
    return str(resources.path(FOLDER))
