"""A campaign: gives out seeds, and collects, evaluates and stores their results. Only it writes.

Results are taken in the order of their seeds, whoever is first to come with his, so that nothing that is found, stored or
said depends on how many workers there are.
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

PLANS_A_BATCH: Final = 32
"""Enough that what a batch costs is little beside its plans, and few enough to begin with when a process dies."""

SHRUNK_OF_A_KIND: Final = 5
"""So many bugs of one fingerprint are shrunk: a fault that shows in every plan gives other values each time."""

_ATTEMPTS: Final = 3
"""How often seeds are run alone whose process is lost nevertheless."""

_TICK_US: Final = 200_000
_GRACE_US: Final = 10_000_000
"""How long a job that was asked to stop may go on."""


class Campaign:
    """One call over the seeds from ``seeds[0]`` to ``seeds[1]``. ``stop_asked`` is asked all the time.

    A bug is shrunk for ``shrink_us`` at most, not at all with None.
    """

    def __init__(
        self,
        *,
        work: CampaignSpec,
        seeds: tuple[int, int],
        crew: WorkerPool,
        store: BugStore,
        journal: Journal,
        tell: CampaignListener,
        stop_asked: Callable[[], Sequence[EndReason]],
        floor: int = 1,
        shrink_us: int | None = 30_000_000,
    ) -> None:
        self._work = work
        self._seeds = seeds
        self._crew = crew
        self._store = store
        self._journal = journal
        self._tell = tell
        self._stop_asked = stop_asked
        self._shrink_us = shrink_us
        self._score = CampaignTotals(makers=tuple(maker.name for maker in work.makers), floor=floor)
        for part in journal.parts:
            self._score.add(part)
        self._queue: deque[SeedBatch] = deque()  # to be given out before anything new
        self._fresh = self._batches()
        self._open: set[int] = set()  # the first seeds of what has not come in
        self._come: dict[int, BatchResult] = {}  # what has come and waits for its turn, by its first seed
        self._to_shrink: deque[ShrinkJob] = deque()
        self._shrinking: dict[str, ShrinkJob] = {}
        self._attempts: dict[int, int] = {}
        self._met: set[str] = set()  # bugs
        self._shrunk_of: Counter[str] = Counter()  # by fingerprint
        self._refused: JobRefused | None = None
        self._message: str | None = None
        self._is_unreachable = False
        self._is_winding_up = False

    def run(self) -> CampaignEnded:
        """Until everything is done, or somebody asks it to stop. Raises ``BugbaseError`` and ``JournalError``."""
        began_ns, before = real_ns(), self._score.seeds
        self._tell(CampaignStarted(seeds=self._seeds, done=before, score=self._score))
        self._shrink_what_is_left()
        why = EndReason.DONE
        try:
            why = self._go()
        except WorkerPoolError as error:
            why, self._message = EndReason.REFUSED, str(error)
            self._is_unreachable = isinstance(error, WorkerPoolUnavailable)
            self._take_stock()
        finally:
            self._crew.close()
        left = [*self._shrinking, *(job.name for job in self._to_shrink)]
        ended = CampaignEnded(
            score=self._score,
            seeds=self._seeds,
            why=why,
            elapsed_us=(real_ns() - began_ns) // 1_000,
            done_now=self._score.seeds - before,
            unshrunk=tuple(left),
            message=self._message if self._refused is None else self._refused.message,
            is_unavailable=self._is_unreachable if self._refused is None else self._refused.is_unavailable,
        )
        self._tell(ended)
        return ended

    def _go(self) -> EndReason:
        while True:
            self._give()
            if not self._crew.busy:
                return EndReason.DONE
            self._bring_in(_TICK_US)
            if self._refused is not None:
                self._wind_up()
                return EndReason.REFUSED
            asked = self._stop_asked()
            if asked:
                self._tell(CampaignStopping(why=asked[0]))
                self._wind_up(len(asked))
                return asked[0]

    def _wind_up(self, tried: int = 0) -> None:
        """Take what the jobs under way have come to. Whoever has asked ``asked`` times and asks again ends them at once."""
        self._is_winding_up = True
        self._crew.stop()
        self._fresh.close()
        until_ns = real_ns() + _GRACE_US * 1_000
        while self._crew.busy and real_ns() < until_ns and len(self._stop_asked()) <= max(tried, 1):
            self._bring_in(_TICK_US)
        self._take_stock()

    def _take_stock(self) -> None:
        """Nothing more comes, so what has come waits for nothing."""
        self._queue.clear()
        self._open.clear()
        self._settle()

    def _batches(self) -> Generator[SeedBatch]:
        """What is to be done, as small as it should be. There may be more than can be listed."""
        size = max(1, PLANS_A_BATCH // len(self._work.makers))
        number = 0
        for start, end in tuple(self._score.left(*self._seeds)):
            for first in range(start, end + 1, size):
                number += 1
                yield SeedBatch(number=number, first=first, last=min(first + size - 1, end))

    def _give(self) -> None:
        """Keep everybody busy, with one job more than they can do for each."""
        while self._crew.busy < 2 * max(self._crew.size, 1):
            job = self._next()
            if job is None:
                return
            if isinstance(job, SeedBatch):
                self._open.add(job.first)
            else:
                self._shrinking[job.name] = job
            self._crew.submit(job)

    def _next(self) -> Job | None:
        """A bug to shrink if that leaves somebody for the plans, else the next seeds, else a bug."""
        if self._to_shrink and len(self._shrinking) < self._crew.size // 2:
            return self._to_shrink.popleft()
        if self._queue:
            return self._queue.popleft()
        batch = next(self._fresh, None)
        if batch is not None:
            return batch
        return self._to_shrink.popleft() if self._to_shrink else None

    def _bring_in(self, wait_us: int) -> None:
        for report in self._crew.reports(wait_us):
            self._take(report)
        self._settle()
        ahead = sum(done.seeds for done in self._come.values())
        busy, shrinking = self._crew.busy, len(self._shrinking)
        self._tell(CampaignProgress(score=self._score, ahead=ahead, busy=busy, shrinking=shrinking, workers=self._crew.size))

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
        """A batch, or as much of it as there was time for."""
        self._open.discard(done.batch.first)
        self._come[done.batch.first] = done
        if done.last < done.batch.last and not self._is_winding_up:
            self._queue.append(replace(done.batch, first=done.last + 1))
            self._open.add(done.last + 1)

    def _lost(self, lost: LostJob) -> None:
        self._score.lost += 1
        maker = None if lost.at is None else self._work.makers[lost.at.maker].name
        self._tell(WorkerDied(maker=maker, at=lost.at, how=lost.how))
        if isinstance(lost.job, ShrinkJob):
            note = f"the process that shrank it {lost.how.said}"
            self._shrunk(ShrinkResult(shrinking=lost.job, plan=None, tries=0, note=note))
            return
        parts = self._divided(lost.job, lost)
        self._open.discard(lost.job.first)
        self._open.update(part.first for part in parts)
        self._queue.extendleft(reversed(parts))

    def _divided(self, batch: SeedBatch, lost: LostJob) -> list[SeedBatch]:
        """The same seeds, so that the plan which ended the process runs in one of its own."""
        at = lost.at
        if at is None or batch.first == batch.last:
            if not batch.alone:
                return [replace(batch, alone=True, died=(at, lost.how))]
            return self._again(batch, lost)
        before = [replace(batch, last=at.seed - 1)] if at.seed > batch.first else []
        after = [replace(batch, first=at.seed + 1)] if at.seed < batch.last else []
        this = replace(batch, first=at.seed, last=at.seed, alone=True, died=(at, lost.how))
        return [*before, *(self._again(this, lost) if batch.alone else [this]), *after]

    def _again(self, batch: SeedBatch, lost: LostJob) -> list[SeedBatch]:
        """Once more, unless that was done often enough: then nobody can say anything about these seeds."""
        attempts = self._attempts[batch.first] = self._attempts.get(batch.first, 0) + 1
        if attempts < _ATTEMPTS:
            return [batch]
        message = f"its process was lost {attempts + 1} times, although each plan ran in one of its own; it {lost.how.said}"
        name = "plan" if lost.at is None else self._work.makers[lost.at.maker].name
        trouble = InternalFailure(maker=name, seed=batch.first, message=message)
        nothing = BatchResult(
            batch=batch, last=batch.last, health=self._nothing(), findings=(), troubles=(trouble,), micros=0
        )
        self._come[batch.first] = nothing
        return []

    def _nothing(self) -> GeneratorHealth:
        none = tuple(
            GeneratorStats(name=one, generated=0, assertions=0, failed=0, skipped=(), without_assertions=0, never=None)
            for one in self._score.makers
        )
        return GeneratorHealth(floor=0, of=none, runs=0, conflicts=0, pool_waits=0)

    def _settle(self) -> None:
        """Store, count and write down whatever has nothing before it that is still to come."""
        parts: list[SeedRangeResult] = []
        earliest = min((*self._open, *(batch.first for batch in self._queue)), default=None)
        for first in sorted(self._come):
            if earliest is not None and first > earliest:
                break
            done = self._come.pop(first)
            bugs = tuple(self._store_bug(finding) for finding in done.findings)
            if done.last < done.batch.first:
                continue
            parts.append(
                SeedRangeResult(
                    first=first,
                    last=done.last,
                    health=done.health,
                    bugs=bugs,
                    troubles=done.troubles,
                    micros=done.micros,
                )
            )
        if parts:
            self._journal.add(parts)
            for part in parts:
                self._score.add(part)

    def _store_bug(self, finding: BugFinding) -> BugSighting:
        found, now = finding.found, utc_now()
        kept = self._store.add(found, now)
        if len(finding.seeds) > 1:
            self._store.seen(kept.name, now, len(finding.seeds) - 1)
        seen = BugSighting(
            name=kept.name,
            fingerprint=found.bug.fingerprint,
            message=str(found.failure.get("message", "")),
            maker=finding.maker,
            seed=finding.seeds[0],
            count=len(finding.seeds),
        )
        if kept.name not in self._met:
            self._met.add(kept.name)
            place = str(self._store.directory / kept.name)
            self._tell(BugFound(seen=seen, place=place, is_new=kept.is_new))
            self._to_be_shrunk(kept.name, found.plan, found.config.seed)
        return seen

    def _shrink_what_is_left(self) -> None:
        """The bugs of an earlier call that had no time for them, if nobody has taken them away."""
        self._met.update(self._score.bugs)
        if not self._met:
            return
        for entry in self._store.entries()[0]:
            if entry.name in self._met and (plan := entry.checked().plan) is not None:
                self._to_be_shrunk(entry.name, plan, entry.config.seed)

    def _to_be_shrunk(self, name: str, plan: Plan, seed: int) -> None:
        if self._shrink_us is None:
            return
        entry = self._store.find(name)
        alike = self._shrunk_of[entry.record.bug.fingerprint]
        if entry.shrunk is None and alike < SHRUNK_OF_A_KIND:
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
