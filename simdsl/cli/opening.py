"""Opening plan files: what each holds, and everything that is wrong with it."""

from __future__ import annotations

import sys

from simdsl.cli.paths import STDIN, Found, Target
from simdsl.language.document import Document
from simdsl.language.load import check
from simdsl.language.read import MAX_BYTES, Reading, read_bytes, read_file
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.ir import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file that was read. ``plan`` is None if it is wrong; ``diagnostics`` are in the order of its text."""

    target: Target
    document: Document | None
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]


def open_all(found: Found, stdin_filename: str | None = None) -> list[Opened]:
    """Every file, read and loaded. ``stdin_filename`` is what standard input is called."""
    return [_open(target, stdin_filename) for target in found.targets]


def read(target: Target, stdin_filename: str | None = None) -> Reading:
    """A file, or standard input if it is called ``-``."""
    if target.file == STDIN:
        return read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), stdin_filename or "<stdin>")
    return read_file(target.file)


def _open(target: Target, stdin_filename: str | None) -> Opened:
    checked = check(read(target, stdin_filename))
    return Opened(target=target, document=checked.document, plan=checked.plan, diagnostics=checked.diagnostics)
