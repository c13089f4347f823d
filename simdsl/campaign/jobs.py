"""What a campaign hands to its workers, and the protocol of a pool of workers.

All of it is plain data that can be pickled, so that any process on any machine can do a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol, TypeAlias

from simdsl.bugbase.entry import RunMode
from simdsl.bugbase.store import FoundBug
from simdsl.core.verdicts import GeneratorHealth
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.properties.registry import PlanGenerator
from simdsl.workers.processes import ProcessExit


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """What all jobs of a campaign have in common.

    ``urls`` are the backend and those that it is compared with; they may hold secrets and must not be shown. ``profile``
    is the expanded profile as data, None if only properties run, which have sizes of their own. ``limit_us`` is how long a
    worker may go without a heartbeat before it counts as hung.
    """

    generators: tuple[PlanGenerator, ...]
    urls: tuple[str, ...]
    profile: Json = None
    limit_us: int = 60_000_000

    @property
    def how(self) -> RunMode:
        """How its plans run."""
        return RunMode.ONCE if len(self.urls) == 1 else RunMode.DIFFERENTIAL


class Position(NamedTuple):
    """Where a job is: the index of a generator, and a seed."""

    generator: int
    seed: int


# The word for the end of a worker on another machine, of which no exit code is known.
LOST_WORKER: Final = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBatch:
    """The seeds ``first`` to ``last``, for every generator.

    With ``alone`` each plan runs in a process of its own, since a worker ended: ``died`` says where and how.
    """

    number: int
    first: int
    last: int
    alone: bool = False
    died: tuple[Position | None, ProcessExit] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkJob:
    """Shrink a bug as far as possible within a time limit. ``plan`` is pinned; ``name`` is the bug's id in the bug base."""

    name: str
    plan: Plan
    seed: int
    limit_us: int


# What a worker is given. Any process that has the ``CampaignSpec`` can do it.
Job: TypeAlias = SeedBatch | ShrinkJob


@dataclass(frozen=True, slots=True, kw_only=True)
class BugFinding:
    """A bug as its first run in a batch showed it, and the seeds of that batch that showed it, once for each plan.

    ``generator`` made the first of these plans.
    """

    found: FoundBug
    generator: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFailure:
    """A plan that was not checked because simdsl itself failed: neither a failure of a database nor a pass."""

    generator: str
    seed: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The result of a batch up to the seed ``last``, included.

    That is not the batch's last seed if the pool was asked to stop, or if the rest would have taken too long.
    """

    batch: SeedBatch
    last: int
    health: GeneratorHealth
    findings: tuple[BugFinding, ...]
    internal_failures: tuple[InternalFailure, ...]
    micros: int

    @property
    def seeds(self) -> int:
        """How many are done."""
        return self.last - self.batch.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkResult:
    """The result of shrinking; ``plan`` is None if the bug could not be shrunk, and ``note`` says why."""

    shrinking: ShrinkJob
    plan: Plan | None
    tries: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRefused:
    """A job that could not be done: a backend cannot be reached, or simdsl itself failed outside of any plan."""

    job: Job
    message: str  # without secrets
    is_unavailable: bool


# What became of a job.
JobResult: TypeAlias = BatchResult | ShrinkResult | JobRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class LostJob:
    """The process that did a job ended, or hung and was killed, and the results of the job are lost with it.

    ``at`` is where it was, None if that is unknown. The pool starts another process for the next job; the campaign divides
    this one, so that a plan that crashes processes is found.
    """

    job: Job
    at: Position | None
    how: ProcessExit


class JobMonitor(Protocol):
    """What a job reports to its pool while it runs. See ``executor.JobExecutor``."""

    def at(self, place: Position | None) -> None:
        """A plan is about to be generated and run; None is a heartbeat and nothing more."""

    def is_stopped(self) -> bool:
        """Whether the job should end after its present seed. Asked once a seed, so it must be cheap."""


class WorkerPool(Protocol):
    """Does jobs with an ``executor.JobExecutor``, in processes that may die.

    Every submitted job comes back in exactly one report, whatever happens to its process, unless ``stop`` or ``close`` was
    called. Nothing else is asked of a pool, so processes of this machine and a cluster serve equally well.
    """

    @property
    def size(self) -> int:
        """How many jobs it can do at once at present. The size of a cluster may change."""

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not reported yet."""

    def submit(self, job: Job) -> None:
        """Queue a job. Jobs start in the order of submission; more than ``size`` may wait."""

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """The jobs that ended, in any order: as soon as one has, or none after so many microseconds.

        Raises ``WorkerPoolError`` if no worker is left that could do a job. An unreachable backend comes as a report.
        """

    def stop(self) -> None:
        """Let jobs end after their present seed and report what they have; jobs that have not started are dropped.

        ``busy`` falls to 0, and nothing may be submitted any more.
        """

    def close(self) -> None:
        """End every process at once, with everything that it started. Idempotent."""


class WorkerPoolError(Exception):
    """No worker can do a job. The message is a sentence for people."""


class WorkerPoolUnavailable(WorkerPoolError):
    """The pool is on other machines and cannot be reached."""
