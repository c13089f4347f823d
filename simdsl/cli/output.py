"""How a command ends and what it writes: exit codes, the errors behind them, diagnostics, plans, counts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic

# Start-up: `--help` and `--version` end by an exit code of this module, and 45 of their 70 ms went into these imports.
if TYPE_CHECKING:
    from simdsl.backends.protocol import BackendUnavailable
    from simdsl.core.verdicts import AllPlansEnded
    from simdsl.plan.plan import Plan
    from simdsl.report.context import Secrets
    from simdsl.report.diagnostics import DiagnosticFormat


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


def print_diagnostics(
    diagnostics: Sequence[Diagnostic],
    out: TextIO,
    form: DiagnosticFormat | None = None,
    *,
    secrets: Secrets | None = None,
) -> None:
    """All of them, in this format, by default as text with blank lines between; without these secrets."""
    # Start-up, as above.
    from simdsl.report.diagnostics import DiagnosticFormat, render_diagnostics
    from simdsl.report.screen import screen_of

    text = render_diagnostics(diagnostics, DiagnosticFormat.TEXT if form is None else form, screen_of(out))
    if secrets is not None:
        text = secrets.hide(text)
    if text:
        out.write(text + "\n")
    out.flush()  # diagnostics and results go to different streams, which would mix in another order


def write_plan(plan: Plan, path: str | None) -> None:
    """Write a plan to a file, as JSON if its name ends in ``.json``; None is standard output. Raises ``Stop``."""
    from simdsl.language.dump import dump, dump_json  # start-up: most calls write no plan

    text = dump_json(plan) if path is not None and path.endswith(".json") else dump(plan)
    if path is None:
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise unwritable(path, error) from None


def open_for_writing(path: str) -> BinaryIO:
    """The file, emptied. Raises ``Stop``."""
    try:
        return open(path, "wb")
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: str, error: OSError) -> Stop:
    """A file cannot be written (U009)."""
    return usage(Code.U009, f"cannot be written: {error.strerror}", about=path)


def counted(number: int, noun: str) -> str:
    """``1 plan``, ``2 plans``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


DEBUG_VARIABLE: Final = "SIMDSL_DEBUG"


def usage(code: Code, message: str, *, about: str = "simdsl", help: str | None = None) -> Stop:  # noqa: A002 - the diagnostic's word
    """Invalid usage of the command line: exit code 2."""
    return Stop(Exit.BAD_INPUT, Diagnostic(code=code, message=message, file=about, help=help))


def unavailable(error: BackendUnavailable, secrets: Secrets, url: str) -> Stop:
    """There is no such backend (B001), or it does not answer (B002): exit code 3."""
    # Start-up, as above.
    from simdsl.backends.protocol import UnknownBackend
    from simdsl.backends.registry import mask

    code = Code.B001 if isinstance(error, UnknownBackend) else Code.B002
    return Stop(Exit.UNAVAILABLE, Diagnostic(code=code, message=secrets.hide(str(error)), file=mask(url)))


def internal(error: BaseException) -> Stop:
    """A bug in simdsl itself: exit code 4, and a request to report it."""
    said = " ".join(str(error).split())  # on one line: messages of libraries may have several
    message = f"simdsl itself failed: {type(error).__name__}{': ' + said if said else ''}"
    return Stop(
        Exit.INTERNAL,
        Diagnostic(
            code=Code.X001,
            message=f"{message} (please report it with the plan and the command; {DEBUG_VARIABLE}=1 shows the traceback)",
            file="simdsl",
        ),
    )


def run_exit(ended: AllPlansEnded) -> Exit:
    """The exit code of `simdsl run`: a failure outweighs plans that were skipped or checked nothing."""
    if ended.interrupted:
        return Exit.INTERRUPTED
    if ended.failed:
        return Exit.FAILURE
    # A generator whose plans checked nothing makes the call worthless, even if other generators did well.
    if ended.health is not None and (ended.health.below or not any(one.assertions for one in ended.health.of)):
        return Exit.NOTHING_CHECKED
    return Exit.OK if ended.assertions else Exit.NOTHING_CHECKED
