"""The questions that are asked: each once, counted, and none when time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from simdsl.language.load import check_text
from simdsl.language.write import dump_json
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan
from simdsl.shrinker.case import Case
from simdsl.shrinker.size import is_smaller


class Answer(Enum):
    """What a candidate came to."""

    SAME = "it fails with the same fingerprint"
    OTHER = "it fails with another one: another bug"
    HOLDS = "it does not fail"


Ask: TypeAlias = Callable[[Case], Answer]


def is_sound(case: Case) -> bool:
    """Whether it is a plan at all: a file of it can be read."""
    return check_text(dump_json(case.plan), "candidate.json").plan == case.plan


class Spent(Exception):
    """No further question may be asked."""


@dataclass(slots=True, eq=False)
class Attempts:
    """The predicate, with a memory. ``best`` is the smallest case so far that fails alike."""

    ask: Ask
    best: Case
    limit: int | None = None  # questions, at most
    is_over: Callable[[], bool] = lambda: False  # whether time is up
    asked: int = 0
    known: dict[Plan, Answer] = field(default_factory=dict)

    def fails(self, candidate: Case | None) -> bool:
        """Whether a candidate is smaller and fails alike; then it is the best one. Raises ``Spent``."""
        if candidate is None or not is_smaller(candidate, self.best):
            return False
        answer = self.known.get(candidate.plan)
        if answer is None and not is_sound(candidate):
            answer = self.known[candidate.plan] = Answer.HOLDS
        if answer is None:
            if self.is_over() or (self.limit is not None and self.asked >= self.limit):
                raise Spent
            self.asked += 1
            answer = self.known[candidate.plan] = self.ask(candidate)
        if answer is Answer.SAME:
            self.best = candidate
        return answer is Answer.SAME
