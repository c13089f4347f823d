"""Where a worker is, in memory that it shares with whoever has started it: saying so wakes nobody."""

from __future__ import annotations

from ctypes import Array, c_longlong
from multiprocessing.context import BaseContext
from typing import NamedTuple

from simdsl.campaign.work import At


class Sign(NamedTuple):
    """The last that a worker has said: the ``number``-th thing, at this place, None before the first one of a job."""

    number: int
    at: At | None


class Whereabouts:
    """One writes, one reads. Whoever writes may be killed at any moment: a place is whole when the count says so."""

    def __init__(self, context: BaseContext) -> None:
        # The count, and two places that are written in turn; a maker below 0 is no place.
        self._numbers: Array[c_longlong] = context.RawArray(c_longlong, (0, -1, 0, -1, 0))

    def say(self, at: At | None) -> None:
        """It is there, or lives and has nothing more to say."""
        numbers, count = self._numbers, self._numbers[0] + 1
        here, before = 1 + 2 * (count % 2), 1 + 2 * ((count - 1) % 2)
        numbers[here], numbers[here + 1] = (numbers[before], numbers[before + 1]) if at is None else at
        numbers[0] = count

    def begin(self) -> None:
        """A job begins, which is nowhere yet."""
        self.say(At(-1, 0))

    def read(self) -> Sign:
        """What was said last."""
        numbers, count = self._numbers, self._numbers[0]
        here = 1 + 2 * (count % 2)
        return Sign(count, None if numbers[here] < 0 else At(numbers[here], numbers[here + 1]))
