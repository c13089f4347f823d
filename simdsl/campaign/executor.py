"""Doing the jobs of a campaign in this process: running the plans of a batch, or shrinking a bug."""

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
from simdsl.failures import FailureIdentity, PlanRunner, failed_run
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import Plan, strip_seeds
from simdsl.properties.registry import PlanGenerator
from simdsl.report.context import Secrets, secrets_given
from simdsl.report.health import HealthCollector
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import labels, run_differential
from simdsl.runs.shrink_driver import REPEATS, NotReproducible, ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan
from simdsl.runs.verdict import PlanSummary
from simdsl.workers.isolated_worker import IsolatedWorker, crash_report
from simdsl.workers.processes import ProcessExit

# Exits that may come from outside: someone kills a process, or the machine runs out of memory. They are a finding only if
# the plan ends its process in the same way when it runs alone.
#
# ``exit 255`` is among them since all forked processes seem to end with it when their fork server dies.
EXTERNAL_ENDINGS: Final = frozenset(("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "timeout", "exit 255", LOST_WORKER))


# A batch that takes longer returns what it has, so that progress is shown, and little is lost with its process.
_LONG_NS: Final = 1_000_000_000


class JobExecutor:
    """Does the jobs of one campaign, one after the other. Keeps what they share, so a process needs only one."""

    def __init__(self, work: CampaignSpec) -> None:
        self._work = work
        self._secrets = secrets_given(*work.urls)
        self._translators = TranslatorCache()

    def do(self, job: Job, monitor: JobMonitor) -> JobResult:
        """Do a job. Raises nothing: what keeps a job from being done is its result, for it must reach another process."""
        try:
            match job:
                case SeedBatch():
                    return self._batch(job, monitor)
                case ShrinkJob():
                    return self._shrink(job, monitor)
                case _:
                    assert_never(job)
        except BackendUnavailable as error:
            return JobRefused(job=job, message=self._secrets.hide(str(error)), is_unavailable=True)
        except Exception as error:  # a defect of simdsl outside of any plan: the campaign ends with it
            return JobRefused(job=job, message=_error_text(error, self._secrets), is_unavailable=False)

    @cached_property
    def _backends(self) -> tuple[Backend, ...]:
        return tuple(map(resolve, self._work.urls))

    @cached_property
    def _finder(self) -> BugCapture:
        work = self._work
        return BugCapture(
            backends=self._backends, backend_urls=work.urls, secrets=self._secrets, how=work.how, profile=work.profile
        )

    def _batch(self, batch: SeedBatch, monitor: JobMonitor) -> BatchResult:
        began_ns = real_ns()
        generators = self._work.generators
        seeds = range(batch.first, batch.last + 1)
        names = {generator.file(seed): generator.name for seed in seeds for generator in generators}
        health = HealthCollector(names, are_properties=generators[0].is_property, floor=0)
        notes = _BatchNotes(finder=self._finder, health=health)
        last = batch.first - 1
        isolated = IsolatedWorker(self._work.urls, limit_us=self._work.limit_us) if batch.alone else None
        try:
            for seed in seeds:
                if monitor.is_stopped() or (not batch.alone and last >= batch.first and real_ns() - began_ns > _LONG_NS):
                    break
                for number, generator in enumerate(generators):
                    monitor.at(Position(number, seed))
                    self._plan(generator, seed, notes, isolated)
                last = seed
        finally:
            if isolated is not None:
                isolated.close()
        if batch.died is not None and last == batch.last:
            self._report_crash(batch, *batch.died, notes)
        return BatchResult(
            batch=batch,
            last=last,
            health=health.end(),
            findings=notes.findings(),
            internal_failures=tuple(notes.internal_failures),
            micros=(real_ns() - began_ns) // 1_000,
        )

    def _plan(self, generator: PlanGenerator, seed: int, notes: _BatchNotes, isolated: IsolatedWorker | None) -> None:
        try:
            plan = strip_seeds(generator.plan(seed))
            for progress in self._events(plan, generator.file(seed), seed, isolated):
                notes.tell(generator.name, progress)
        except BackendUnavailable:
            raise
        except Exception as error:  # a defect of simdsl, or of a third party's property: one plan less
            notes.internal_failures.append(
                InternalFailure(generator=generator.name, seed=seed, message=_error_text(error, self._secrets))
            )

    def _events(self, plan: Plan, file: str, seed: int, isolated: IsolatedWorker | None) -> Iterator[Progress]:
        options = RunOptions(seed=seed, translators=self._translators)
        if isolated is not None:
            return isolated.run(plan, file, options)
        if len(self._backends) == 1:
            return run_plan(plan, file, self._backends[0], options)
        return run_differential(plan, file, self._backends, options)

    def _report_crash(self, batch: SeedBatch, at: Position | None, ending: ProcessExit, notes: _BatchNotes) -> None:
        """Report the crash of a worker that did not come back when each plan ran alone.

        Memory that earlier plans have corrupted is a finding too, only that no statement can be named.
        """
        if ending.word in EXTERNAL_ENDINGS or any(bug.fingerprint.startswith(f"{FailureKind.CRASH}/") for bug in notes.bugs):
            return
        if at is None:
            message = f"a process {ending.said}, and did not again when each plan ran alone"
            names = ", ".join(one.name for one in self._work.generators)
            notes.internal_failures.append(InternalFailure(generator=names, seed=batch.first, message=message))
            return
        generator = self._work.generators[at.generator]
        plan = strip_seeds(generator.plan(at.seed))
        file = generator.file(at.seed)
        backend = labels(self._backends)[0]
        report = crash_report(plan, PlanSummary(plan=plan, file=file, backend=backend, seed=at.seed), None, ending)
        notes.note(generator.name, PlanStarted(plan=plan, file=file, backend=backend, seed=at.seed), report)

    def _shrink(self, job: ShrinkJob, monitor: JobMonitor) -> ShrinkResult:
        end_ns = real_ns() + job.limit_us * 1_000

        def is_over() -> bool:
            monitor.at(None)
            return real_ns() >= end_ns or monitor.is_stopped()

        with IsolatedWorker(self._work.urls, limit_us=self._work.limit_us) as isolated:
            options = RunOptions(seed=job.seed)

            def replay(plan: Plan) -> Iterator[Progress]:
                return isolated.run(plan, job.name, options)

            report = self._reproduce(job, replay, is_over)
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
            note = "the time limit was reached" if plan is None else None
            return ShrinkResult(shrinking=job, plan=plan, tries=tries, note=note)

    def _reproduce(self, job: ShrinkJob, replay: PlanRunner, is_over: Callable[[], bool]) -> RunReport | None:
        """A run with the failure of the bug. A flaky bug may need several."""
        for _ in range(REPEATS):
            report = failed_run(replay, job.plan)
            if report is not None and folder_name(self._finder.bug(report)) == job.name:
                return report
            if is_over():
                break
        return None


@dataclass(slots=True, kw_only=True, eq=False)
class _BatchNotes:
    """The results of the plans of a batch. Only the first run of each bug is kept in full: traces are large."""

    finder: BugCapture
    health: HealthCollector
    bugs: dict[FailureIdentity, tuple[FoundBug, str, list[int]]] = field(default_factory=dict)
    internal_failures: list[InternalFailure] = field(default_factory=list)
    _started: PlanStarted | None = None

    def tell(self, generator: str, progress: Progress) -> None:
        self.health.tell(progress)
        match progress:
            case PlanStarted():
                self._started = progress
            case PlanEnded(failed=RunReport() as report):
                assert self._started is not None
                self.note(generator, self._started, report)
            case _:  # runs that ended are counted by the health alone
                pass

    def note(self, generator: str, started: PlanStarted, report: RunReport) -> None:
        bug = self.finder.bug(report)
        if bug not in self.bugs:
            self.bugs[bug] = (self.finder.found(started, report), generator, [])
        self.bugs[bug][2].append(started.seed)

    def findings(self) -> tuple[BugFinding, ...]:
        return tuple(
            BugFinding(found=found, generator=generator, seeds=tuple(seeds))
            for found, generator, seeds in self.bugs.values()
        )


def _error_text(error: Exception, secrets: Secrets) -> str:
    """The error and the line that raised it, in one line."""
    from traceback import extract_tb  # only for a defect of simdsl

    where = extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return secrets.hide(f"{type(error).__name__}: {text} (line {where.lineno} of {where.filename.rpartition('/')[2]})")
