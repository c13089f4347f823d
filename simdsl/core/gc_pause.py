"""Python's cyclic garbage collector, out of the way of work that only builds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Final

LARGE: Final = 10_000  # objects, from which on it pays to keep the collector away from them


_MANY: Final = 50


@contextmanager
def gc_paused() -> Iterator[None]:
    """Without the collector: plans and traces are large and have no cycles, and looking for some is quadratic work.

    If much was built, it counts as old afterwards, or the very next collection of the young would walk through all of it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if gc.get_count()[0] > LARGE and not gc.get_freeze_count():
                _promote_to_oldest()
            gc.enable()


def _promote_to_oldest() -> None:
    """Move everything to the old without a look at it; the few cycles among it are found every now and then."""
    gc.freeze()
    gc.unfreeze()
    if not next(_TURNS):
        gc.collect()


_TURNS: Final = cycle(reversed(range(_MANY)))
