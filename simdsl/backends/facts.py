"""Where a backend does otherwise than most: data for the reference, and for the conformance suite that checks it."""

from __future__ import annotations

from simdsl.plan.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """``rule`` is a test of the conformance suite, without its ``test_``; the backend's own suite tests ``does`` instead."""

    rule: str
    does: str  # what this backend does, as a sentence
    why: str  # and the reason, with a link where the engine's manual gives it
