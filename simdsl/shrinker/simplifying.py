"""Small changes of what is left: each pass proposes simpler cases, and the first that fails alike is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.shrinker.attempts import Attempts
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes import (
    checks,
    clauses,
    columns,
    expectations,
    expressions,
    loops,
    params,
    pools,
    rows,
    schedule,
    schema,
    sessions,
    sources,
    switches,
    tables,
    values,
    waits,
)

Pass: TypeAlias = Callable[[Case], Iterator[Case]]

PASSES: Final[tuple[Pass, ...]] = (
    waits.propose,
    pools.propose,
    params.propose,
    loops.propose,
    schedule.propose,
    sessions.propose,
    switches.propose,
    checks.propose,
    expectations.propose,
    tables.propose,
    rows.propose,
    columns.propose,
    clauses.propose,
    sources.propose,
    expressions.propose,
    values.propose,
    schema.propose,
)
"""Cheap ones first; what is a question of text comes last."""


def simplify(attempts: Attempts) -> None:
    """Each pass in its turn, until it has nothing more to propose that fails alike."""
    for propose in PASSES:
        _exhaust(attempts, propose)


def _exhaust(attempts: Attempts, propose: Pass) -> None:
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
