"""Small changes of what is left: each pass proposes simpler cases, and the first that fails alike is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.shrinker.candidates import CandidateTester
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.passes import assertions, queries, schedule, structure, tables
from simdsl.shrinker.passes import schedule as sessions
from simdsl.shrinker.passes import schedule as switches
from simdsl.shrinker.passes import schedule as waits
from simdsl.shrinker.passes import tables as columns
from simdsl.shrinker.passes import tables as rows
from simdsl.shrinker.passes import tables as schema

Pass: TypeAlias = Callable[[ShrinkCase], Iterator[ShrinkCase]]

PASSES: Final[tuple[Pass, ...]] = (
    waits.remove_waits,
    structure.remove_pools,
    structure.remove_params,
    structure.simplify_loops,
    schedule.shorten_schedule,
    sessions.merge_tasks,
    switches.reduce_switches,
    assertions.simplify_checks,
    assertions.remove_expectations,
    tables.merge_tables,
    rows.remove_rows,
    columns.remove_columns,
    queries.remove_clauses,
    queries.remove_sources,
    queries.simplify_expressions,
    queries.simplify_literals,
    schema.remove_constraints,
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
