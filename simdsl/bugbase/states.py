"""The words for a bug: what somebody decided about it, and how its plan was run."""

from __future__ import annotations

from enum import StrEnum


class BugState(StrEnum):
    """What somebody decided about a bug."""

    OPEN = "open"
    KNOWN = "known"  # it may fail, and somebody said why
    FIXED = "fixed"  # it must not come back


class RunMode(StrEnum):
    """How the plan was run when it failed."""

    ONCE = "run"
    DIFFERENTIAL = "differential"
    DOUBLECHECK = "doublecheck"
