"""Cutting steps away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from simdsl.plan.ir import Path
from simdsl.shrinker.attempts import Attempts
from simdsl.shrinker.case import Case
from simdsl.shrinker.sweep import sweep
from simdsl.shrinker.ties import Ties
from simdsl.shrinker.units import CUTS, Cut, Unit, steps


def truncate(attempts: Attempts, failing: Path) -> None:
    """Cut off what comes after the failing step: in its list of steps, in `finally` and in the schedule."""
    case = attempts.best
    if case.order:
        if failing in case.order:
            last = len(case.order) - 1 - case.order[::-1].index(failing)
            before = set(case.order[: last + 1])
            gone = {path for path, _ in case.places() if path[0] == "tasks" and path not in before and _is_plain(path)}
            gone |= {path for path, _ in case.places() if path[0] == "finally"}
            attempts.fails(_without(case, gone, Ties.of(case)))
        return
    ends: set[Path] = set()
    if failing[0] in ("steps", "setup"):
        ends = {path for path, _ in case.places() if path[0] == "finally"}
        ends |= {path for path, _ in case.places() if path[:1] == failing[:1] and _index(path) > _index(failing)}
    if ends:
        attempts.fails(_without(case, ends, Ties.of(case)))


def cut(attempts: Attempts, kinds: Sequence[Cut] = CUTS) -> None:
    """Each kind of part once, from the end."""
    for kind in kinds:
        case = attempts.best
        units = kind(case)
        if not units:
            continue
        ties = Ties.of(case)

        def fails_without(gone: Sequence[Unit], case: Case = case, ties: Ties = ties) -> bool:
            return attempts.fails(_without(case, set().union(*gone), ties))

        for _ in sweep(units, fails_without):
            pass


def minimise(attempts: Attempts) -> None:
    """Until no step, and no two neighbours, can go. The end of a transaction or of a lease is tried alone too."""
    while _shortened(attempts):
        pass


def _shortened(attempts: Attempts) -> bool:
    case = attempts.best
    ties, units = Ties.of(case), steps(case)
    for i in reversed(range(len(units))):
        if any(attempts.fails(case.without(ties.with_dependents(units[i], keep_open=alone))) for alone in (False, True)):
            return True
    return any(attempts.fails(_without(case, one | other, ties)) for one, other in reversed(list(pairwise(units))))


def _without(case: Case, gone: Unit, ties: Ties) -> Case | None:
    return case.without(ties.with_dependents(gone))


def _index(path: Path) -> int:
    return path[1] if isinstance(path[1], int) else -1


def _is_plain(path: Path) -> bool:
    return "do" not in path
