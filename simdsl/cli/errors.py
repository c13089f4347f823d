"""The errors that end a call, each with its diagnostic, and the exit code that the results of a run come to."""

from __future__ import annotations

from typing import Final

from simdsl.backends.protocol import BackendUnavailable, UnknownBackend
from simdsl.backends.urls import mask
from simdsl.cli.exits import Exit, Stop
from simdsl.core.verdicts import AllPlansEnded
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.secrets import Secrets

DEBUG_VARIABLE: Final = "SIMDSL_DEBUG"


def usage(code: Code, message: str, *, about: str = "simdsl", help: str | None = None) -> Stop:  # noqa: A002 - the diagnostic's word
    """Invalid usage of the command line: exit code 2."""
    return Stop(Exit.BAD_INPUT, Diagnostic(code=code, message=message, file=about, help=help))


def unavailable(error: BackendUnavailable, secrets: Secrets, url: str) -> Stop:
    """There is no such backend (B001), or it does not answer (B002): exit code 3."""
    code = Code.B001 if isinstance(error, UnknownBackend) else Code.B002
    return Stop(Exit.UNAVAILABLE, Diagnostic(code=code, message=secrets.hide(str(error)), file=mask(url)))


def internal(error: BaseException) -> Stop:
    """A bug in simdsl itself: exit code 4, and a request to report it."""
    said = " ".join(str(error).split())
    message = f"simdsl itself failed: {type(error).__name__}{': ' + said if said else ''}"
    return Stop(
        Exit.INTERNAL,
        Diagnostic(
            code=Code.X001,
            message=f"{message} (please report it with the plan and the command; {DEBUG_VARIABLE}=1 shows the traceback)",
            file="simdsl",
        ),
    )


def exit_of(ended: AllPlansEnded) -> Exit:
    """The exit code of `simdsl run`: a failure outweighs plans that were skipped or checked nothing."""
    if ended.interrupted:
        return Exit.INTERRUPTED
    if ended.failed:
        return Exit.FAILURE
    if ended.health is not None and (ended.health.below or not any(one.assertions for one in ended.health.of)):
        return Exit.NOTHING_CHECKED
    return Exit.OK if ended.assertions else Exit.NOTHING_CHECKED
