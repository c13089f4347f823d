"""The context in which one program runs: a fresh database, set up once, and the runs that start from that state.

A ``RunContext`` executes and records; it does not say whether a run is good. What it returns, a ``FinishedRun``, becomes
a verdict in ``simdsl.runs.verdict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import field, replace
from functools import cached_property
from typing import Protocol

from simdsl.backends.protocol import Backend, Database, Pool
from simdsl.core.choices import run_seed
from simdsl.core.clock import Clock
from simdsl.core.matcher import describe
from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.deferred import dataclass, gc_paused
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Param, PctSchedule, Plan, RandomSchedule
from simdsl.plan.values import Value
from simdsl.runner.blocked import RealTimeLimits
from simdsl.runner.interpreter import Interpreter
from simdsl.runner.lowering import TranslatorCache
from simdsl.runner.program import Program, schedule_length
from simdsl.runner.scheduling import ScheduleExplorer, SchedulingPolicy
from simdsl.verbs.base.runtime import RunStopped


class RunObserver(Protocol):
    """Observes runs from within the process that executes them. The crash journal is one."""

    def wrap_database(self, database: Database, program: Program) -> Database:
        """The database in which a program will run, or a wrapper around it."""

    def run_started(
        self, trace: Trace, *, backend: Backend, params: tuple[Param, ...], number: int, seed: int | None
    ) -> None:
        """A run starts writing to this trace; setup is number 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run. ``seed`` is used by schedules that name none; ``last`` cuts `steps:` off after that step."""

    seed: int
    keep_going: bool = False
    last: Path | None = None
    limits: RealTimeLimits = field(default_factory=RealTimeLimits)
    end_state: bool = False  # read every table when the steps have run
    translators: TranslatorCache = field(default_factory=TranslatorCache, repr=False)  # may be shared by many plans
    observer: RunObserver | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """What one run left behind, before anything was concluded from it."""

    plan: Plan
    program: Program
    backend: str
    params: tuple[Param, ...]
    number: int  # from 1, within this plan and backend
    seed: int | None  # of the sampled actions; None where the plan has no workload
    trace: Trace
    failures: tuple[Failure, ...]  # that the interpreter noticed, in the order in which it did
    assertions: int  # of setup and of this run
    raced: bool
    has_unclassified_errors: bool
    tables: Mapping[str, Rows] | None  # before `finally`, where the options asked for it


class RunContext:
    """Where one program runs, with one entry of its params. Setup has run when it is constructed.

    ``close`` leaves nothing behind. Every method raises ``BackendUnavailable`` if the backend cannot be reached.
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
        self._database = backend.create()
        if options.observer is not None:
            self._database = options.observer.wrap_database(self._database, program)
        try:
            refused = self._database.reset(plan.reset) if plan.reset is not None else None
            self._setup = self._run_setup() if refused is None else _not_reset(program, refused)
        except BaseException:  # Ctrl-C as well: the caller has no context yet that it could close
            self._database.close()
            raise

    @property
    def is_set_up(self) -> bool:
        """Whether setup succeeded. If not, there is one run, which consists of `finally` alone."""
        return self._setup.failure is None

    @cached_property
    def paths(self) -> frozenset[Path]:
        """The steps that the plan has on this backend."""
        program = self.program
        return frozenset(op.path for code in (*program.threads, program.setup, program.finally_) for op in code)

    def schedules(self, seed: int) -> ScheduleExplorer | None:
        """The schedules of this plan, None for `steps:`. The actions of a workload are sampled from the seed too."""
        if self._plan.schedule is None or not self.is_set_up:
            return None
        sampling_seed, threads = self._sampling_seed(), self.program.threads
        if self.program.sample_threads is not None and sampling_seed is not None:
            threads = self.program.sample_threads(sampling_seed)
        length = sum(schedule_length(code, self._setup.env) for code in threads)
        return ScheduleExplorer(self._plan.schedule, self.program.thread_names, seed, length)

    def snapshot(self) -> None:
        """Remember what setup left. To be called once, before the first of several runs."""
        self._database.snapshot()

    def run(self, policy: SchedulingPolicy | None, number: int) -> FinishedRun:
        """One run, the ``number``-th of its plan, from the state that setup left. ``policy`` is None for `steps:`."""
        if self._runs:
            # The first run starts where setup ended, so a plan that runs once never pays for a snapshot.
            self._database.restore()
        seed = self._sampling_seed()
        self._runs += 1
        return self._execute(policy, number, seed)

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._database.close()

    def _sampling_seed(self) -> int | None:
        """The seed from which the actions of the next run are sampled; a random schedule has another one for each run."""
        if self.program.sample_threads is None or not self.is_set_up:
            return None
        schedule = self._plan.schedule
        if not isinstance(schedule, RandomSchedule | PctSchedule):
            return self._seed
        return run_seed(self._seed if schedule.seed is None else schedule.seed, self._runs)

    def _run_started(self, trace: Trace, number: int, seed: int | None) -> None:
        if self._options.observer is not None:
            self._options.observer.run_started(trace, backend=self.backend, params=self._params, number=number, seed=seed)

    def _run_setup(self) -> _Setup:
        trace = Trace()
        self._run_started(trace, 0, None)
        interpreter = self._interpreter(Clock(), trace, {})
        failure, env = None, self.program.env
        try:
            env = interpreter.run_steps(self.program.setup, self.program.env, check_invariants=False)
            interpreter.finish()
        except RunStopped as stopped:
            failure = replace(stopped.failure, kind=FailureKind.SETUP, fingerprint=f"setup/{stopped.failure.fingerprint}")
            interpreter.abandon()
        finally:
            interpreter.close()
        return _Setup(
            trace=trace,
            env=env,
            labels=interpreter.labels,
            assertions=interpreter.assertions,
            failure=failure,
            mismatches=tuple(interpreter.failures),
        )

    def _execute(self, policy: SchedulingPolicy | None, number: int, seed: int | None) -> FinishedRun:
        program, setup = self.program, self._setup
        clock, trace = Clock(), setup.trace.copy()
        self._run_started(trace, number, seed)
        tables: Mapping[str, Rows] | None = None
        with gc_paused(), ExitStack() as stack:
            pools: dict[str, Pool] = {}
            for spec in program.pools:
                pools[spec.name] = self._database.pool(spec, clock)
                stack.callback(pools[spec.name].close)
            interpreter = self._interpreter(clock, trace, pools)
            stack.callback(interpreter.close)
            interpreter.labels.update(setup.labels)
            failures = list(setup.mismatches)
            if setup.failure is not None:
                failures.append(setup.failure)
            else:
                failures += self._run_body(interpreter, policy, seed)
                if self._options.end_state:
                    tables = self._database.end_state()  # `finally` may drop what a comparison wants to see
            failures += self._run_finally(interpreter)
        return FinishedRun(
            plan=self._plan,
            program=program,
            backend=self.backend.name,
            params=self._params,
            number=number,
            seed=seed,
            trace=trace,
            failures=tuple(failures),
            assertions=setup.assertions + interpreter.assertions,
            raced=interpreter.raced,
            has_unclassified_errors=interpreter.errors[ErrorClass.OTHER] > 0,
            tables=tables,
        )

    def _run_body(self, interpreter: Interpreter, policy: SchedulingPolicy | None, seed: int | None) -> list[Failure]:
        """Run the steps or the tasks, and end them in good order."""
        program, env = self.program, self._setup.env
        try:
            if policy is not None:
                sampled = None if program.sample_threads is None or seed is None else program.sample_threads(seed)
                interpreter.run_tasks(program.thread_names, sampled or program.threads, env, policy)
            else:
                interpreter.run_steps(program.threads[0], env)
            interpreter.finish(check_invariants=True)
        except RunStopped as stopped:
            interpreter.abandon()
            return [*interpreter.failures, stopped.failure]
        except KeyboardInterrupt:
            # The user's database may outlive this process, so `finally` gets its chance to clean it up.
            interpreter.abandon()
            self._run_finally(interpreter)
            raise
        return list(interpreter.failures)

    def _run_finally(self, interpreter: Interpreter) -> list[Failure]:
        interpreter.failures.clear()
        try:
            interpreter.run_steps(self.program.finally_, self._setup.env, check_invariants=False)
            interpreter.finish()
        except RunStopped as stopped:
            interpreter.abandon()
            return [*interpreter.failures, stopped.failure]
        return list(interpreter.failures)

    def _interpreter(self, clock: Clock, trace: Trace, pools: Mapping[str, Pool]) -> Interpreter:
        return Interpreter(
            database=self._database,
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
class _Setup:
    """What setup left behind, shared by all runs that start from it."""

    trace: Trace
    env: Mapping[str, Value]
    labels: Mapping[str, Outcome]
    assertions: int
    failure: Failure | None
    mismatches: tuple[Failure, ...]  # with `keep_going`, where a mismatch does not stop setup


def _not_reset(program: Program, refused: Failed) -> _Setup:
    """A database that could not be emptied counts as one whose setup failed."""
    failure = Failure(
        kind=FailureKind.SETUP,
        message=refused.text,
        path=("reset", "tables"),
        expected=("ok",),
        got=describe(refused),
        fingerprint=f"setup/reset/{refused.error_class}",
    )
    return _Setup(trace=Trace(), env=program.env, labels={}, assertions=0, failure=failure, mismatches=())
