"""Doing the jobs of a campaign in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cached_property
from typing import Final, assert_never

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.bugbase.entry import folder_name
from simdsl.bugbase.store import BugCapture, FoundBug
from simdsl.campaign.jobs import (
    LOST_WORKER,
    BatchResult,
    BugFinding,
    CampaignSpec,
    InternalFailure,
    Job,
    JobMonitor,
    JobRefused,
    JobResult,
    Position,
    SeedBatch,
    ShrinkJob,
    ShrinkResult,
)
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import FailureKind, PlanEnded, PlanStarted, Progress, RunReport
from simdsl.failures.same_failure import FailureIdentity, PlanRunner, failed_run
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan, strip_seeds
from simdsl.properties.registry import PlanGenerator
from simdsl.report.health import HealthCollector
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import labels, run_differential
from simdsl.runs.shrink_driver import REPEATS, NotReproducible, ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan
from simdsl.runs.verdict import PlanSummary
from simdsl.workers.isolated_worker import IsolatedWorker, crash_report
from simdsl.workers.processes import ProcessExit

EXTERNAL_ENDINGS: Final = frozenset(("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "timeout", "exit 255", LOST_WORKER))
"""Endings that somebody else may have brought about. They count only if they come again when the plan runs alone.

All processes seem to end with 255 when the server that has forked them does.
"""


_LONG_NS: Final = 1_000_000_000
"""A batch that takes longer returns what it has so far: nobody waits for news, and less is lost with its process."""


class JobExecutor:
    """Does the jobs of one campaign, one after the other. It keeps what they share, so make one for each process."""

    def __init__(self, work: CampaignSpec) -> None:
        self._work = work
        self._secrets = secrets_given(*work.urls)
        self._translators = TranslatorCache()

    def do(self, job: Job, watch: JobMonitor) -> JobResult:
        """Do it. Nothing is raised: what keeps a job from being done is its answer."""
        try:
            match job:
                case SeedBatch():
                    return self._batch(job, watch)
                case ShrinkJob():
                    return self._shrink(job, watch)
                case _:
                    assert_never(job)
        except BackendUnavailable as error:
            return JobRefused(job=job, message=self._secrets.hide(str(error)), is_unavailable=True)
        except Exception as error:  # a mistake of simdsl around the plans: the campaign ends with it
            return JobRefused(job=job, message=_said(error, self._secrets), is_unavailable=False)

    @cached_property
    def _backends(self) -> tuple[Backend, ...]:
        return tuple(map(resolve, self._work.urls))

    @cached_property
    def _finder(self) -> BugCapture:
        work = self._work
        return BugCapture(
            backends=self._backends, backend_urls=work.urls, secrets=self._secrets, how=work.how, profile=work.profile
        )

    def _batch(self, batch: SeedBatch, watch: JobMonitor) -> BatchResult:
        began_ns = real_ns()
        makers = self._work.makers
        seeds = range(batch.first, batch.last + 1)
        names = {maker.file(seed): maker.name for seed in seeds for maker in makers}
        health = HealthCollector(names, are_properties=makers[0].is_property, floor=0)
        notes = _BatchNotes(finder=self._finder, health=health)
        last = batch.first - 1
        isolated = IsolatedWorker(self._work.urls, limit_us=self._work.limit_us) if batch.alone else None
        try:
            for seed in seeds:
                if watch.is_stopped() or (not batch.alone and last >= batch.first and real_ns() - began_ns > _LONG_NS):
                    break
                for number, maker in enumerate(makers):
                    watch.at(Position(number, seed))
                    self._plan(maker, seed, notes, isolated)
                last = seed
        finally:
            if isolated is not None:
                isolated.close()
        if batch.died is not None and last == batch.last:
            self._blame(batch, *batch.died, notes)
        return BatchResult(
            batch=batch,
            last=last,
            health=health.end(),
            findings=notes.findings(),
            troubles=tuple(notes.troubles),
            micros=(real_ns() - began_ns) // 1_000,
        )

    def _plan(self, maker: PlanGenerator, seed: int, notes: _BatchNotes, isolated: IsolatedWorker | None) -> None:
        try:
            plan = strip_seeds(maker.plan(seed))
            for progress in self._events(plan, maker.file(seed), seed, isolated):
                notes.tell(maker.name, progress)
        except BackendUnavailable:
            raise
        except Exception as error:  # a mistake of simdsl, or of a property from elsewhere
            notes.troubles.append(InternalFailure(maker=maker.name, seed=seed, message=_said(error, self._secrets)))

    def _events(self, plan: Plan, file: str, seed: int, isolated: IsolatedWorker | None) -> Iterator[Progress]:
        options = RunOptions(seed=seed, translators=self._translators)
        if isolated is not None:
            return isolated.run(plan, file, options)
        if len(self._backends) == 1:
            return run_plan(plan, file, self._backends[0], options)
        return run_differential(plan, file, self._backends, options)

    def _blame(self, batch: SeedBatch, at: Position | None, ending: ProcessExit, notes: _BatchNotes) -> None:
        """A process ended by itself, and no plan that ran alone has ended one: that is a finding all the same."""
        if ending.word in EXTERNAL_ENDINGS or any(bug.fingerprint.startswith(f"{FailureKind.CRASH}/") for bug in notes.bugs):
            return
        if at is None:
            message = f"a process {ending.said}, and did not again when each plan ran alone"
            names = ", ".join(one.name for one in self._work.makers)
            notes.troubles.append(InternalFailure(maker=names, seed=batch.first, message=message))
            return
        maker = self._work.makers[at.maker]
        plan = strip_seeds(maker.plan(at.seed))
        file = maker.file(at.seed)
        backend = labels(self._backends)[0]
        report = crash_report(plan, PlanSummary(plan=plan, file=file, backend=backend, seed=at.seed), None, ending)
        notes.note(maker.name, PlanStarted(plan=plan, file=file, backend=backend, seed=at.seed), report)

    def _shrink(self, job: ShrinkJob, watch: JobMonitor) -> ShrinkResult:
        end_ns = real_ns() + job.limit_us * 1_000

        def is_over() -> bool:
            watch.at(None)
            return real_ns() >= end_ns or watch.is_stopped()

        with IsolatedWorker(self._work.urls, limit_us=self._work.limit_us) as isolated:
            options = RunOptions(seed=job.seed)

            def replay(plan: Plan) -> Iterator[Progress]:
                return isolated.run(plan, job.name, options)

            report = self._again(job, replay, is_over)
            if report is None:
                return ShrinkResult(
                    shrinking=job, plan=None, tries=0, note="does not fail in the same way when it is repeated"
                )
            plan, tries = None, 0
            try:
                for best in ShrinkDriver(job.plan, report, job.seed, replay, ShrinkLimits(is_over=is_over)):
                    plan, tries = best.case.plan, best.tried
            except NotReproducible as error:
                return ShrinkResult(shrinking=job, plan=None, tries=0, note=str(error))
            note = "there was no time" if plan is None else None
            return ShrinkResult(shrinking=job, plan=plan, tries=tries, note=note)

    def _again(self, job: ShrinkJob, replay: PlanRunner, is_over: Callable[[], bool]) -> RunReport | None:
        """A run that fails as the bug does. Some seldom do."""
        for _ in range(REPEATS):
            report = failed_run(replay, job.plan)
            if report is not None and folder_name(self._finder.bug(report)) == job.name:
                return report
            if is_over():
                break
        return None


@dataclass(slots=True, kw_only=True, eq=False)
class _BatchNotes:
    """What the plans of a batch come to. Only the first run of a bug is kept as a whole."""

    finder: BugCapture
    health: HealthCollector
    bugs: dict[FailureIdentity, tuple[FoundBug, str, list[int]]] = field(default_factory=dict)
    troubles: list[InternalFailure] = field(default_factory=list)
    _started: PlanStarted | None = None

    def tell(self, maker: str, progress: Progress) -> None:
        self.health.tell(progress)
        match progress:
            case PlanStarted():
                self._started = progress
            case PlanEnded(failed=RunReport() as report):
                assert self._started is not None
                self.note(maker, self._started, report)
            case _:
                pass

    def note(self, maker: str, started: PlanStarted, report: RunReport) -> None:
        bug = self.finder.bug(report)
        if bug not in self.bugs:
            self.bugs[bug] = (self.finder.found(started, report), maker, [])
        self.bugs[bug][2].append(started.seed)

    def findings(self) -> tuple[BugFinding, ...]:
        return tuple(BugFinding(found=found, maker=maker, seeds=tuple(seeds)) for found, maker, seeds in self.bugs.values())


def _said(error: Exception, secrets: Secrets) -> str:
    """The error and the place that raised it, on one line."""
    from traceback import extract_tb

    where = extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return secrets.hide(f"{type(error).__name__}: {text} (line {where.lineno} of {where.filename.rpartition('/')[2]})")
