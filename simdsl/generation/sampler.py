"""Many small random decisions at one place, for one hash.

Both samplers are functions of the seed, the purpose and the place, and of the order in which the code asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from simdsl.core.choices import choose_below

T = TypeVar("T")
_SIZE: Final = 2**64
_BIAS: Final = 16  # bits that are left over, so that a number is as likely as the next one
_SCALE: Final = 2**16  # so finely rates are told apart; a coarser one serves more decisions with one hash
_BORDER: Final = "\x1f"  # as choices.draw joins the parts of a place: joined once, not for every hash


class Sampler:
    """Decisions in the order of the code that asks: each a function of the seed, the purpose, the place and its number.

    One hash serves several decisions. What is drawn at another place does not move.
    """

    __slots__ = ("_purpose", "_rest", "_room", "_seed", "_times")

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._seed = seed
        self._purpose = _BORDER.join((purpose, *map(str, place)))
        self._times = 0
        self._rest = 0
        self._room = 0

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``, which is 1 at least and below 2**48."""
        if self._room < limit << _BIAS:
            self._refill()
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
        """One of the items, of which there is one at least."""
        return items[self.below(len(items))]


_HASH_SIZE: Final = 2**64


class SingleHashSampler:
    """What ``choices.draw`` decided at a place, 64 bits of it. Parts are taken in the order of the code that asks.

    Where the bits are used up, every further digit is 0. Hashing once a place is what makes generation fast.
    """

    __slots__ = ("_rest",)

    def __init__(self, seed: int, purpose: str, *place: int | str) -> None:
        self._rest = choose_below(_HASH_SIZE, seed, purpose, *place)

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, ``limit``."""
        self._rest, digit = divmod(self._rest, limit)
        return digit
