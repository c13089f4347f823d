"""The entry point: parse, run the command, and turn every way a call can end into an exit code, never a traceback.

Nothing but the standard library is imported before a command is known.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from simdsl.cli.command_line import Command
    from simdsl.cli.exits import Stop
    from simdsl.cli.options import Request
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
    # Drivers may return text that no encoding can represent; it is shown as escapes rather than not at all.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # Everything made while modules are imported stays alive: collecting would take a tenth of the start and free nothing.
    was_enabled = gc.isenabled()
    gc.disable()
    # The imports of this module are where they are used: --version must not pay for a parser, nor a run for error texts.
    from simdsl.cli.exits import Stop

    try:
        _answer(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Stop as stop:
        return _stopped(stop, arguments)
    except Exception as error:
        from simdsl.cli.output import DEBUG_VARIABLE, internal

        if os.environ.get(DEBUG_VARIABLE):
            import traceback

            sys.stderr.write(_secrets(arguments).hide(traceback.format_exc()))
        return _stopped(internal(error), arguments)
    finally:
        if was_enabled:
            gc.enable()
    return 0


def _answer(arguments: Sequence[str]) -> None:
    """Do what the command line says. Raises ``Stop``, and ``SystemExit`` with a code if there is no request to carry out."""
    from simdsl.cli.command_line import HELP_NAMES, find_command, is_completion, parse, with_current_names

    if not is_completion() and (not arguments or arguments[0] in (*HELP_NAMES, "--version")):
        from simdsl.cli import command_line

        is_version = bool(arguments) and arguments[0] == "--version"
        _write(f"{command_line.version_line()}\n" if is_version else command_line.root_help())
        raise SystemExit(0 if arguments else 2)
    parsed = parse(arguments)
    if parsed is not None:
        _carry_out(*parsed)
        return
    from simdsl.cli import typer_app

    command, rest = find_command(arguments)
    if command is not None:
        arguments = [*arguments[: len(arguments) - len(rest)], *with_current_names(command, rest)]
    typer_app.run(arguments, _carry_out, None if is_completion() else command)


def _carry_out(command: Command, request: Request) -> None:
    """Run a command, and end with its exit code. Raises ``Stop``."""
    from simdsl.cli.exits import Exit, Stop
    from simdsl.cli.options import load

    work = load(command.work)
    gc.enable()
    try:
        code = work(request)
        sys.stdout.flush()
    except BrokenPipeError:
        raise Stop(Exit.BROKEN_PIPE) from None
    except EOFError as error:  # typer takes it for the end of a dialogue, and would exit with 1 in silence
        raise RuntimeError(f"an unexpected end of input: {error}") from error
    if code:
        raise Stop(code)


def _write(text: str) -> None:
    from simdsl.cli.exits import Exit, Stop

    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise Stop(Exit.BROKEN_PIPE) from None


def _stopped(stop: Stop, arguments: Sequence[str]) -> int:
    from simdsl.cli.exits import Exit

    if stop.code is Exit.BROKEN_PIPE:
        _silence(sys.stdout)
    elif stop.diagnostics:
        from simdsl.cli.output import print_diagnostics

        print_diagnostics(stop.diagnostics, sys.stderr, secrets=_secrets(arguments))
    return int(stop.code)


def _secrets(arguments: Sequence[str]) -> Secrets:
    """Every secret on this command line and in the environment that an error message may repeat."""
    from simdsl.report.secrets import secrets_given

    return secrets_given(arguments=arguments)


def _silence(stream: TextIO) -> None:
    """Point a stream whose reader is gone at the null device, so that the flush at the end of the process is silent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
