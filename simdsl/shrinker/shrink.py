"""The shrinker: from a plan that fails to a small one that fails alike.

"Smaller" has one meaning: fewer steps, then fewer switches between tasks, then fewer characters. A candidate that is not
smaller is not tried, and one that fails differently is not followed: it is another bug, and its maker is told of it.

What is tried, in this order, cheap and large before dear and small:

1. ``truncate``: what comes after the step that failed.
2. ``cut``: tasks, tables with all that names them, leases, transactions, steps, brackets around transactions: a sweep
   from the end that halves (``sweep``). What needs a removed step goes with it (``ties``).
3. ``minimise``: no step and no two neighbours can go.
4. ``simplify``: loops, switches, rows, SQL, values, each by small changes of what is left; then 2 and 3 again if it helped.

At any interruption the best so far is a plan that was seen to fail with the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Path
from simdsl.shrinker.attempts import Answer, Ask, Attempts, Spent
from simdsl.shrinker.case import Case
from simdsl.shrinker.cutting import cut, minimise, truncate
from simdsl.shrinker.simplifying import simplify


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """How far it has come. ``is_minimal`` is False while it goes on, and where it was stopped before its end."""

    case: Case
    asked: int  # candidates that were run
    others: int  # of them failed differently
    is_minimal: bool


def shrink(
    case: Case,
    ask: Ask,
    *,
    failing: Path = (),
    rounds: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Shrunk]:
    """The best so far, after each round of what the module says, and at the end.

    ``ask`` runs a candidate; ``case`` is one of which it says ``Answer.SAME``, or the only answer is the case itself.
    ``failing`` is the step that failed, where there is one. ``rounds`` bounds the candidates that are run, ``is_over``
    is asked before each.
    """
    attempts = Attempts(ask=ask, best=case, limit=rounds, is_over=is_over)
    try:
        if failing:
            truncate(attempts, failing)
            yield _so_far(attempts, is_minimal=False)
        while True:
            before = attempts.best
            cut(attempts)
            yield _so_far(attempts, is_minimal=False)
            minimise(attempts)
            yield _so_far(attempts, is_minimal=False)
            cut_to = attempts.best
            simplify(attempts)
            if attempts.best == cut_to or attempts.best == before:
                break
    except Spent:
        yield _so_far(attempts, is_minimal=False)
        return
    except KeyboardInterrupt:  # in the middle of a candidate: the best so far is told before anybody hears of it
        yield _so_far(attempts, is_minimal=False)
        raise
    yield _so_far(attempts, is_minimal=True)


def _so_far(attempts: Attempts, *, is_minimal: bool) -> Shrunk:
    others = sum(answer is Answer.OTHER for answer in attempts.known.values())
    return Shrunk(case=attempts.best, asked=attempts.asked, others=others, is_minimal=is_minimal)
