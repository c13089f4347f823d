"""Words of the schedule that need not be there: behind the last one the tasks go on in file order.

Only where there are loops: else every step has its word.
"""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """Ever less of its end, then each word."""
    order = case.order
    keep = 1
    while keep < len(order):
        yield case.in_order(order[:keep])
        keep = keep + (len(order) - keep + 1) // 2
    for i in reversed(range(len(order))):
        yield case.in_order((*order[:i], *order[i + 1 :]))
