"""The only owner of randomness. Every random decision is a function of (seed, purpose, place).

There is no generator whose state advances. With one, removing a step would shift every later decision, and a shrunk plan
would fail for another reason or not at all. And the function is a keyed hash rather than ``hash()``, so two processes agree
whatever their PYTHONHASHSEED.
"""

from __future__ import annotations

import os
from _blake2 import blake2b  # that of hashlib, which would load OpenSSL too: 4 ms of a start
from typing import Final

SEED_BITS: Final = 32


def fresh_seed() -> int:
    """An unpredictable seed, for a run that was given none. It is reported before it is used, so the run can be repeated."""
    return int.from_bytes(os.urandom(SEED_BITS // 8), "big")


def fresh_name() -> str:
    """16 hexadecimal digits for a name that must not clash, such as a database's. It is never part of a trace."""
    return os.urandom(8).hex()


def choose_below(below: int, seed: int, purpose: str, *place: int | str) -> int:
    """An integer from 0 up to, but not including, ``below`` (at least 1): the same one for the same arguments."""
    # A separator that no purpose contains, so that ("a", "b") and ("ab",) are different keys.
    key = "\x1f".join((str(seed), purpose, *map(str, place))).encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % below


def shuffled(count: int, seed: int, purpose: str, *place: int | str) -> tuple[int, ...]:
    """A permutation of ``0 .. count-1``."""
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = choose_below(i + 1, seed, purpose, *place, i)
        order[i], order[j] = order[j], order[i]
    return tuple(order)
