"""Run a plan on one backend: every entry of its params, every schedule, until a run fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from simdsl.backends.protocol import Backend, Pool, World
from simdsl.core import collector
from simdsl.core.clock import Clock
from simdsl.core.matcher import describe
from simdsl.core.trace import Trace
from simdsl.core.verdicts import (
    Failure,
    FailureKind,
    PlanEnded,
    PlanStarted,
    Progress,
    RunEnded,
    RunReport,
    Verdict,
)
from simdsl.oracles import always
from simdsl.plan.ir import Param, Path, Plan
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner.failures import Stopped
from simdsl.runner.lowering import Skipped, lower
from simdsl.runner.machine import Machine
from simdsl.runner.program import Program, schedule_length
from simdsl.runner.schedules import Chooser, Schedules
from simdsl.runner.waiting import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run. ``seed`` serves schedules that name none; ``last`` cuts `steps:` behind that step."""

    seed: int
    keep_going: bool = False
    last: Path | None = None
    limits: Limits = field(default_factory=Limits)


def run_plan(plan: Plan, file: str, backend: Backend, options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. Raises ``BackendUnavailable``; whatever happens, nothing of a run is left behind."""
    seed = plan.seed if plan.seed is not None else options.seed
    yield PlanStarted(plan=plan, file=file, backend=backend.name, seed=seed)
    tally = _Tally(plan=plan, file=file, backend=backend.name, seed=seed)
    reason = _unfit(plan, backend)
    if reason is not None:
        yield tally.skipped(reason)
        return
    if plan.properties:
        tally.warn(f"this version judges no properties, so {', '.join(plan.properties)} went unjudged")
    for params in plan.params or ((),):
        with collector.paused():
            program = lower(plan, backend, params, last=options.last)
        if isinstance(program, Skipped):
            yield tally.skipped(program.reason)
            return
        for report in _runs(plan, program, params, backend, seed, options, tally):
            tally.add(report)
            yield RunEnded(report=report)
            if report.verdict is Verdict.FAIL and not options.keep_going:
                yield tally.ended()
                return
    yield tally.ended()


def _unfit(plan: Plan, backend: Backend) -> str | None:
    if plan.backends and backend.name not in plan.backends:
        return f"it is meant for {', '.join(plan.backends)}"
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class _Tally:
    """What the runs of a plan add up to."""

    plan: Plan
    file: str
    backend: str
    seed: int
    runs: int = 0
    judged: int = 0
    steps: int = 0
    warnings: list[str] = field(default_factory=list)
    failed: RunReport | None = None
    digests: list[str] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        self.runs += 1
        self.judged += report.judged
        self.steps += report.steps
        self.digests.append("raced" if report.raced else report.digest)
        for warning in report.warnings:
            self.warn(warning)
        if report.failure is not None and self.failed is None:
            self.failed = report

    def warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def skipped(self, reason: str) -> PlanEnded:
        return self._end(Verdict.SKIP, reason)

    def ended(self) -> PlanEnded:
        if self.failed is not None:
            return self._end(Verdict.FAIL)
        if not self.judged:
            self.warn("nothing was judged: no step has an expectation, and there is no check and no invariant")
        return self._end(Verdict.WARN if self.warnings else Verdict.PASS)

    def _end(self, verdict: Verdict, reason: str | None = None) -> PlanEnded:
        return PlanEnded(
            plan=self.plan,
            file=self.file,
            backend=self.backend,
            seed=self.seed,
            verdict=verdict,
            runs=self.runs,
            judged=self.judged,
            steps=self.steps,
            reason=reason,
            warnings=tuple(self.warnings),
            failed=self.failed,
            digest=blake2b("".join(self.digests).encode(), digest_size=8).hexdigest() if self.digests else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What setup left behind, shared by all runs over it."""

    trace: Trace
    env: Mapping[str, Value]
    labels: Mapping[str, Outcome]
    judged: int
    failure: Failure | None
    missed: tuple[Failure, ...]  # with `keep_going`


def _runs(
    plan: Plan,
    program: Program,
    params: tuple[Param, ...],
    backend: Backend,
    seed: int,
    options: RunOptions,
    tally: _Tally,
) -> Iterator[RunReport]:
    """One world for all schedules over these params: set up once, restored between runs."""
    world = backend.create()
    try:
        refused = world.reset(plan.reset) if plan.reset is not None else None
        prepared = _prepare(program, world, backend, options) if refused is None else _not_reset(program, refused)
        if prepared.failure is not None or plan.schedule is None:
            yield _one_run(plan, program, params, prepared, world, backend, None, options, tally.runs + 1)
            return
        length = sum(schedule_length(code, prepared.env) for code in program.strands)
        schedules = Schedules(plan.schedule, program.strand_names, seed, length)
        if schedules.repeats:
            world.snapshot()
        for i, chooser in enumerate(schedules):
            if i:
                world.restore()
            report = _one_run(plan, program, params, prepared, world, backend, chooser, options, tally.runs + 1)
            schedules.learn(report.trace)
            yield report
        if schedules.cut:
            tally.warn(f"the bound of {tally.runs} runs cut the exploration: there are more interleavings")
    finally:
        world.close()


def _not_reset(program: Program, refused: Failed) -> _Prepared:
    """A database that could not be emptied is not set up."""
    failure = Failure(
        kind=FailureKind.SETUP,
        message=refused.text,
        path=("reset", "tables"),
        expected=("ok",),
        got=describe(refused),
        fingerprint=f"setup/reset/{refused.error_class}",
    )
    return _Prepared(trace=Trace(), env=program.env, labels={}, judged=0, failure=failure, missed=())


def _prepare(program: Program, world: World, backend: Backend, options: RunOptions) -> _Prepared:
    trace = Trace()
    machine = _machine(program, world, Clock(), trace, {}, backend, options)
    failure, env = None, program.env
    try:
        env = machine.script(program.setup, program.env, watch=False)
        machine.finish()
    except Stopped as stopped:
        failure = replace(stopped.failure, kind=FailureKind.SETUP, fingerprint=f"setup/{stopped.failure.fingerprint}")
        machine.abandon()
    finally:
        machine.close()
    return _Prepared(
        trace=trace,
        env=env,
        labels=machine.labels,
        judged=machine.judged,
        failure=failure,
        missed=tuple(machine.missed),
    )


def _one_run(
    plan: Plan,
    program: Program,
    params: tuple[Param, ...],
    prepared: _Prepared,
    world: World,
    backend: Backend,
    chooser: Chooser | None,
    options: RunOptions,
    number: int,
) -> RunReport:
    clock, trace = Clock(), prepared.trace.copy()
    with collector.paused(), ExitStack() as stack:
        pools: dict[str, Pool] = {}
        for spec in program.pools:
            pools[spec.name] = world.pool(spec, clock)
            stack.callback(pools[spec.name].close)
        machine = _machine(program, world, clock, trace, pools, backend, options)
        stack.callback(machine.close)
        machine.labels.update(prepared.labels)
        failures = list(prepared.missed)
        if prepared.failure is not None:
            failures.append(prepared.failure)
        else:
            failures += _body(machine, program, prepared, chooser)
        failures += _finally(machine, program, prepared)
        failures += always.broken(trace, program.actions(), pooled=bool(program.pools))
        digest = trace.digest()
    raced = machine.raced
    judged = prepared.judged + machine.judged
    warnings = tuple(_warnings(trace, raced, unknown=machine.errors[ErrorClass.OTHER] > 0))
    verdict = Verdict.FAIL if failures else Verdict.WARN if warnings or not judged else Verdict.PASS
    return RunReport(
        plan=plan.name,
        backend=backend.name,
        params=params,
        run=number,
        choices=trace.choices() if program.scheduled else (),
        verdict=verdict,
        judged=judged,
        steps=trace.count(),
        digest=digest,
        trace=trace,
        failure=failures[0] if failures else None,
        consequences=tuple(failures[1:]),
        warnings=warnings,
        raced=raced,
    )


def _body(machine: Machine, program: Program, prepared: _Prepared, chooser: Chooser | None) -> list[Failure]:
    """Run the steps or the tasks, and end them in good order."""
    try:
        if chooser is not None:
            machine.tasks(program.strand_names, program.strands, prepared.env, chooser)
        else:
            machine.script(program.strands[0], prepared.env)
        machine.finish(watch=True)
    except Stopped as stopped:
        machine.abandon()
        return [*machine.missed, stopped.failure]
    except KeyboardInterrupt:
        machine.abandon()
        _finally(machine, program, prepared)
        raise
    return list(machine.missed)


def _finally(machine: Machine, program: Program, prepared: _Prepared) -> list[Failure]:
    machine.missed.clear()
    try:
        machine.script(program.finally_, prepared.env, watch=False)
        machine.finish()
    except Stopped as stopped:
        machine.abandon()
        return [*machine.missed, stopped.failure]
    return list(machine.missed)


def _machine(
    program: Program,
    world: World,
    clock: Clock,
    trace: Trace,
    pools: Mapping[str, Pool],
    backend: Backend,
    options: RunOptions,
) -> Machine:
    return Machine(
        world=world,
        clock=clock,
        trace=trace,
        tasks=program.tasks,
        pools=pools,
        invariants=program.invariants,
        boolean_type=backend.capabilities.boolean_type,
        keep_going=options.keep_going,
        limits=options.limits,
    )


def _warnings(trace: Trace, raced: bool, unknown: bool) -> Iterator[str]:
    if raced:
        yield "race: the engine chose which of several waiting sessions to serve, so this digest may not repeat"
    if not unknown:
        return
    for text, native in {
        event.outcome.text: event.outcome.native
        for event in trace.steps()
        if isinstance(event.outcome, Failed) and event.outcome.error_class is ErrorClass.OTHER
    }.items():
        yield f"an error of no known class, native code {native}: {text}"
