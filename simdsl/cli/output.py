"""Writing diagnostics on the standard streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from simdsl.plan.diagnostics import Diagnostic
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
