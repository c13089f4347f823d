"""Small changes of what is left: each pass proposes simpler cases, and the first that fails alike is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.shrinker.candidates import CandidateTester
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.passes.assertions import remove_expectations, simplify_checks
from simdsl.shrinker.passes.queries import remove_clauses, remove_sources, simplify_expressions, simplify_literals
from simdsl.shrinker.passes.schedule import merge_tasks, reduce_switches, remove_waits, shorten_schedule
from simdsl.shrinker.passes.structure import remove_params, remove_pools, simplify_loops
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
