"""What a check may read of a run, at the moment of the check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from simdsl.backends.protocol import Pool
from simdsl.core.clock import Clock
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import PoolCount
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.plan.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSurroundings:
    """See ``core.evaluate.Surroundings``."""

    env: Mapping[str, Value]
    labels: Mapping[str, Outcome]
    pools: Mapping[str, Pool]
    counts: Mapping[ErrorClass, int]
    clock: Clock

    def variable(self, name: str) -> Value:
        """Raises ``KeyError`` if nothing has bound it."""
        return self.env[name]

    def label(self, name: str) -> Outcome | None:
        """None if no step of that label has run."""
        return self.labels.get(name)

    def pool(self, name: str, count: PoolCount) -> int:
        """As the pool itself counts."""
        counts = self.pools[name].counts()
        match count:
            case PoolCount.SIZE:
                return counts.size
            case PoolCount.IDLE:
                return counts.idle
            case PoolCount.BUSY:
                return counts.busy
            case PoolCount.WAITING:
                return counts.waiting
            case _:
                assert_never(count)

    def errors(self, error_class: ErrorClass) -> int:
        """Of the steps of this run, setup excluded."""
        return self.counts.get(error_class, 0)

    def now_us(self) -> int:
        """Virtual time since the run began."""
        return self.clock.now_us
