"""The registry of diagnostic codes. Each has a page under simdsl/plan/pages/ and an example there that triggers it.

The letter is the family: F files, Y YAML, J JSON, S structure (keys and types), G grammar of a string, N names,
R rules of the language, B backends, U usage of the command line, D running twice and on two, P profiles,
K bugs that are kept, X simdsl itself, W warnings.
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
    F007 = "a file that the formatter leaves alone"
    F008 = "more than a million keys and values"

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
    S001 = "a plan is a mapping"
    S002 = "unknown key"
    S003 = "a required key is missing"
    S004 = "a step is text"
    S005 = "text is wanted here"
    S006 = "a list is wanted here"
    S007 = "a mapping is wanted here"
    S008 = "an integer is wanted here"
    S009 = "a step has exactly one key of its own"
    S010 = "keys that do not go together"
    S011 = "a step that cannot stand here"
    S012 = "an option that this step does not have"
    S013 = "not a value of a param"
    S014 = "unknown version of the language"
    S016 = "unknown word"
    S017 = "the same word twice"
    S018 = "nothing that a value can be drawn from"

    # G: grammar
    G101 = "a quote or a comment that does not end"
    G102 = "brackets that do not match"
    G103 = "a comment swallows the arrow"
    G104 = "not a variable"
    G105 = "a driver's placeholder in SQL"
    G106 = "two statements on one line"
    G107 = "no statement"
    G108 = "a character that no statement can hold"
    G201 = "unexpected word in a plan line"
    G202 = "a plan line that ends too early"
    G203 = "not a value"
    G204 = "unknown error class"
    G205 = "not a regular expression"
    G206 = "a comment after the arrow"
    G207 = "not a count"
    G208 = "not a duration"
    G209 = "an expression nested too deeply"

    # N: names
    N001 = "not a name"
    N002 = "a reserved name"
    N003 = "a task whose name is nearly a verb"
    N004 = "the same label twice"
    N005 = "no such label"
    N006 = "a label of another task"
    N007 = "a variable that nothing has bound"
    N008 = "a variable of another task"
    N009 = "a loop variable that shadows another variable"
    N010 = "no such task"
    N011 = "no such pool"
    N012 = "no such property"
    N013 = "a drawn value that shadows another variable"

    # R: rules (the number is that of the rule, with a hundred added for a second code)
    R010 = "a variable where no value can be bound"
    R014 = "rows of unequal width"
    R015 = "an expectation that this statement can never meet"
    R018 = "a binding where several rows may come"
    R118 = "alternatives that bind different names"
    R027 = "an invariant that is not a judged query"
    R030 = "waiting outside of steps"
    R031 = "a task whose statement was not collected"
    R035 = "a schedule that does not match the steps"
    R038 = "a retry of several tasks"
    R041 = "a pool without pools, or one of several"
    R045 = "an override that this step cannot have"
    R145 = "skip and only on one step"
    R047 = "entries of params with different keys"
    R048 = "a loop that runs too often"
    R054 = "a workload without tasks or actions"
    R154 = "values that cannot differ"

    # B: backends
    B001 = "unknown backend"
    B002 = "backend unavailable"

    # U: usage
    U001 = "no path was given"
    U002 = "a pattern that matches no file"
    U003 = "no step at this line"
    U004 = "a selection that cannot be read"
    U005 = "an override that this plan cannot have"
    U006 = "unknown diagnostic code"
    U007 = "a file that exists already"
    U008 = "options that do not go together"
    U009 = "a file that cannot be written"
    U010 = "a backend that cannot serve generated plans"

    # D: running twice, running on two
    D001 = "a volatile statement where runs are compared"

    # P: profiles
    P001 = "a profile is a mapping"
    P002 = "unknown key in a profile"
    P003 = "a profile lacks a required key"
    P004 = "another kind of value is wanted in a profile"
    P005 = "a number out of its bounds in a profile"
    P006 = "unknown word in a profile"
    P007 = "not the form of a name or a duration in a profile"
    P008 = "unknown version of a profile"
    P009 = "no such profile"
    P010 = "profiles that extend each other"
    P011 = "not an override of a profile"
    P012 = "nothing to draw from in a profile"
    P013 = "the same word twice in a profile"
    P014 = "a profile with another name than its file"

    # K: bugs that are kept
    K001 = "no such bug"
    K002 = "corrupt bug entry"
    K003 = "ambiguous bug id"
    K004 = "campaign already running"
    K005 = "journal of another campaign"
    K006 = "cluster unavailable"

    # X: simdsl itself
    X001 = "internal error"

    # W: warnings
    W001 = "a comment ends a line without an expectation"
    W002 = "nothing in this plan is judged"
    W003 = "more problems than are collected"

    @property
    def title(self) -> str:
        """The one-line summary of the code's page."""
        return self.value
