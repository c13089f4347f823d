"""Random decisions, each a function of the seed, a purpose and a place.

A hash costs half a microsecond, and a generated step takes some 24 decisions. So a sampler cuts several decisions out of one
hash, as digits of a large number in a mixed radix. Two samplers of different places have nothing in common: whatever one
draws, the other's decisions stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from simdsl.core.choices import choose_below

T = TypeVar("T")
_SIZE: Final = 2**64
_BIAS: Final = 16  # bits that stay unused: with 2**16 times more values than choices, no choice is noticeably more likely
_SCALE: Final = 2**16  # the resolution of rates; a coarser one would serve more decisions with one hash
_BORDER: Final = "\x1f"  # as `choices` joins the parts of a place; joined here once, not for every hash


class Sampler:
    """Any number of decisions at one place, each a function of the place and of how many came before it."""

    __slots__ = ("_purpose", "_rest", "_room", "_seed", "_times")

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._seed = seed
        self._purpose = _BORDER.join((purpose, *map(str, place)))
        self._times = 0
        self._rest = 0
        self._room = 0

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``, which is at least 1 and below 2**48."""
        if self._room < limit << _BIAS:
            self._refill()
        # The rest of the number is uniform below ``_room``; a digit is taken off its end, and both shrink by its radix.
        self._room //= limit
        self._rest, digit = divmod(self._rest, limit)
        return digit

    def _refill(self) -> None:
        self._rest = choose_below(_SIZE, self._seed, self._purpose, self._times)
        self._room = _SIZE
        self._times += 1

    def chance(self, rate: float) -> bool:
        """True at this rate, between 0 and 1. Rates of 0 and 1 are never and always."""
        if self._room < _SCALE << _BIAS:
            self._refill()
        self._room //= _SCALE
        self._rest, digit = divmod(self._rest, _SCALE)
        return digit < rate * _SCALE

    def one_of(self, items: Sequence[T]) -> T:
        """One of the items, of which there must be at least one."""
        return items[self.below(len(items))]


class SingleHashSampler:
    """A few decisions at one place, out of the 64 bits of one hash; when they are used up, every further digit is 0.

    Expressions use one for each node. A node needs few decisions, and without a check for the bits that are left each of
    them is four times as fast as one of ``Sampler``.
    """

    __slots__ = ("_rest",)

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._rest = choose_below(_SIZE, seed, purpose, *place)

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``."""
        self._rest, digit = divmod(self._rest, limit)
        return digit
