"""What a run comes to, and what reports are told. Reports fold over ``Progress``; nothing else reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from simdsl.core.trace import Trace
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import Param, Plan
from simdsl.plan.source import Path


class Verdict(StrEnum):
    """The four verdicts. An error never counts as a pass, and neither does a run that judged nothing."""

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
    DEADLOCK = "plan_deadlock"  # everybody waits, and nothing can serve anybody
    STUCK = "stuck_statement"  # a real limit passed, or a statement still waited at the end
    POOL = "pool_invariant"
    TRANSACTION = "transaction_invariant"
    DIVERGENCE = "divergence"  # a strict replay met another enabled task than the recorded one
    DIFFERENCE = "backends_differ"  # two backends do not agree about a step, or about what is in a table
    INSTABILITY = "runs_differ"  # the same run, done twice, left two traces
    CRASH = "crash"  # the process in which the plan ran ended, or had to be ended
    PROPERTY = "property_violated"  # a named property of the plan, judged on the trace

    @property
    def label(self) -> str:
        """What people are shown. The value itself is part of stored fingerprints, which must not change."""
        return "expectation failed" if self is FailureKind.EXPECTATION else self.value.replace("_", " ")


class BackendOutput(NamedTuple):
    """What one of several backends said to a step, and what was sent to it (None: nothing that is text)."""

    backend: str
    said: str
    sent: str | None


class PropertyResult(NamedTuple):
    """A property on one run: how often its claim could have broken, and how often it did."""

    name: str
    assertions: int
    violated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that broke, in the plan's own terms."""

    kind: FailureKind
    message: str  # one sentence, without the place
    path: Path  # the step; empty where the whole run is meant
    override: str | None = None  # the backend whose override was in force
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
    assertions: int  # explicit expectations, checks and invariants, and moments at which a property could have broken
    steps: int
    digest: str
    trace: Trace = field(repr=False, compare=False)
    failure: Failure | None = None
    consequences: tuple[Failure, ...] = ()  # what `finally` missed after a failure
    warnings: tuple[str, ...] = ()
    raced: bool = False
    seed: int | None = None  # what the actions of a workload were drawn from; a seed of this run alone
    properties: tuple[PropertyResult, ...] = ()  # in the order of the plan
    tables: Mapping[str, Rows] | None = field(default=None, repr=False, compare=False)  # before `finally`, if anybody asked


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStarted:
    """A plan begins on a backend."""

    plan: Plan
    file: str
    backend: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """One run of it ended."""

    report: RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEnded:
    """All runs of a plan on a backend ended, or the first one that failed did.

    ``verdict`` is FAIL if a run failed, SKIP with ``reason`` if none could start, WARN if a run warned, a schedule raced
    or a bound cut the exploration, or if nothing was judged; else PASS.
    """

    plan: Plan
    file: str
    backend: str
    seed: int
    verdict: Verdict
    runs: int
    assertions: int
    steps: int
    reason: str | None = None  # why it was skipped
    warnings: tuple[str, ...] = ()
    failed: RunReport | None = None
    digest: str = ""  # over the digests of all runs


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorStats:
    """What the generated plans of one profile or property came to."""

    name: str
    generated: int  # plans that ended
    assertions: int  # how often a claim could have broken, or an expectation was compared
    failed: int  # plans
    skipped: tuple[tuple[str, int], ...]  # plans, by reason
    without_assertions: int  # plans that ran and judged nothing
    never: str | None  # why those did


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorHealth:
    """What a call over generated plans exercised, and what it never met."""

    floor: int  # how often each must have been judged
    of: tuple[GeneratorStats, ...]
    runs: int
    conflicts: int
    pool_waits: int

    @property
    def below(self) -> tuple[GeneratorStats, ...]:
        """Those that were judged too seldom. One whose plans were all skipped has said why instead."""
        return tuple(
            one
            for one in self.of
            if one.generated > sum(number for _, number in one.skipped) and one.assertions < self.floor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllPlansEnded:
    """Everything that was selected has run."""

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
