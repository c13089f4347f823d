"""The only owner of chance. Every random decision is a function of (seed, purpose, place).

No stream is drawn from, so removing a step moves no other decision, and two processes agree whatever their hash seed.
"""

from __future__ import annotations

import os
from _blake2 import blake2b  # that of hashlib, which would load OpenSSL too: 4 ms of a start
from typing import Final

SEED_BITS: Final = 32


def fresh_seed() -> int:
    """A seed that nobody knew before: for a run that was given none. It is printed before it is used."""
    return int.from_bytes(os.urandom(SEED_BITS // 8), "big")


def fresh_name() -> str:
    """16 hexadecimal digits that name a thing nobody else has named. No trace ever holds it."""
    return os.urandom(8).hex()


def choose_below(below: int, seed: int, purpose: str, *place: int | str) -> int:
    """An integer from 0 up to, not including, ``below`` (at least 1): always the same one for the same arguments."""
    key = "\x1f".join((str(seed), purpose, *map(str, place))).encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % below


def shuffled(count: int, seed: int, purpose: str, *place: int | str) -> tuple[int, ...]:
    """A permutation of ``0 .. count-1``."""
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = choose_below(i + 1, seed, purpose, *place, i)
        order[i], order[j] = order[j], order[i]
    return tuple(order)
