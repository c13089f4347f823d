"""Reading plan files: from a path or a text to a `Document`, or to everything that is wrong with it.

Nothing here raises for what it reads: a missing file, a picture and a bomb of brackets all come back as diagnostics.
"""

from __future__ import annotations

from dataclasses import dataclass

from simdsl.language.document import Document
from simdsl.plan.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document, unless nothing could be made of the text, and the reader's errors and warnings in the text's order.

    A document that has errors can still be loaded, so that all mistakes of a file are told at once; but no plan may
    come of it. Leave out what the loader finds at places for which ``document.is_refused(path)`` is true.
    """

    document: Document | None
    problems: tuple[Diagnostic, ...] = ()


def read_file(path: str) -> Reading:
    """What the file holds, or why it cannot be read: missing, a directory, unreadable, too large, not UTF-8."""
    return Reading(document=None)


def read_text(text: str, name: str) -> Reading:
    """What the text holds; ``name`` stands in messages, and makes the text JSON if it ends in ``.json``."""
    return Reading(document=None)
