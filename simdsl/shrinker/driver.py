"""The driver of the shrinker: from a plan that fails to a small one with the same failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.source import Path
from simdsl.shrinker.case import BudgetExhausted, CandidateResult, CandidateTester, InterestingnessTest, ShrinkCase
from simdsl.shrinker.deletion import delete_chunks, minimize_steps, truncate_after_failure
from simdsl.shrinker.passes.queries import remove_clauses, remove_sources, simplify_expressions, simplify_literals
from simdsl.shrinker.passes.steps import (
    merge_tasks,
    reduce_switches,
    remove_expectations,
    remove_params,
    remove_pools,
    remove_waits,
    shorten_schedule,
    simplify_checks,
    simplify_loops,
)
from simdsl.shrinker.passes.tables import merge_tables, remove_columns, remove_constraints, remove_rows

Pass: TypeAlias = Callable[[ShrinkCase], Iterator[ShrinkCase]]


PASSES: Final[tuple[Pass, ...]] = (
    remove_waits,
    remove_pools,
    remove_params,
    simplify_loops,
    shorten_schedule,
    merge_tasks,
    reduce_switches,
    simplify_checks,
    remove_expectations,
    merge_tables,
    remove_rows,
    remove_columns,
    remove_clauses,
    remove_sources,
    simplify_expressions,
    simplify_literals,
    remove_constraints,
)
"""Cheap ones first; what is a question of text comes last."""


def simplify(attempts: CandidateTester) -> None:
    """Each pass in its turn, until it has nothing more to propose that fails alike."""
    for propose in PASSES:
        _exhaust(attempts, propose)


def _exhaust(attempts: CandidateTester, propose: Pass) -> None:
    """After a success the pass is asked anew, and goes on behind the proposals that were refused before."""
    refused = 0
    is_changed = True
    while is_changed:
        is_changed = False
        for i, candidate in enumerate(propose(attempts.best)):
            if i < refused:
                continue
            if attempts.fails(candidate):
                is_changed = True
                break
            refused += 1


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
