"""Writing on the standard streams, and the guard that every command runs under."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import ParamSpec, TextIO

from simdsl.cli.failing import Stop
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.diagnostics import Format, render
from simdsl.report.screen import screen_of
from simdsl.report.tally import Exit

P = ParamSpec("P")


def guarded(command: Callable[P, Exit | None]) -> Callable[P, None]:
    """A command whose result becomes the exit code, and whose output may lose its reader."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            raise Stop(Exit.UNREAD) from None
        if code:
            raise Stop(code)

    return run


def print_diagnostics(diagnostics: Sequence[Diagnostic], out: TextIO, form: Format = Format.TEXT) -> None:
    """All of them, in this format; as text, with blank lines between."""
    text = render(diagnostics, form, screen_of(out))
    if text:
        out.write(text + "\n")
    out.flush()
