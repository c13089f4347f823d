"""What a campaign hands to its workers, and the protocol of a worker pool: plain data that any process can work on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol, TypeAlias

from simdsl.bugbase.entry import RunMode
from simdsl.bugbase.store import FoundBug
from simdsl.core.verdicts import GeneratorHealth
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.properties.registry import PlanGenerator
from simdsl.workers.processes import ProcessExit


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """Everything that the parts of a campaign have in common.

    ``urls`` are the backend, and those that it is compared with; they hold secrets, and are not for showing. ``profile``
    is the expanded profile as data, None where only properties of their own size run. ``limit_us`` is for how long a plan
    may give no sign of life.
    """

    makers: tuple[PlanGenerator, ...]
    urls: tuple[str, ...]
    profile: Json = None
    limit_us: int = 60_000_000

    @property
    def how(self) -> RunMode:
        """How its plans run."""
        return RunMode.ONCE if len(self.urls) == 1 else RunMode.DIFFERENTIAL


class Position(NamedTuple):
    """Where a job is: the number of a maker, and a seed."""

    maker: int
    seed: int


LOST_WORKER: Final = "lost"
"""The word of an ending that nobody has seen, in another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBatch:
    """The seeds ``first`` to ``last``, for every maker.

    ``alone`` has each plan run in a process of its own, which may end. Then ``died`` is why: a worker ended so, there.
    """

    number: int
    first: int
    last: int
    alone: bool = False
    died: tuple[Position | None, ProcessExit] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkJob:
    """Make a bug as small as it goes within a time. ``plan`` is pinned; ``name`` is what the bug base calls the bug."""

    name: str
    plan: Plan
    seed: int
    limit_us: int


Job: TypeAlias = SeedBatch | ShrinkJob
"""What a worker is given: something that can be pickled, and done by anybody who has the ``CampaignSpec``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BugFinding:
    """A bug, as its first run in a batch showed it, and at which seeds it came in that batch, once for each plan.

    ``maker`` has made the first one.
    """

    found: FoundBug
    maker: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFailure:
    """A plan that was not checked because of an error in simdsl itself. No failure of a database, and no pass."""

    maker: str
    seed: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What a batch came to, up to and with the seed ``last``: not its last one if the crew was asked to stop, or if that
    would have taken too long."""

    batch: SeedBatch
    last: int
    health: GeneratorHealth
    findings: tuple[BugFinding, ...]
    troubles: tuple[InternalFailure, ...]
    micros: int

    @property
    def seeds(self) -> int:
        """How many are done."""
        return self.last - self.batch.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkResult:
    """A bug that was shrunk; ``plan`` is None if it could not be, and ``note`` says why."""

    shrinking: ShrinkJob
    plan: Plan | None
    tries: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRefused:
    """A job that could not be done: a backend cannot be reached, or simdsl itself failed around the plans."""

    job: Job
    message: str  # without secrets
    is_unavailable: bool


JobResult: TypeAlias = BatchResult | ShrinkResult | JobRefused
"""What became of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostJob:
    """The process that did a job ended, or was ended because it gave no sign of life, and nothing of the job is known.

    ``at`` is where it was, None if nobody knows. Another process is there for the next job. Whoever reads this divides the
    job, so that a plan which ends processes is found out.
    """

    job: Job
    at: Position | None
    how: ProcessExit


class JobMonitor(Protocol):
    """What a job tells its crew while it goes on. See ``doing.Doer``."""

    def at(self, place: Position | None) -> None:
        """A plan is about to be made and run; None is a sign of life, no more."""

    def is_stopped(self) -> bool:
        """Whether the job should end after its present seed. Asked once a seed, so it has to be cheap."""


class WorkerPool(Protocol):
    """Does jobs by a ``doing.Doer``, in processes that may die. Every job that was submitted comes back in
    exactly one report, whatever happens, unless ``stop`` or ``close`` was called."""

    @property
    def size(self) -> int:
        """How many jobs it can do at once, at present. A cluster's may change."""

    @property
    def busy(self) -> int:
        """How many jobs it has been given and has not reported."""

    def submit(self, job: Job) -> None:
        """Have a job done. Jobs are begun in the order in which they came; more than ``size`` may wait."""

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """What came to an end, in any order: as soon as anything did, and nothing after so many microseconds.

        Raises ``BackendUnavailable`` never, and ``WorkerPoolError`` if there is nobody any more who could do a job.
        """

    def stop(self) -> None:
        """Have jobs end after their present seed and report what they came to; jobs that were not begun are returned
        without a report. ``busy`` falls to 0. Nothing may be submitted any more."""

    def close(self) -> None:
        """End every process at once, with all that it started. Idempotent."""


class WorkerPoolError(Exception):
    """There is nobody who can do a job. The message is a sentence for people."""


class WorkerPoolUnavailable(WorkerPoolError):
    """The crew is elsewhere, and cannot be reached."""
