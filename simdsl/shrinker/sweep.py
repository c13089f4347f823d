"""Which of many units can go? A search from the end that halves, and then tries one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Unit = TypeVar("Unit")


def sweep(units: Sequence[Unit], fails_without: Callable[[Sequence[Unit]], bool]) -> Iterator[Sequence[Unit]]:
    """What can go in all, after each success. ``fails_without`` answers for a selection of units, in their order.

    From the end: as many as possible go at once, found by halving; the one before them must stay. A unit that must stay
    costs about ``log2(n)`` questions, so few that matter among many cost little: n = 1,000 and 3 of them, about 30. That
    more can go than was found, because something else has gone since, is for a further sweep to find.
    """
    gone: list[Unit] = []
    end = len(units)
    while end > 0:
        least, most = 0, end  # so many can go; at most so many
        size = end
        while least < most:
            if fails_without([*units[end - size : end], *gone]):
                least = size
                if size == most:
                    break
            else:
                most = size - 1
            size = (least + most + 1) // 2
        if least:
            gone = [*units[end - least : end], *gone]
            yield gone
        end -= least + 1
