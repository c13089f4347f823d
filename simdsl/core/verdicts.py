"""Verdicts, failures, and the events that reports receive. A report is a fold over ``Progress``; it knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from simdsl.core.trace import Trace
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import Param, Plan


class Verdict(StrEnum):
    """The four verdicts. An error never counts as a pass, and neither does a run without a single assertion."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"
    WARN = "warn"


class FailureKind(StrEnum):
    """What broke. The first part of a failure's fingerprint."""

    EXPECTATION = "missed_expectation"
    ERROR = "unexpected_error"
    CHECK = "check_failed"
    INVARIANT = "invariant_failed"
    SETUP = "setup_failed"
    DEADLOCK = "plan_deadlock"  # every task is blocked, and no advance of the clock unblocks one
    STUCK = "stuck_statement"  # a real time limit passed, or a statement was still blocked at the end
    POOL = "pool_invariant"
    TRANSACTION = "transaction_invariant"
    DIVERGENCE = "divergence"  # a strict replay found the recorded task blocked or finished
    DIFFERENCE = "backends_differ"  # two backends disagree about a step, or about the content of a table
    INSTABILITY = "runs_differ"  # two executions of the same run left different traces
    CRASH = "crash"  # the process that ran the plan ended, or hung and was killed
    PROPERTY = "property_violated"  # a named property of the plan, evaluated on the trace

    @property
    def label(self) -> str:
        """What people are shown. The value itself is part of stored fingerprints, which must not change."""
        return "expectation failed" if self is FailureKind.EXPECTATION else self.value.replace("_", " ")


class BackendOutput(NamedTuple):
    """The outcome of a step on one of several backends, and the statement that was sent to it, if the step has one."""

    backend: str
    said: str
    sent: str | None


class PropertyResult(NamedTuple):
    """A property on one run: how often it could have been violated (``assertions``), and how often it was."""

    name: str
    assertions: int
    violated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure, in the terms of the plan."""

    kind: FailureKind
    message: str  # one sentence, without the location
    path: Path  # the step; empty if the failure is one of the whole run
    override: str | None = None  # the backend whose override applied
    task: str | None = None
    expected: tuple[str, ...] = ()  # a line each, rows as plan literals
    got: tuple[str, ...] = ()
    help: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()  # the variables of the step and their values as literals
    fingerprint: str = ""
    backend_outputs: tuple[BackendOutput, ...] = ()  # of a difference: each backend


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run: one entry of params, one schedule, one backend."""

    plan: str
    backend: str
    params: tuple[Param, ...]
    run: int  # from 1, within this plan and backend
    choices: tuple[int, ...]  # empty for `steps:`
    verdict: Verdict
    assertions: (
        int  # expectations, checks and invariants evaluated, and moments at which a property could have been violated
    )
    steps: int
    digest: str
    trace: Trace = field(repr=False, compare=False)
    failure: Failure | None = None
    consequences: tuple[Failure, ...] = ()  # further failures, those of `finally` included
    warnings: tuple[str, ...] = ()
    raced: bool = False
    seed: int | None = None  # from which the actions of a workload were sampled, in this run only
    properties: tuple[PropertyResult, ...] = ()  # in the order of the plan
    tables: Mapping[str, Rows] | None = field(default=None, repr=False, compare=False)  # before `finally`, if asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStarted:
    """A plan starts on a backend. ``seed`` is the plan's own, or the one that it was given."""

    plan: Plan
    file: str
    backend: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run of the plan ended."""

    report: RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEnded:
    """The plan ended on a backend, after all its runs or after the first one that failed.

    ``verdict`` is FAIL if a run failed; SKIP, with ``reason``, if the plan cannot run there; WARN if there are warnings (a
    race, an exploration that was cut short, no assertion at all ...); else PASS.
    """

    plan: Plan
    file: str
    backend: str
    seed: int
    verdict: Verdict
    runs: int
    assertions: int
    steps: int
    reason: str | None = None  # of a skip
    warnings: tuple[str, ...] = ()
    failed: RunReport | None = None
    digest: str = ""  # over the digests of all runs


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorStats:
    """How the generated plans of one profile or property fared."""

    name: str
    generated: int  # plans that ended
    assertions: int  # see ``PropertyResult``; of a profile, those of its plans
    failed: int  # plans
    skipped: tuple[tuple[str, int], ...]  # plans, by reason
    without_assertions: int  # plans that ran without one
    never: str | None  # why a property may have none


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorHealth:
    """What the generated plans of a call exercised, and what never happened in them."""

    floor: int  # the fewest assertions that each must have
    of: tuple[GeneratorStats, ...]
    runs: int
    conflicts: int
    pool_waits: int

    @property
    def below(self) -> tuple[GeneratorStats, ...]:
        """Those with too few assertions, except where all plans were skipped, which has a reason of its own."""
        return tuple(
            one
            for one in self.of
            if one.generated > sum(number for _, number in one.skipped) and one.assertions < self.floor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllPlansEnded:
    """The call ended: all plans, or as many as ran before an interruption."""

    seed: int
    plans: int
    passed: int
    failed: int
    skipped: int
    warned: int
    runs: int
    assertions: int
    interrupted: bool = False
    health: GeneratorHealth | None = None  # of generated plans


Progress: TypeAlias = PlanStarted | RunEnded | PlanEnded | AllPlansEnded
