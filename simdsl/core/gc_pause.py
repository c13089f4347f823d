"""A pause of Python's cyclic garbage collector around work that only builds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Final

LARGE: Final = 10_000
"""From this number of new objects on, it pays to keep the collector from walking over them."""

_PAUSES_PER_COLLECTION: Final = 50


@contextmanager
def gc_paused() -> Iterator[None]:
    """Run without the collector. Plans and traces are large and have no cycles, and looking for some is quadratic work.

    After a block that built much, the new objects are moved to the oldest generation. Left in the youngest, they would be
    walked over by the very next collection, and the pause would have saved nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # A freeze by the user of this library is not ours to undo.
            if gc.get_count()[0] > LARGE and not gc.get_freeze_count():
                _promote_to_oldest()
            gc.enable()


def _promote_to_oldest() -> None:
    """Move all objects to the oldest generation without looking at them; every now and then, look for cycles among them."""
    gc.freeze()
    gc.unfreeze()
    if not next(_TURNS):
        gc.collect()


_TURNS: Final = cycle(reversed(range(_PAUSES_PER_COLLECTION)))
