"""Campaigns in this process, and a pool that is as good as any and brings its reports in an odd order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simdsl.bugbase.store import BugStore
from simdsl.campaign.campaign import Campaign
from simdsl.campaign.executor import JobExecutor
from simdsl.campaign.jobs import BatchResult, CampaignSpec, Job, JobResult, LostJob, Position, ShrinkResult, WorkerPool
from simdsl.campaign.journal import Journal
from simdsl.campaign.progress import CampaignEnded, CampaignEvent, EndReason
from simdsl.plan.values import Json
from simdsl.profiles.load import load_profile
from simdsl.properties.property import PlanSize
from simdsl.properties.registry import PlanGenerator
from simdsl.workers.processes import ProcessExit

IDENTITY: Mapping[str, Json] = {"test": True}
SMALL = ("steps=12", "tasks=1")
KILLED = ProcessExit("SIGKILL", "ended by SIGKILL")
ABORTED = ProcessExit("SIGABRT", "ended by SIGABRT")


def work(*urls: str, properties: Sequence[str] = (), limit_us: int = 60_000_000) -> CampaignSpec:
    """Small plans, on SQLite if nothing is said."""
    profile = load_profile("quick", SMALL)
    generators = tuple(PlanGenerator(name=name, options=("--property", name), size=PlanSize(runs=1)) for name in properties)
    generated = PlanGenerator(name="quick", options=("--generate",), profile=profile)
    return CampaignSpec(generators=generators or (generated,), urls=urls or ("sqlite",), limit_us=limit_us)


class Silent:
    """See ``pool.Watch``."""

    def at(self, place: Position | None) -> None:
        """Nobody watches."""

    def is_stopped(self) -> bool:
        """Never."""
        return False


class Here:
    """Does all jobs in this process, when asked for reports, ``size`` of them at a time and the last one first.

    ``lose`` may say of a job that its process ended, and where it was.
    """

    def __init__(
        self,
        about: CampaignSpec,
        size: int = 3,
        lose: Callable[[Job], tuple[Position | None, ProcessExit] | None] = lambda job: None,
    ) -> None:
        self.done: list[JobResult] = []
        self._executor = JobExecutor(about)
        self._size = size
        self._lose = lose
        self._waiting: deque[Job] = deque()

    @property
    def size(self) -> int:
        """As it was made."""
        return self._size

    @property
    def busy(self) -> int:
        """What has not been asked for."""
        return len(self._waiting)

    def submit(self, job: Job) -> None:
        """Later."""
        self._waiting.append(job)

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """Of the first jobs, the last one first."""
        jobs = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        for job in reversed(jobs):
            lost = self._lose(job)
            if lost is not None:
                yield LostJob(job=job, at=lost[0], how=lost[1])
                continue
            self.done.append(self._executor.do(job, Silent()))
            yield self.done[-1]

    def stop(self) -> None:
        """Nothing is under way."""
        self._waiting.clear()

    def close(self) -> None:
        """There is nothing to end."""


@dataclass(kw_only=True)
class Ran:
    """A campaign that has ended."""

    ended: CampaignEnded
    store: BugStore
    events: list[CampaignEvent] = field(default_factory=list)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Of each bug, by its name: the first seed, and how often it was seen."""
        return {name: (seen.seed, seen.count) for name, seen in self.ended.totals.bugs.items()}


def run(
    home: Path,
    about: CampaignSpec,
    last: int,
    pool: WorkerPool | None = None,
    *,
    first: int = 1,
    shrink_us: int | None = None,
    stop_asked: Callable[[], Sequence[EndReason]] = tuple,
    fresh: bool = False,
) -> Ran:
    """Run a campaign whose journal and bugs are in this folder."""
    events: list[CampaignEvent] = []
    store = BugStore(home / "bugs")
    with Journal(str(home / "journal.jsonl"), {**IDENTITY, "last": last}, fresh=fresh) as journal:
        campaign = Campaign(
            work=about,
            seeds=(first, last),
            pool=pool or Here(about),
            store=store,
            journal=journal,
            tell=events.append,
            stop_asked=stop_asked,
            shrink_us=shrink_us,
        )
        return Ran(ended=campaign.run(), store=store, events=events)


def covered(done: Sequence[JobResult]) -> list[int]:
    """The seeds of batches, each as often as it was done."""
    batches = [one for one in done if isinstance(one, BatchResult)]
    return sorted(seed for one in batches for seed in range(one.batch.first, one.last + 1))


def shrunk(done: Sequence[JobResult]) -> list[str]:
    """The bugs that were to be shrunk."""
    return sorted(one.shrinking.name for one in done if isinstance(one, ShrinkResult))
