"""Writing: diagnostics on the standard streams, plans and other results to files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import BinaryIO, TextIO

from simdsl.cli.errors import usage
from simdsl.cli.exits import Stop
from simdsl.language.dump import dump, dump_json
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.report.diagnostics import DiagnosticFormat, render_diagnostics
from simdsl.report.screen import screen_of
from simdsl.report.secrets import NO_SECRETS, Secrets


def print_diagnostics(
    diagnostics: Sequence[Diagnostic],
    out: TextIO,
    form: DiagnosticFormat = DiagnosticFormat.TEXT,
    *,
    secrets: Secrets = NO_SECRETS,
) -> None:
    """All of them, in this format; as text, with blank lines between."""
    text = secrets.hide(render_diagnostics(diagnostics, form, screen_of(out)))
    if text:
        out.write(text + "\n")
    out.flush()


def write_plan(plan: Plan, path: str | None) -> None:
    """Write a plan to a file, as JSON if its name ends in ``.json``; None is standard output. Raises ``Stop``."""
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
