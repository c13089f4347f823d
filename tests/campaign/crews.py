"""Campaigns in this process, and a crew that is as good as any and brings its reports in an odd order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simdsl.bugbase.store import Store
from simdsl.campaign.campaign import Campaign
from simdsl.campaign.crew import Crew, Lost
from simdsl.campaign.doing import Doer
from simdsl.campaign.events import End, Ended, Event
from simdsl.campaign.journal import Journal
from simdsl.campaign.work import At, BatchDone, Done, Job, ShrinkingDone, Work
from simdsl.core.processes import Ending
from simdsl.modes.makers import Maker
from simdsl.plan.values import Json
from simdsl.profiles.load import load_profile
from simdsl.properties.property import Size

IDENTITY: Mapping[str, Json] = {"test": True}
SMALL = ("steps=12", "tasks=1")
KILLED = Ending("SIGKILL", "ended by SIGKILL")
ABORTED = Ending("SIGABRT", "ended by SIGABRT")


def work(*urls: str, properties: Sequence[str] = (), limit_us: int = 60_000_000) -> Work:
    """Small plans, on SQLite if nothing is said."""
    profile = load_profile("quick", SMALL)
    makers = tuple(Maker(name=name, again=("--property", name), size=Size(runs=1)) for name in properties)
    generated = Maker(name="quick", again=("--generate",), profile=profile)
    return Work(makers=makers or (generated,), urls=urls or ("sqlite",), limit_us=limit_us)


class Silent:
    """See ``crew.Watch``."""

    def at(self, place: At | None) -> None:
        """Nobody watches."""

    def is_stopped(self) -> bool:
        """Never."""
        return False


class Here:
    """Does all jobs in this process, when asked for reports, ``size`` of them at a time and the last one first.

    ``lose`` may say of a job that its process ended, and where it was.
    """

    def __init__(
        self, about: Work, size: int = 3, lose: Callable[[Job], tuple[At | None, Ending] | None] = lambda job: None
    ) -> None:
        self.done: list[Done] = []
        self._doer = Doer(about)
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

    def reports(self, wait_us: int) -> Iterator[Done | Lost]:
        """Of the first jobs, the last one first."""
        jobs = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        for job in reversed(jobs):
            lost = self._lose(job)
            if lost is not None:
                yield Lost(job=job, at=lost[0], how=lost[1])
                continue
            self.done.append(self._doer.do(job, Silent()))
            yield self.done[-1]

    def stop(self) -> None:
        """Nothing is under way."""
        self._waiting.clear()

    def close(self) -> None:
        """There is nothing to end."""


@dataclass(kw_only=True)
class Ran:
    """A campaign that has ended."""

    ended: Ended
    store: Store
    events: list[Event] = field(default_factory=list)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Of each bug, by its name: the first seed, and how often it was seen."""
        return {name: (seen.seed, seen.count) for name, seen in self.ended.score.bugs.items()}


def run(
    home: Path,
    about: Work,
    last: int,
    crew: Crew | None = None,
    *,
    first: int = 1,
    shrink_us: int | None = None,
    stop_asked: Callable[[], Sequence[End]] = tuple,
    fresh: bool = False,
) -> Ran:
    """Run a campaign whose journal and bugs are in this folder."""
    events: list[Event] = []
    store = Store(home / "bugs")
    with Journal(str(home / "journal.jsonl"), {**IDENTITY, "last": last}, fresh=fresh) as journal:
        campaign = Campaign(
            work=about,
            seeds=(first, last),
            crew=crew or Here(about),
            store=store,
            journal=journal,
            tell=events.append,
            stop_asked=stop_asked,
            shrink_us=shrink_us,
        )
        return Ran(ended=campaign.run(), store=store, events=events)


def covered(done: Sequence[Done]) -> list[int]:
    """The seeds of batches, each as often as it was done."""
    batches = [one for one in done if isinstance(one, BatchDone)]
    return sorted(seed for one in batches for seed in range(one.batch.first, one.last + 1))


def shrunk(done: Sequence[Done]) -> list[str]:
    """The bugs that were to be shrunk."""
    return sorted(one.shrinking.name for one in done if isinstance(one, ShrinkingDone))
