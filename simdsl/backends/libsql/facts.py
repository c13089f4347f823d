"""Where libSQL does otherwise than the conformance suite expects."""

from __future__ import annotations

from typing import Final

from simdsl.backends.facts import Deviation

DIFFERENCES: Final[tuple[Deviation, ...]] = ()
