"""A campaign: gives out seeds, and collects, checks and stores what came of them. Only this process writes.

Results are taken in the order of their seeds, whichever worker is first, so neither what is found and stored nor what is
shown depends on how many workers there are. The price is that a result which arrives early waits in memory.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Final, assert_never

from simdsl.bugbase.store import BugStore
from simdsl.campaign.jobs import (
    BatchResult,
    BugFinding,
    CampaignSpec,
    InternalFailure,
    Job,
    JobRefused,
    JobResult,
    LostJob,
    SeedBatch,
    ShrinkJob,
    ShrinkResult,
    WorkerPool,
    WorkerPoolError,
    WorkerPoolUnavailable,
)
from simdsl.campaign.journal import Journal
from simdsl.campaign.progress import (
    BugFound,
    BugShrunk,
    BugSighting,
    CampaignEnded,
    CampaignListener,
    CampaignProgress,
    CampaignStarted,
    CampaignStopping,
    CampaignTotals,
    EndReason,
    SeedRangeResult,
    WorkerDied,
)
from simdsl.core.clock import real_ns, utc_now
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats
from simdsl.plan.plan import Plan
from simdsl.shrinker.case import count_steps

# Enough that the overhead of a batch is small beside its plans, and few enough to run again when a process dies.
PLANS_A_BATCH: Final = 32

# How many bugs of one fingerprint are shrunk: a fault that shows in every plan returns other values each time.
SHRUNK_OF_A_KIND: Final = 5

# How often seeds are run in a process per plan before the campaign gives up on them.
_ATTEMPTS: Final = 3

_TICK_US: Final = 200_000
# How long a job that was asked to stop may still run.
_GRACE_US: Final = 10_000_000


class Campaign:
    """One call over the seeds from ``seeds[0]`` to ``seeds[1]``, both included.

    ``stop_asked`` gives the reasons to stop that have come so far (a signal, the clock) and is polled all the time. A bug is
    shrunk for ``shrink_us`` at most, and not at all with None.
    """

    def __init__(
        self,
        *,
        work: CampaignSpec,
        seeds: tuple[int, int],
        pool: WorkerPool,
        store: BugStore,
        journal: Journal,
        tell: CampaignListener,
        stop_asked: Callable[[], Sequence[EndReason]],
        floor: int = 1,
        shrink_us: int | None = 30_000_000,
    ) -> None:
        self._work = work
        self._seeds = seeds
        self._pool = pool
        self._store = store
        self._journal = journal
        self._tell = tell
        self._stop_asked = stop_asked
        self._shrink_us = shrink_us
        self._totals = CampaignTotals(generators=tuple(generator.name for generator in work.generators), floor=floor)
        for part in journal.parts:
            self._totals.add(part)
        self._queue: deque[SeedBatch] = deque()  # before any new batch: these seeds hold up all later ones
        self._new_batches = self._batches()
        self._outstanding: set[int] = set()  # the first seeds of what has not come in
        self._arrived: dict[int, BatchResult] = {}  # what has come and waits for its turn, by its first seed
        self._to_shrink: deque[ShrinkJob] = deque()
        self._shrinking: dict[str, ShrinkJob] = {}
        self._attempts: dict[int, int] = {}
        self._seen_bugs: set[str] = set()  # bugs
        self._shrunk_of: Counter[str] = Counter()  # by fingerprint
        self._refused: JobRefused | None = None
        self._message: str | None = None
        self._is_unreachable = False
        self._is_stopping = False

    def run(self) -> CampaignEnded:
        """Run until all seeds are done or a stop is asked for. Raises ``BugbaseError`` and ``JournalError``."""
        began_ns, before = real_ns(), self._totals.seeds
        self._tell(CampaignStarted(seeds=self._seeds, done=before, totals=self._totals))
        self._resume_shrinking()
        why = EndReason.DONE
        try:
            why = self._loop()
        except WorkerPoolError as error:
            why, self._message = EndReason.REFUSED, str(error)
            self._is_unreachable = isinstance(error, WorkerPoolUnavailable)
            self._settle_all()
        finally:
            self._pool.close()
        left = [*self._shrinking, *(job.name for job in self._to_shrink)]
        ended = CampaignEnded(
            totals=self._totals,
            seeds=self._seeds,
            why=why,
            elapsed_us=(real_ns() - began_ns) // 1_000,
            done_now=self._totals.seeds - before,
            unshrunk=tuple(left),
            message=self._message if self._refused is None else self._refused.message,
            is_unavailable=self._is_unreachable if self._refused is None else self._refused.is_unavailable,
        )
        self._tell(ended)
        return ended

    def _loop(self) -> EndReason:
        while True:
            self._hand_out()
            if not self._pool.busy:
                return EndReason.DONE
            self._collect(_TICK_US)
            if self._refused is not None:
                self._stop_jobs()
                return EndReason.REFUSED
            asked = self._stop_asked()
            if asked:
                self._tell(CampaignStopping(why=asked[0]))
                self._stop_jobs(len(asked))
                return asked[0]

    def _stop_jobs(self, requests: int = 0) -> None:
        """Let the running jobs finish their present seeds and take the results.

        After ``requests`` requests to stop, one more ends the jobs at once: the second Ctrl-C.
        """
        self._is_stopping = True
        self._pool.stop()
        self._new_batches.close()
        until_ns = real_ns() + _GRACE_US * 1_000
        while self._pool.busy and real_ns() < until_ns and len(self._stop_asked()) <= max(requests, 1):
            self._collect(_TICK_US)
        self._settle_all()

    def _settle_all(self) -> None:
        """Settle everything that has arrived: no job is left that could bring the seeds in front of it."""
        self._queue.clear()
        self._outstanding.clear()
        self._settle()

    def _batches(self) -> Generator[SeedBatch]:
        """The batches of all seeds that are not done. Lazily: a range of seeds may be larger than memory."""
        size = max(1, PLANS_A_BATCH // len(self._work.generators))
        number = 0
        for start, end in tuple(self._totals.left(*self._seeds)):
            for first in range(start, end + 1, size):
                number += 1
                yield SeedBatch(number=number, first=first, last=min(first + size - 1, end))

    def _hand_out(self) -> None:
        """Keep every worker busy, with one more job waiting for each, so that none idles while this process stores a bug."""
        while self._pool.busy < 2 * max(self._pool.size, 1):
            job = self._next()
            if job is None:
                return
            if isinstance(job, SeedBatch):
                self._outstanding.add(job.first)
            else:
                self._shrinking[job.name] = job
            self._pool.submit(job)

    def _next(self) -> Job | None:
        """A bug to shrink as long as half of the workers run plans, else the next seeds, else a bug.

        Without a bound a fault that shows in many plans would turn the campaign into a shrinker: seeds find other bugs,
        shrinking does not.
        """
        if self._to_shrink and len(self._shrinking) < self._pool.size // 2:
            return self._to_shrink.popleft()
        if self._queue:
            return self._queue.popleft()
        batch = next(self._new_batches, None)
        if batch is not None:
            return batch
        return self._to_shrink.popleft() if self._to_shrink else None

    def _collect(self, wait_us: int) -> None:
        for report in self._pool.reports(wait_us):
            self._take(report)
        self._settle()
        ahead = sum(done.seeds for done in self._arrived.values())
        busy, shrinking = self._pool.busy, len(self._shrinking)
        self._tell(
            CampaignProgress(totals=self._totals, ahead=ahead, busy=busy, shrinking=shrinking, workers=self._pool.size)
        )

    def _take(self, report: JobResult | LostJob) -> None:
        match report:
            case BatchResult():
                self._done(report)
            case ShrinkResult():
                self._shrunk(report)
            case JobRefused(job=ShrinkJob() as job):
                self._shrunk(ShrinkResult(shrinking=job, plan=None, tries=0, note=report.message))
            case JobRefused():
                self._refused = self._refused or report
            case LostJob():
                self._lost(report)
            case _:
                assert_never(report)

    def _done(self, done: BatchResult) -> None:
        """A batch, or the first part of it: a batch that takes long returns what it has, and the rest is queued again."""
        self._outstanding.discard(done.batch.first)
        self._arrived[done.batch.first] = done
        if done.last < done.batch.last and not self._is_stopping:
            self._queue.append(replace(done.batch, first=done.last + 1))
            self._outstanding.add(done.last + 1)

    def _lost(self, lost: LostJob) -> None:
        self._totals.lost += 1
        generator = None if lost.at is None else self._work.generators[lost.at.generator].name
        self._tell(WorkerDied(generator=generator, at=lost.at, how=lost.how))
        if isinstance(lost.job, ShrinkJob):
            note = f"the process that shrank it {lost.how.said}"
            self._shrunk(ShrinkResult(shrinking=lost.job, plan=None, tries=0, note=note))
            return
        parts = self._divide(lost.job, lost)
        self._outstanding.discard(lost.job.first)
        self._outstanding.update(part.first for part in parts)
        self._queue.extendleft(reversed(parts))

    def _divide(self, batch: SeedBatch, lost: LostJob) -> list[SeedBatch]:
        """The seeds of a lost batch as up to three batches: before the plan that was running, that plan alone, and after it.

        Alone each plan runs in a process of its own and every statement is written down before it starts, so a crash is
        pinned to the statement. That costs too much for plans that run well, which is why the first try goes without.
        """
        at = lost.at
        if at is None or batch.first == batch.last:
            if not batch.alone:
                return [replace(batch, alone=True, died=(at, lost.how))]
            return self._retry(batch, lost)
        before = [replace(batch, last=at.seed - 1)] if at.seed > batch.first else []
        after = [replace(batch, first=at.seed + 1)] if at.seed < batch.last else []
        this = replace(batch, first=at.seed, last=at.seed, alone=True, died=(at, lost.how))
        return [*before, *(self._retry(this, lost) if batch.alone else [this]), *after]

    def _retry(self, batch: SeedBatch, lost: LostJob) -> list[SeedBatch]:
        """The batch again, unless it has been tried often enough: then these seeds are reported as not checked.

        The process that was lost ran no plan itself, so neither the plan nor the database is to blame.
        """
        attempts = self._attempts[batch.first] = self._attempts.get(batch.first, 0) + 1
        if attempts < _ATTEMPTS:
            return [batch]
        message = f"its process was lost {attempts + 1} times, although each plan ran in one of its own; it {lost.how.said}"
        name = "plan" if lost.at is None else self._work.generators[lost.at.generator].name
        failure = InternalFailure(generator=name, seed=batch.first, message=message)
        nothing = BatchResult(
            batch=batch, last=batch.last, health=self._no_health(), findings=(), internal_failures=(failure,), micros=0
        )
        self._arrived[batch.first] = nothing
        return []

    def _no_health(self) -> GeneratorHealth:
        none = tuple(
            GeneratorStats(name=one, generated=0, assertions=0, failed=0, skipped=(), without_assertions=0, never=None)
            for one in self._totals.generators
        )
        return GeneratorHealth(floor=0, of=none, runs=0, conflicts=0, pool_waits=0)

    def _settle(self) -> None:
        """Store, count and note in the journal all results with no outstanding seeds in front of them.

        Bugs are stored first: after a kill between the two, the seeds run again and their bugs are only counted twice. In
        the other order a bug could be lost.
        """
        parts: list[SeedRangeResult] = []
        earliest = min((*self._outstanding, *(batch.first for batch in self._queue)), default=None)
        for first in sorted(self._arrived):
            if earliest is not None and first > earliest:
                break
            done = self._arrived.pop(first)
            bugs = tuple(self._store_bug(finding) for finding in done.findings)
            if done.last < done.batch.first:  # stopped before its first seed was done
                continue
            parts.append(
                SeedRangeResult(
                    first=first,
                    last=done.last,
                    health=done.health,
                    bugs=bugs,
                    internal_failures=done.internal_failures,
                    micros=done.micros,
                )
            )
        if parts:
            self._journal.add(parts)
            for part in parts:
                self._totals.add(part)

    def _store_bug(self, finding: BugFinding) -> BugSighting:
        found, now = finding.found, utc_now()
        kept = self._store.add(found, now)
        if len(finding.seeds) > 1:
            self._store.seen(kept.name, now, len(finding.seeds) - 1)
        seen = BugSighting(
            name=kept.name,
            fingerprint=found.bug.fingerprint,
            message=str(found.failure.get("message", "")),
            generator=finding.generator,
            seed=finding.seeds[0],
            count=len(finding.seeds),
        )
        if kept.name not in self._seen_bugs:
            self._seen_bugs.add(kept.name)
            place = str(self._store.directory / kept.name)
            self._tell(BugFound(seen=seen, place=place, is_new=kept.is_new))
            self._queue_shrinking(kept.name, found.plan, found.config.seed)
        return seen

    def _resume_shrinking(self) -> None:
        """Queue the bugs that an earlier call found and did not shrink, unless they have been removed since."""
        self._seen_bugs.update(self._totals.bugs)
        if not self._seen_bugs:
            return
        for entry in self._store.entries()[0]:
            if entry.name in self._seen_bugs and (plan := entry.checked().plan) is not None:
                self._queue_shrinking(entry.name, plan, entry.config.seed)

    def _queue_shrinking(self, name: str, plan: Plan, seed: int) -> None:
        if self._shrink_us is None:
            return
        entry = self._store.find(name)
        same = self._shrunk_of[entry.record.bug.fingerprint]
        if entry.shrunk is None and same < SHRUNK_OF_A_KIND:
            self._shrunk_of[entry.record.bug.fingerprint] += 1
            self._to_shrink.append(ShrinkJob(name=name, plan=plan, seed=seed, limit_us=self._shrink_us))

    def _shrunk(self, done: ShrinkResult) -> None:
        name = done.shrinking.name
        self._shrinking.pop(name, None)
        if done.plan is not None:
            self._store.add_shrunk(name, done.plan)
        after = None if done.plan is None else count_steps(done.plan)
        before = count_steps(done.shrinking.plan)
        self._tell(BugShrunk(name=name, before=before, after=after, tries=done.tries, note=done.note))
