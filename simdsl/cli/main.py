"""The entry point: parse, run the command, and turn every way a call can end into an exit code, never a traceback.

What a command needs is imported when that command is known, so that each pays for its own start.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from simdsl.cli.options import Request, load
from simdsl.cli.output import Exit, Stop

if TYPE_CHECKING:
    from simdsl.cli.command_line import Command
    from simdsl.report.context import Secrets


def entry() -> None:
    """The console script."""
    # A run of a small plan makes nothing that has to be collected, and a large one pauses the collector itself.
    gc.set_threshold(100_000, 20, 100)
    # Python has no stream for a descriptor that was closed (`>&-`): what would be printed there goes nowhere.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
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
    # Drivers may return text that no encoding can represent; it is shown as escapes rather than not at all.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a stream that replaces these, such as in a test, may not have it
            stream.reconfigure(errors="backslashreplace")
    # What is made while modules are imported stays alive: collecting would take a tenth of the start and free nothing.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _answer(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Stop as stop:
        return _stopped(stop, arguments)
    except Exception as error:  # the last resort: a user reads one line and a code, and sees a traceback on request
        from simdsl.cli.output import DEBUG_VARIABLE, internal  # start-up: few calls end in an error

        if os.environ.get(DEBUG_VARIABLE):
            import traceback  # only here

            sys.stderr.write(_secrets(arguments).hide(traceback.format_exc()))
        return _stopped(internal(error), arguments)
    finally:
        if was_enabled:
            gc.enable()
    return 0


def _answer(arguments: Sequence[str]) -> None:
    """Do what the command line says. Raises ``Stop``, and ``SystemExit`` with a code if there is no request to carry out."""
    # Declaring all options takes a few milliseconds, which must be within the time without the collector.
    from simdsl.cli import command_line

    is_completion = command_line.is_completion()
    first = arguments[0] if arguments else "--help"
    if not is_completion and first in (*command_line.HELP_NAMES, "--version"):
        _write(command_line.root_help() if first != "--version" else f"{command_line.version_line()}\n")
        # Without arguments nothing was asked for, which is a mistake in a script.
        raise SystemExit(Exit.OK if arguments else Exit.BAD_INPUT)
    parsed = command_line.parse(arguments)
    if parsed is not None:
        _carry_out(*parsed)
        return
    from simdsl.cli import typer_app  # start-up: 45 ms, only for help, mistakes and completion

    command, rest = command_line.find_command(arguments)
    if command is not None:
        # Older spellings are not declared to typer, which would show them in its help.
        arguments = [*arguments[: len(arguments) - len(rest)], *command_line.with_current_names(command, rest)]
    typer_app.run(arguments, _carry_out, None if is_completion else command)


def _carry_out(command: Command, request: Request) -> None:
    """Run a command, and end with its exit code. Raises ``Stop``."""
    work = load(command.work)
    gc.enable()  # from here on there may be large data, which has garbage
    try:
        code = work(request)
        sys.stdout.flush()  # here, where a reader that is gone can still become an exit code
    except BrokenPipeError:
        raise Stop(Exit.BROKEN_PIPE) from None
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        from simdsl.cli.output import usage  # start-up: few calls end in an error
        from simdsl.plan.codes import Code  # as above

        _silence(sys.stdout)
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about="standard output") from error
    except EOFError as error:  # typer takes it for the end of a dialogue, and would exit with 1 in silence
        raise RuntimeError(f"an unexpected end of input: {error}") from error
    if code:
        raise Stop(code)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise Stop(Exit.BROKEN_PIPE) from None


def _stopped(stop: Stop, arguments: Sequence[str]) -> int:
    if stop.code is Exit.BROKEN_PIPE:
        _silence(sys.stdout)
    elif stop.diagnostics:
        from simdsl.cli.output import print_diagnostics  # start-up: few calls end in an error

        # A message may quote the command line or a driver, and both may contain a password.
        print_diagnostics(stop.diagnostics, sys.stderr, secrets=_secrets(arguments))
    return int(stop.code)


def _secrets(arguments: Sequence[str]) -> Secrets:
    """Every secret on this command line and in the environment that an error message may repeat."""
    from simdsl.report.context import secrets_given  # start-up: few calls end in an error

    return secrets_given(arguments=arguments)


def _silence(stream: TextIO) -> None:
    """Point a stream whose reader is gone at the null device, so that the flush at the end of the process is silent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
