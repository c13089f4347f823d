"""Files that are not what the bug base wrote: strict reading, where every surprise is a diagnostic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic

Object: TypeAlias = dict[str, Any]
"""A JSON object."""

_T = TypeVar("_T")


class BugbaseError(Exception):
    """The bug base cannot do what was asked for; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{diagnostic.file}: {diagnostic.message}")
        self.diagnostic = diagnostic


def damaged(path: Path, message: str) -> BugbaseError:
    """A file of a bug is missing, or is not what was written there."""
    hint = "take the folder away, or bring the file back"
    return BugbaseError(Diagnostic(code=Code.K002, message=message, file=str(path), help=hint))


def unusable(path: Path, error: OSError) -> BugbaseError:
    """The base cannot be written, or read."""
    message = f"cannot be used: {error.strerror or error}"
    return BugbaseError(Diagnostic(code=Code.U009, message=message, file=str(path)))


def read_object(path: Path, version: int) -> Object:
    """The JSON object in a file of this format. Raises ``BugbaseError``."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or not JSON
        raise damaged(path, "is not JSON") from None
    if not isinstance(data, dict):
        raise damaged(path, "is not a JSON object")
    if data.get("format") != version:
        raise damaged(path, f"has format {data.get('format')!r}, and this version of simdsl reads {version}")
    return data


def item(data: Mapping[str, Any], key: str, kind: type[_T], path: Path) -> _T:
    """A value of an object, which is of this type. Raises ``BugbaseError``."""
    value = data.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise damaged(path, f"`{key}` is missing" if key not in data else f"`{key}` is not of type {kind.__name__}")
    return value


def texts(data: Mapping[str, Any], key: str, path: Path) -> tuple[str, ...]:
    """A list of texts. Raises ``BugbaseError``."""
    values = item(data, key, list, path)
    if not all(isinstance(value, str) for value in values):
        raise damaged(path, f"`{key}` is not a list of texts")
    return tuple(values)
