"""How a command ends: the exceptions that carry an exit code, and what is said about them."""

from __future__ import annotations

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.tally import Exit

DEBUG_VARIABLE = "SIMDSL_DEBUG"


class Stop(Exception):
    """End the call with this exit code, after printing these diagnostics on standard error."""

    def __init__(self, code: Exit, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.code = code
        self.diagnostics = diagnostics


def usage(code: Code, message: str, *, about: str = "simdsl", help: str | None = None) -> Stop:  # noqa: A002
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
