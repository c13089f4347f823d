"""What a campaign has come to so far: a fold over its batches, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field, replace

from simdsl.campaign.work import Trouble
from simdsl.core.verdicts import Exercised, Health
from simdsl.plan.dataclasses import dataclass
from simdsl.report.health import together


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A bug, the first seed that shows it and what made its plan, and how many plans show it."""

    name: str  # in the bug base
    fingerprint: str
    message: str
    maker: str
    seed: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the seeds from ``first`` to ``last`` came to: a line of the journal."""

    first: int
    last: int
    health: Health
    bugs: tuple[Seen, ...]
    troubles: tuple[Trouble, ...]
    micros: int  # of one process


@dataclass(slots=True, kw_only=True, eq=False)
class Score:
    """The sum of parts."""

    makers: tuple[str, ...]
    floor: int
    parts: int = 0
    micros: int = 0
    lost: int = 0  # processes
    bugs: dict[str, Seen] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    health: Health = field(init=False)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        none = (
            Exercised(name=name, generated=0, judged=0, failed=0, skipped=(), unjudged=0, never=None) for name in self.makers
        )
        self.health = Health(floor=self.floor, of=tuple(none), runs=0, conflicts=0, pool_waits=0)

    @property
    def seeds(self) -> int:
        """How many are done."""
        return sum(last - first + 1 for first, last in self.spans)

    @property
    def plans(self) -> int:
        """How many have run, or were skipped."""
        return sum(one.generated for one in self.health.of)

    @property
    def judged(self) -> int:
        """How often a claim could have broken, or an expectation was compared."""
        return sum(one.judged for one in self.health.of)

    @property
    def failed(self) -> int:
        """How many plans failed."""
        return sum(one.failed for one in self.health.of)

    def add(self, part: Part) -> None:
        """Count a part."""
        self.parts += 1
        self.micros += part.micros
        self.health = together((self.health, part.health))
        self.troubles += part.troubles
        self.spans = list(joined([*self.spans, (part.first, part.last)]))
        for bug in part.bugs:
            before = self.bugs.get(bug.name)
            if before is not None:
                first = min(before, bug, key=lambda one: one.seed)
                bug = replace(first, count=before.count + bug.count)
            self.bugs[bug.name] = bug

    def left(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The seeds of a range that are not done, as spans."""
        for done_first, done_last in self.spans:
            if first < done_first:
                yield first, min(done_first - 1, last)
            first = max(first, done_last + 1)
        if first <= last:
            yield first, last


def joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same seeds in as few spans as they take, in order."""
    found: tuple[int, int] | None = None
    for first, last in sorted(spans):
        if found is None:
            found = (first, last)
        elif first <= found[1] + 1:
            found = (found[0], max(found[1], last))
        else:
            yield found
            found = (first, last)
    if found is not None:
        yield found
