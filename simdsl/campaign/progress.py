"""How far a campaign has come: its totals, which are a fold over finished seeds, and the events that views fold over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from enum import StrEnum
from typing import TypeAlias

from simdsl.campaign.jobs import InternalFailure, Position
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats
from simdsl.plan.deferred import dataclass
from simdsl.report.health import merge_health
from simdsl.workers.processes import ProcessExit


@dataclass(frozen=True, slots=True, kw_only=True)
class BugSighting:
    """A bug, the first seed that shows it with the generator of its plan, and how many plans show it."""

    name: str  # in the bug base
    fingerprint: str
    message: str
    generator: str
    seed: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRangeResult:
    """The results of the seeds from ``first`` to ``last``: one line of the journal."""

    first: int
    last: int
    health: GeneratorHealth
    bugs: tuple[BugSighting, ...]
    internal_failures: tuple[InternalFailure, ...]
    micros: int  # of one process


@dataclass(slots=True, kw_only=True, eq=False)
class CampaignTotals:
    """The sum of all parts, in whatever order they are added: a resumed campaign reads them from its journal."""

    generators: tuple[str, ...]
    floor: int
    parts: int = 0
    micros: int = 0
    lost: int = 0  # processes
    bugs: dict[str, BugSighting] = field(default_factory=dict)
    internal_failures: list[InternalFailure] = field(default_factory=list)
    health: GeneratorHealth = field(init=False)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        none = (
            GeneratorStats(name=name, generated=0, assertions=0, failed=0, skipped=(), without_assertions=0, never=None)
            for name in self.generators
        )
        self.health = GeneratorHealth(floor=self.floor, of=tuple(none), runs=0, conflicts=0, pool_waits=0)

    @property
    def seeds(self) -> int:
        """How many are done."""
        return sum(last - first + 1 for first, last in self.spans)

    @property
    def plans(self) -> int:
        """How many have run, or were skipped."""
        return sum(one.generated for one in self.health.of)

    @property
    def assertions(self) -> int:
        """How many assertions were evaluated."""
        return sum(one.assertions for one in self.health.of)

    @property
    def failed(self) -> int:
        """How many plans failed."""
        return sum(one.failed for one in self.health.of)

    def add(self, part: SeedRangeResult) -> None:
        """Count a part. Of a bug that is known already the lowest seed is kept, so the order of parts does not matter."""
        self.parts += 1
        self.micros += part.micros
        self.health = merge_health((self.health, part.health))
        self.internal_failures += part.internal_failures
        self.spans = list(merge_spans([*self.spans, (part.first, part.last)]))
        for bug in part.bugs:
            before = self.bugs.get(bug.name)
            if before is not None:
                first = min(before, bug, key=lambda one: one.seed)
                bug = replace(first, count=before.count + bug.count)
            self.bugs[bug.name] = bug

    def left(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The seeds of a range that are not done, as spans (first, last)."""
        for done_first, done_last in self.spans:
            if first < done_first:
                yield first, min(done_first - 1, last)
            first = max(first, done_last + 1)
        if first <= last:
            yield first, last


def merge_spans(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same seeds in as few spans as possible, in order: those of a campaign that has ended are one."""
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


class EndReason(StrEnum):
    """Why a campaign ended."""

    DONE = "done"
    TIME = "time is over"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    REFUSED = "could not continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStarted:
    """The campaign starts or resumes. ``seeds`` are the first and the last."""

    seeds: tuple[int, int]
    done: int  # of them, before
    totals: CampaignTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignProgress:
    """Time has passed. ``ahead`` seeds are done but not in the totals yet, since a seed before them is outstanding."""

    totals: CampaignTotals
    ahead: int
    busy: int  # jobs under way or given out
    shrinking: int  # of them
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BugFound:
    """A bug was stored that is new to this campaign, and with ``is_new`` to the bug base as well."""

    seen: BugSighting
    place: str  # its folder
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BugShrunk:
    """A bug was shrunk, or could not be, in which case ``note`` says why. Sizes are in steps."""

    name: str
    before: int
    after: int | None
    tries: int
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDied:
    """A worker process ended. ``generator`` made the plan that it was running, None if there was none or it is unknown."""

    generator: str | None
    at: Position | None
    how: ProcessExit


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStopping:
    """Jobs finish their present seeds, after which the campaign ends."""

    why: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignEnded:
    """The campaign has ended. ``message`` says what keeps it from continuing, if anything does."""

    totals: CampaignTotals
    seeds: tuple[int, int]
    why: EndReason
    elapsed_us: int
    done_now: int  # seeds that this call has done
    unshrunk: tuple[str, ...]  # bugs for which there was no time
    message: str | None = None
    is_unavailable: bool = False


CampaignEvent: TypeAlias = (
    CampaignStarted | CampaignProgress | BugFound | BugShrunk | WorkerDied | CampaignStopping | CampaignEnded
)


CampaignListener: TypeAlias = Callable[[CampaignEvent], None]
