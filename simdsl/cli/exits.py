"""The exit codes, and the exception by which a command ends with one."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simdsl.plan.diagnostics import Diagnostic


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0  # every check passed, or the work is done
    FAILURE = 1  # a plan failed, or `fmt --check` found a file that is not formatted
    BAD_INPUT = 2  # an invalid plan, or invalid usage of the command line
    UNAVAILABLE = 3  # an unknown backend, or one that cannot be reached
    INTERNAL = 4  # a bug in simdsl itself
    NOTHING_CHECKED = 5  # no plans were selected, no assertions were evaluated, or fewer than the required minimum
    # 128 and the number of the signal, as shells report processes that a signal has ended.
    INTERRUPTED = 130  # interrupted by Ctrl-C
    BROKEN_PIPE = 141  # the reader of the output is gone
    TERMINATED = 143  # terminated by a signal


EXIT_CODES: Final = (
    "Exit codes: 0 passed, 1 failure found, 2 bad plan or usage, 3 backend unavailable, 4 internal error, "
    "5 no plans selected or nothing checked, 130 interrupted."
)
"""The exit codes in a sentence, for help."""


class Stop(Exception):
    """End the call with this exit code, after printing these diagnostics on standard error."""

    def __init__(self, code: Exit, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.code = code
        self.diagnostics = diagnostics
