"""The registry of diagnostic codes. Each has a page under simdsl/plan/pages/ and an example there that triggers it.

The letter is the family: F files, Y YAML, J JSON, S structure (keys and types), G grammar of a string, N names,
R rules of the language, B backends, U usage of the command line, D comparisons of runs, P profiles,
K known bugs and campaigns, X simdsl itself, W warnings.
A code never changes its meaning, and its number is never used again.

Their pages, and simdsl's other files (grammar/, schemas/, profiles/, plans/), stand at the top of a checkout; in an
installation they are under simdsl/_data. A page is simdsl/plan/pages/CODE.md, so that it can be read where it is."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final


class Code(Enum):
    """A diagnostic code; the value is its title, one line without a period."""

    # F: files
    F001 = "no such file or directory"
    F002 = "cannot be read"
    F003 = "not UTF-8 text"
    F004 = "larger than 16 MB"
    F005 = "a directory in place of a file"
    F006 = "the YAML parser is not installed"
    F007 = "file left unformatted"
    F008 = "more than a million keys and values"

    # Y: ambiguous YAML
    Y001 = "not YAML"
    Y002 = "more than one document"
    Y003 = "a YAML directive"
    Y004 = "a YAML anchor"
    Y005 = "a YAML alias"
    Y006 = "a YAML tag"
    Y007 = "a YAML merge key"
    Y008 = "a key that is not text"
    Y009 = "duplicate key"
    Y010 = "a comment cuts a line"
    Y011 = "a step that YAML reads as a mapping or a list"
    Y012 = "plain SQL inside brackets"
    Y013 = "SQL whose lines YAML joins"
    Y014 = "a tab in the indentation"
    Y015 = "an invisible character"
    Y016 = "nested too deeply"

    # J: JSON
    J001 = "not JSON"
    J002 = "duplicate key in JSON"
    J003 = "not a JSON number"
    J004 = "a number beyond 64 bits"
    J005 = "an unpaired surrogate"
    J006 = "JSON nested too deeply"

    # S: structure
    S001 = "a plan is a mapping"
    S002 = "unknown key"
    S003 = "a required key is missing"
    S004 = "a step must be text"
    S005 = "text expected"
    S006 = "list expected"
    S007 = "mapping expected"
    S008 = "integer expected"
    S009 = "a step needs exactly one task or verb"
    S010 = "conflicting keys"
    S011 = "misplaced step"
    S012 = "option not allowed on this step"
    S013 = "not a param value"
    S014 = "unknown language version"
    S016 = "unknown word"
    S017 = "duplicate word"
    S018 = "empty value domain"

    # G: grammar
    G101 = "unterminated quote or comment"
    G102 = "unbalanced brackets"
    G103 = "a comment swallows the arrow"
    G104 = "not a variable"
    G105 = "a driver placeholder in SQL"
    G106 = "two statements on one line"
    G107 = "no statement"
    G108 = "invalid character in SQL"
    G201 = "unexpected word in a plan line"
    G202 = "incomplete plan line"
    G203 = "not a value"
    G204 = "unknown error class"
    G205 = "invalid regular expression"
    G206 = "a comment after the arrow"
    G207 = "not a count"
    G208 = "not a duration"
    G209 = "expression nested too deeply"

    # N: names
    N001 = "invalid name"
    N002 = "reserved name"
    N003 = "a task named almost like a verb"
    N004 = "duplicate label"
    N005 = "no such label"
    N006 = "a label of another task"
    N007 = "unbound variable"
    N008 = "a variable of another task"
    N009 = "a loop variable that shadows another variable"
    N010 = "no such task"
    N011 = "no such pool"
    N012 = "no such property"
    N013 = "a drawn value that shadows another variable"

    # R: rules (the number is that of the rule, with a hundred added for a second code)
    R010 = "a variable where no value can be bound"
    R014 = "rows of unequal width"
    R015 = "an expectation that can never be met"
    R018 = "a binding where several rows may match"
    R118 = "alternatives that bind different names"
    R027 = "an invariant that is not a query with an expectation"
    R030 = "blocking outside of steps"
    R031 = "a blocked task must be awaited first"
    R035 = "a schedule that does not fit the steps"
    R038 = "a retry over several tasks"
    R041 = "a pool that is not declared, or not named"
    R045 = "override not allowed on this step"
    R145 = "skip and only on one step"
    R047 = "params entries with different keys"
    R048 = "too many iterations"
    R054 = "a workload without tasks or actions"
    R154 = "distinct values from too small a domain"

    # B: backends
    B001 = "unknown backend"
    B002 = "backend unavailable"

    # U: usage
    U001 = "no path given"
    U002 = "pattern matches no file"
    U003 = "no step at this line"
    U004 = "invalid selection"
    U005 = "override not possible in this plan"
    U006 = "unknown diagnostic code"
    U007 = "file exists already"
    U008 = "conflicting options"
    U009 = "file cannot be written"
    U010 = "backend cannot run generated plans"

    # D: comparisons of runs
    D001 = "nondeterministic statement in a comparison of runs"

    # P: profiles
    P001 = "a profile is a mapping"
    P002 = "unknown key in a profile"
    P003 = "missing key in a profile"
    P004 = "wrong type in a profile"
    P005 = "number out of bounds in a profile"
    P006 = "unknown word in a profile"
    P007 = "invalid name or duration in a profile"
    P008 = "unknown version of a profile"
    P009 = "no such profile"
    P010 = "profiles that extend each other in a cycle"
    P011 = "invalid profile override"
    P012 = "no choice left in a profile"
    P013 = "duplicate word in a profile"
    P014 = "profile name differs from its file name"

    # K: known bugs and campaigns
    K001 = "no such bug"
    K002 = "corrupt bug entry"
    K003 = "ambiguous bug id"
    K004 = "campaign already running"
    K005 = "journal of another campaign"
    K006 = "cluster unavailable"

    # X: simdsl itself
    X001 = "internal error"

    # W: warnings
    W001 = "a comment after a line without an expectation"
    W002 = "no assertions in this plan"
    W003 = "more problems than are collected"

    @property
    def title(self) -> str:
        """The one-line summary of the code's page."""
        return self.value


_PACKAGE: Final = Path(__file__).resolve().parent.parent


def path(name: str) -> Path:
    """The place of a resource such as ``schemas/plan.schema.json``. Raises ``FileNotFoundError`` if neither has it."""
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        candidate = root / name
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"simdsl's own file {name} is missing: the installation is incomplete")


_PAGES: Final = Path(__file__).resolve().parent / "pages"


def page(code: Code) -> str:
    """The text of a page. Its first line is ``# CODE: title``."""
    return (_PAGES / f"{code.name}.md").read_text(encoding="utf-8")
