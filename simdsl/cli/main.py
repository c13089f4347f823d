"""The entry point: every way in which a call can end becomes an exit code here, and never a traceback.

The codes are those of ``cli.exits.Exit``. Nothing but the standard library is imported before a command is known.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from simdsl.cli.exits import Stop
    from simdsl.report.secrets import Secrets


def entry() -> None:
    """The console script."""
    # A run of a small plan makes nothing that has to be collected, and a large one pauses the collector itself.
    gc.set_threshold(100_000, 20, 100)
    code = call(sys.argv[1:])
    # On its way out Python looks for garbage in all that is left, several times: 30 ms of 190 for a small plan.
    gc.freeze()
    sys.exit(code)


def call(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        return _call(arguments)
    except KeyboardInterrupt:
        return 130


def _call(arguments: Sequence[str]) -> int:
    # Drivers may give text that no encoding can carry; it is shown as escapes rather than not at all.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # What is made while starting stays, so looking for garbage in it is a fifth of the time and finds nothing.
    gc.disable()
    from simdsl.cli.app import command
    from simdsl.cli.exits import Stop

    main = command().main
    gc.enable()
    try:
        main(args=list(arguments), prog_name="simdsl")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Stop as stop:
        return _stopped(stop, arguments)
    except Exception as error:
        from simdsl.cli.errors import DEBUG_VARIABLE, internal

        if os.environ.get(DEBUG_VARIABLE):
            import traceback

            sys.stderr.write(_secrets(arguments).hide(traceback.format_exc()))
        return _stopped(internal(error), arguments)
    return 0


def _stopped(stop: Stop, arguments: Sequence[str]) -> int:
    from simdsl.cli.exits import Exit

    if stop.code is Exit.BROKEN_PIPE:
        _silence(sys.stdout)
    elif stop.diagnostics:
        from simdsl.cli.output import print_diagnostics

        print_diagnostics(stop.diagnostics, sys.stderr, secrets=_secrets(arguments))
    return int(stop.code)


def _secrets(arguments: Sequence[str]) -> Secrets:
    """Whatever an error may repeat of the secrets that this call was given."""
    from simdsl.report.secrets import secrets_given

    return secrets_given(arguments=arguments)


def _silence(stream: TextIO) -> None:
    """Give a stream whose reader has gone somewhere to flush to, so that the end of the process is silent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
