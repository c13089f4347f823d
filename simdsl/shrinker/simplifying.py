"""Small changes of what is left: each pass proposes simpler cases, and the first that fails alike is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.shrinker.attempts import Attempts
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes import (
    expectations,
    expressions,
    loops,
    params,
    pools,
    rows,
    schedule,
    schema,
    sessions,
    switches,
    values,
)

Pass: TypeAlias = Callable[[Case], Iterator[Case]]

PASSES: Final[tuple[Pass, ...]] = (
    pools.propose,
    params.propose,
    loops.propose,
    schedule.propose,
    sessions.propose,
    switches.propose,
    expectations.propose,
    rows.propose,
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
