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
from simdsl.plan.source import Path
from simdsl.shrinker.candidates import BudgetExhausted, CandidateResult, CandidateTester, InterestingnessTest
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.deletion import delete_chunks, minimize_steps, truncate_after_failure
from simdsl.shrinker.simplifying import simplify


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkSnapshot:
    """How far it has come. ``is_minimal`` is False while it goes on, and where it was stopped before its end."""

    case: ShrinkCase
    asked: int  # candidates that were run
    others: int  # of them failed differently
    is_minimal: bool


def shrink(
    case: ShrinkCase,
    ask: InterestingnessTest,
    *,
    failing: Path = (),
    rounds: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[ShrinkSnapshot]:
    """The best so far, after each round of what the module says, and at the end.

    ``ask`` runs a candidate; ``case`` is one of which it says ``Answer.SAME``, or the only answer is the case itself.
    ``failing`` is the step that failed, where there is one. ``rounds`` bounds the candidates that are run, ``is_over``
    is asked before each.
    """
    attempts = CandidateTester(ask=ask, best=case, limit=rounds, is_over=is_over)
    try:
        if failing:
            truncate_after_failure(attempts, failing)
            yield _snapshot(attempts, is_minimal=False)
        while True:
            before = attempts.best
            delete_chunks(attempts)
            yield _snapshot(attempts, is_minimal=False)
            minimize_steps(attempts)
            yield _snapshot(attempts, is_minimal=False)
            cut_to = attempts.best
            simplify(attempts)
            if attempts.best == cut_to or attempts.best == before:
                break
    except BudgetExhausted:
        yield _snapshot(attempts, is_minimal=False)
        return
    except KeyboardInterrupt:  # in the middle of a candidate: the best so far is told before anybody hears of it
        yield _snapshot(attempts, is_minimal=False)
        raise
    yield _snapshot(attempts, is_minimal=True)


def _snapshot(attempts: CandidateTester, *, is_minimal: bool) -> ShrinkSnapshot:
    others = sum(answer is CandidateResult.OTHER for answer in attempts.known.values())
    return ShrinkSnapshot(case=attempts.best, asked=attempts.asked, others=others, is_minimal=is_minimal)
