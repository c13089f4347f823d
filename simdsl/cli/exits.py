"""The exit codes, and how a command ends with one. Every command imports this, so it imports nothing that takes time."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from simdsl.plan.diagnostics import Diagnostic

P = ParamSpec("P")


class Exit(IntEnum):
    """The exit codes of every command."""

    HELD = 0  # everything that was asked for held, or was done
    FAILURE = 1  # a plan failed, or `fmt --check` found a file that is not in form
    BAD_INPUT = 2  # a bad plan, or bad usage of the command line
    UNAVAILABLE = 3  # an unknown backend, or one that cannot be reached
    INTERNAL = 4  # simdsl itself is wrong
    NOTHING = 5  # nothing was selected, nothing was judged in the whole call, or less than a floor
    INTERRUPTED = 130  # Ctrl-C
    BROKEN_PIPE = 141  # whoever read the output has gone
    TERMINATED = 143  # a request to terminate


class Stop(Exception):
    """End the call with this exit code, after printing these diagnostics on standard error."""

    def __init__(self, code: Exit, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.code = code
        self.diagnostics = diagnostics


def guarded(command: Callable[P, Exit | None]) -> Callable[P, None]:
    """A command whose result becomes the exit code, and whose output may lose its reader."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            raise Stop(Exit.BROKEN_PIPE) from None
        except EOFError as error:  # the parser of the command line takes it for somebody who ends a dialogue
            raise RuntimeError(f"an unexpected end of input: {error}") from error
        if code:
            raise Stop(code)

    return run
