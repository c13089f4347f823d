"""One world for all runs of a plan over one entry of its params: set up once, restored between runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import field, replace
from functools import cached_property
from typing import Protocol

from simdsl.backends.protocol import Backend, Database, Pool
from simdsl.core import gc_pause
from simdsl.core.clock import Clock
from simdsl.core.matcher import describe
from simdsl.core.sampling import run_seed
from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, PropertyResult, RunReport, Verdict
from simdsl.oracles import builtin_invariants
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Param, Plan
from simdsl.plan.schedules import PctSchedule, RandomSchedule
from simdsl.plan.source import Path
from simdsl.plan.values import Value
from simdsl.runner.blocked import RealTimeLimits
from simdsl.runner.failures import RunStopped
from simdsl.runner.interpreter import Interpreter
from simdsl.runner.lowering import TranslatorCache
from simdsl.runner.program import Program, schedule_length
from simdsl.runner.scheduling import ScheduleExplorer, SchedulingPolicy


class RunObserver(Protocol):
    """Sees runs as they go, from within the process."""

    def world(self, world: Database, program: Program) -> Database:
        """The world in which a program will run, or one around it."""

    def begins(self, trace: Trace, *, backend: Backend, params: tuple[Param, ...], number: int, seed: int | None) -> None:
        """A run begins to write this trace; setup is number 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run. ``seed`` serves schedules that name none; ``last`` cuts `steps:` behind that step."""

    seed: int
    keep_going: bool = False
    last: Path | None = None
    limits: RealTimeLimits = field(default_factory=RealTimeLimits)
    end_state: bool = False  # look at every table when the steps have run
    translators: TranslatorCache = field(default_factory=TranslatorCache, repr=False)  # may serve many plans
    observer: RunObserver | None = None


class RunContext:
    """Where one program runs. Setup has run when it is made; ``close`` leaves nothing behind.

    Raises ``BackendUnavailable`` whenever the backend is asked for something.
    """

    def __init__(
        self, plan: Plan, program: Program, params: tuple[Param, ...], backend: Backend, options: RunOptions
    ) -> None:
        self.backend = backend
        self.program = program
        self._plan = plan
        self._params = params
        self._options = options
        self._runs = 0
        self._seed = options.seed if plan.seed is None else plan.seed
        self._world = backend.create()
        if options.observer is not None:
            self._world = options.observer.world(self._world, program)
        try:
            refused = self._world.reset(plan.reset) if plan.reset is not None else None
            self._prepared = self._prepare() if refused is None else _not_reset(program, refused)
        except BaseException:  # Ctrl-C too: what was made is given up before anybody hears of it
            self._world.close()
            raise

    @property
    def is_set_up(self) -> bool:
        """Whether setup has done what it should; if not, there is one run, of which only `finally` is left."""
        return self._prepared.failure is None

    @cached_property
    def paths(self) -> frozenset[Path]:
        """The steps that the plan has on this backend."""
        program = self.program
        return frozenset(op.path for code in (*program.strands, program.setup, program.finally_) for op in code)

    def schedules(self, seed: int) -> ScheduleExplorer | None:
        """The schedules of this plan, None for `steps:`. The actions of a workload come from the seed too."""
        if self._plan.schedule is None or not self.is_set_up:
            return None
        drawn, strands = self._drawing_seed(), self.program.strands
        if self.program.drawn is not None and drawn is not None:
            strands = self.program.drawn(drawn)
        length = sum(schedule_length(code, self._prepared.env) for code in strands)
        return ScheduleExplorer(self._plan.schedule, self.program.strand_names, seed, length)

    def keep(self) -> None:
        """There will be further runs: remember what setup left."""
        self._world.snapshot()

    def run(self, chooser: SchedulingPolicy | None, number: int) -> RunReport:
        """One run, the ``number``-th of its plan, from where setup left the database."""
        if self._runs:
            self._world.restore()
        seed = self._drawing_seed()
        self._runs += 1
        return self._one_run(chooser, number, seed)

    def _drawing_seed(self) -> int | None:
        """What the actions of the next run come from, if they are drawn: random schedules draw anew for each run."""
        if self.program.drawn is None or not self.is_set_up:
            return None
        schedule = self._plan.schedule
        if not isinstance(schedule, RandomSchedule | PctSchedule):
            return self._seed
        return run_seed(self._seed if schedule.seed is None else schedule.seed, self._runs)

    def close(self) -> None:
        """Give the world up. Idempotent."""
        self._world.close()

    def _begins(self, trace: Trace, number: int, seed: int | None) -> None:
        if self._options.observer is not None:
            self._options.observer.begins(trace, backend=self.backend, params=self._params, number=number, seed=seed)

    def _prepare(self) -> _Prepared:
        trace = Trace()
        self._begins(trace, 0, None)
        machine = self._machine(Clock(), trace, {})
        failure, env = None, self.program.env
        try:
            env = machine.script(self.program.setup, self.program.env, watch=False)
            machine.finish()
        except RunStopped as stopped:
            failure = replace(stopped.failure, kind=FailureKind.SETUP, fingerprint=f"setup/{stopped.failure.fingerprint}")
            machine.abandon()
        finally:
            machine.close()
        return _Prepared(
            trace=trace,
            env=env,
            labels=machine.labels,
            assertions=machine.assertions,
            failure=failure,
            missed=tuple(machine.missed),
        )

    def _one_run(self, chooser: SchedulingPolicy | None, number: int, seed: int | None) -> RunReport:
        program, prepared = self.program, self._prepared
        clock, trace = Clock(), prepared.trace.copy()
        self._begins(trace, number, seed)
        tables: Mapping[str, Rows] | None = None
        with gc_pause.gc_paused(), ExitStack() as stack:
            pools: dict[str, Pool] = {}
            for spec in program.pools:
                pools[spec.name] = self._world.pool(spec, clock)
                stack.callback(pools[spec.name].close)
            machine = self._machine(clock, trace, pools)
            stack.callback(machine.close)
            machine.labels.update(prepared.labels)
            failures = list(prepared.missed)
            if prepared.failure is not None:
                failures.append(prepared.failure)
            else:
                failures += self._body(machine, chooser, seed)
                if self._options.end_state:
                    tables = self._world.end_state()
            failures += self._finally(machine)
            failures += builtin_invariants.violations(trace, program.actions(), pooled=bool(program.pools))
            tried, violations = _properties(self._plan, trace)
            failures = _told_once(failures, violations)
            digest = trace.digest()
        raced = machine.raced
        judged = prepared.assertions + machine.assertions + sum(one.assertions for one in tried)
        warnings = tuple(_warnings(trace, raced, unknown=machine.errors[ErrorClass.OTHER] > 0))
        verdict = Verdict.FAIL if failures else Verdict.WARN if warnings or not judged else Verdict.PASS
        return RunReport(
            plan=self._plan.name,
            backend=self.backend.name,
            params=self._params,
            run=number,
            choices=trace.choices() if program.scheduled else (),
            seed=seed,
            verdict=verdict,
            assertions=judged,
            steps=trace.count(),
            digest=digest,
            trace=trace,
            failure=failures[0] if failures else None,
            consequences=tuple(failures[1:]),
            warnings=warnings,
            raced=raced,
            properties=tried,
            tables=tables,
        )

    def _body(self, machine: Interpreter, chooser: SchedulingPolicy | None, seed: int | None) -> list[Failure]:
        """Run the steps or the tasks, and end them in good order."""
        program, env = self.program, self._prepared.env
        try:
            if chooser is not None:
                drawn = None if program.drawn is None or seed is None else program.drawn(seed)
                machine.tasks(program.strand_names, drawn or program.strands, env, chooser)
            else:
                machine.script(program.strands[0], env)
            machine.finish(watch=True)
        except RunStopped as stopped:
            machine.abandon()
            return [*machine.missed, stopped.failure]
        except KeyboardInterrupt:
            machine.abandon()
            self._finally(machine)
            raise
        return list(machine.missed)

    def _finally(self, machine: Interpreter) -> list[Failure]:
        machine.missed.clear()
        try:
            machine.script(self.program.finally_, self._prepared.env, watch=False)
            machine.finish()
        except RunStopped as stopped:
            machine.abandon()
            return [*machine.missed, stopped.failure]
        return list(machine.missed)

    def _machine(self, clock: Clock, trace: Trace, pools: Mapping[str, Pool]) -> Interpreter:
        return Interpreter(
            world=self._world,
            clock=clock,
            trace=trace,
            tasks=self.program.tasks,
            pools=pools,
            invariants=self.program.invariants,
            boolean_type=self.backend.capabilities.boolean_type,
            keep_going=self._options.keep_going,
            limits=self._options.limits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What setup left behind, shared by all runs over it."""

    trace: Trace
    env: Mapping[str, Value]
    labels: Mapping[str, Outcome]
    assertions: int
    failure: Failure | None
    missed: tuple[Failure, ...]  # with `keep_going`


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
    return _Prepared(trace=Trace(), env=program.env, labels={}, assertions=0, failure=failure, missed=())


def _told_once(failures: list[Failure], violations: list[Failure]) -> list[Failure]:
    """All of them; where a property's violation is a check that failed, the check is told as the violation."""
    at = {one.path: one for one in violations if one.path}
    told = [at.pop(one.path, one) if one.kind is FailureKind.CHECK else one for one in failures]
    return [*told, *(one for one in violations if one not in told)]


def _properties(plan: Plan, trace: Trace) -> tuple[tuple[PropertyResult, ...], list[Failure]]:
    """What the properties of the plan say of a run. It may have failed already: they judge what there is."""
    if not plan.properties:
        return (), []
    from simdsl.runs.verdict import evaluate_properties  # most plans name none

    return evaluate_properties(plan, trace)


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
