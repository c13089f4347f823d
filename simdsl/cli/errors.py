"""What is said when a call cannot be done, and the exit code for it."""

from __future__ import annotations

from typing import Final

from simdsl.cli.exits import Exit, Stop
from simdsl.core.verdicts import AllPlansEnded
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic

DEBUG_VARIABLE: Final = "SIMDSL_DEBUG"


def usage(code: Code, message: str, *, about: str = "simdsl", help: str | None = None) -> Stop:  # noqa: A002 - the diagnostic's word
    """A mistake on the command line: exit code 2."""
    return Stop(Exit.BAD_INPUT, Diagnostic(code=code, message=message, file=about, help=help))


def unavailable(message: str, *, about: str) -> Stop:
    """No such backend (B001), or one that does not answer (B002): exit code 3."""
    unknown = message.startswith(("there is no backend", "this version of simdsl has no backend"))
    code = Code.B001 if unknown else Code.B002
    return Stop(Exit.UNAVAILABLE, Diagnostic(code=code, message=message, file=about))


def internal(error: BaseException) -> Stop:
    """simdsl itself is wrong: exit code 4, and one line that says where to tell."""
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
    """The exit code of a call of `simdsl run`: a failure outweighs what was skipped, not judged, or judged too seldom."""
    if ended.interrupted:
        return Exit.INTERRUPTED
    if ended.failed:
        return Exit.FAILURE
    if ended.health is not None and (ended.health.below or not any(one.assertions for one in ended.health.of)):
        return Exit.NOTHING
    return Exit.HELD if ended.assertions else Exit.NOTHING
