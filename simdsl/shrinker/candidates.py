"""The questions that are asked: each once, counted, and none when time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from simdsl.language.dump import dump_json
from simdsl.language.load import check_text
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.shrinker.case import ShrinkCase, is_smaller


class CandidateResult(Enum):
    """What a candidate came to."""

    SAME = "it fails with the same fingerprint"
    OTHER = "it fails with another one: another bug"
    HOLDS = "it does not fail"


InterestingnessTest: TypeAlias = Callable[[ShrinkCase], CandidateResult]


def is_loadable(case: ShrinkCase) -> bool:
    """Whether it is a plan at all: a file of it can be read."""
    return check_text(dump_json(case.plan), "candidate.json").plan == case.plan


class BudgetExhausted(Exception):
    """No further question may be asked."""


@dataclass(slots=True, eq=False)
class CandidateTester:
    """The predicate, with a memory. ``best`` is the smallest case so far that fails alike."""

    ask: InterestingnessTest
    best: ShrinkCase
    limit: int | None = None  # questions, at most
    is_over: Callable[[], bool] = lambda: False  # whether time is up
    asked: int = 0
    known: dict[Plan, CandidateResult] = field(default_factory=dict)

    def fails(self, candidate: ShrinkCase | None) -> bool:
        """Whether a candidate is smaller and fails alike; then it is the best one. Raises ``BudgetExhausted``."""
        if candidate is None or not is_smaller(candidate, self.best):
            return False
        answer = self.known.get(candidate.plan)
        if answer is None and not is_loadable(candidate):
            answer = self.known[candidate.plan] = CandidateResult.HOLDS
        if answer is None:
            if self.is_over() or (self.limit is not None and self.asked >= self.limit):
                raise BudgetExhausted
            self.asked += 1
            answer = self.known[candidate.plan] = self.ask(candidate)
        if answer is CandidateResult.SAME:
            self.best = candidate
        return answer is CandidateResult.SAME
