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
    F005 = "a directory where a file is wanted"
    F006 = "the YAML parser is not installed"

    # Y: YAML that lies
    Y001 = "not YAML"
    Y002 = "more than one document"
    Y003 = "a directive"
    Y004 = "an anchor"
    Y005 = "an alias"
    Y006 = "a tag"
    Y007 = "a merge key"
    Y008 = "a key that is not a word"
    Y009 = "the same key twice"
    Y010 = "a comment cuts a line"
    Y011 = "a step that YAML reads as a mapping or a list"
    Y012 = "plain SQL inside brackets"
    Y013 = "SQL whose lines YAML joins"
    Y014 = "a tab in the indentation"
    Y015 = "a character that cannot be seen"
    Y016 = "nested too deeply"

    # J: JSON
    J001 = "not JSON"
    J002 = "the same key twice in JSON"
    J003 = "not a number of JSON"
    J004 = "a number beyond 64 bits"
    J005 = "half a character"
    J006 = "JSON nested too deeply"

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
    W001 = "a comment ends a line without an expectation"

    @property
    def title(self) -> str:
        """The one-line summary of the code's page."""
        return self.value
