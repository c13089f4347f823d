"""The formats of diagnostics, by the names that the command line has for them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The formats of ``--output-format``."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
