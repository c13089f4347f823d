"""The registry of diagnostic codes. Each has a page under simdsl/plan/pages/ and an example there that triggers it.

The letter is the family: F files, Y YAML, J JSON, S structure (keys and types), G grammar of a string, N names,
R rules of the language, B backends, U usage of the command line, X simdsl itself, W warnings.
A code never changes its meaning and is never used again.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A diagnostic code; the value is its title, one line without a period."""

    # F: files
    F001 = "no such file or directory"
    F002 = "cannot be read"
    F003 = "not UTF-8 text"
    F004 = "larger than 16 MB"

    # Y: YAML that lies

    # J: JSON

    # S: structure

    # G: grammar

    # N: names

    # R: rules

    # B: backends
    B001 = "unknown backend"
    B002 = "backend unavailable"

    # U: usage

    # X: simdsl itself
    X001 = "internal error"

    # W: warnings

    @property
    def title(self) -> str:
        """The one-line summary of the code's page."""
        return self.value
