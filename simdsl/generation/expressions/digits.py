"""One decision with many parts: a large number, of which each part takes a digit."""

from __future__ import annotations

from typing import Final

from simdsl.core.choices import draw

_SIZE: Final = 2**64


class Digits:
    """What ``choices.draw`` decided at a place, 64 bits of it. Parts are taken in the order of the code that asks.

    Where the bits are used up, every further digit is 0. Hashing once a place is what makes generation fast.
    """

    __slots__ = ("_rest",)

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._rest = draw(_SIZE, seed, purpose, *place)

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``."""
        self._rest, digit = divmod(self._rest, limit)
        return digit
