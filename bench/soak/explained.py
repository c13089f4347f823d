"""What alarms were, once somebody has looked: data, matched by fingerprint, backend and a piece of the message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.soak.parts import Part
from bench.soak.records import Alarm

FILE: Final = Path(__file__).resolve().parent / "explained.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``what`` is one sentence; ``plan`` is the minimal plan of an engine's bug, a path from the top of the checkout."""

    fingerprint: str
    backend: str  # its URL, as parts have it
    contains: str  # a piece of the message; empty means any
    what: str
    plan: str | None = None
    subject: str | None = None  # the property or profile, if it is one only


def load(path: Path = FILE) -> tuple[Explanation, ...]:
    """All of them, in the order of the file."""
    return tuple(Explanation(**one) for one in json.loads(path.read_text(encoding="utf-8")))


def explanation(alarm: Alarm, part: Part, subject: str, known: Sequence[Explanation]) -> Explanation | None:
    """What this alarm of a part and a subject was, or None: nobody has looked."""
    return next(
        (
            one
            for one in known
            if one.fingerprint == alarm.fingerprint
            and one.backend in part.backends
            and one.contains in alarm.message
            and one.subject in (None, subject)
        ),
        None,
    )
