"""The recorded finding of a planted bug, shrunk: what is left fails alike with the bug, and holds without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import PlanEnded, Verdict
from simdsl.failures import PlanRunner, failed_run, primary_failure
from simdsl.plan.plan import Plan
from simdsl.profiles.load import load_profile
from simdsl.properties import registry
from simdsl.properties.property import PlanSize
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan
from simdsl.shrinker.case import ShrinkCase
from tests.mutation.bug import Bug
from tests.mutation.hunting import Hunt


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The plan that found a bug: the first of those that are recorded."""

    property: str
    profile: str
    seed: int

    @classmethod
    def of(cls, hunt: Hunt) -> Finding:
        """Of a bug that was found."""
        assert hunt.finder is not None
        assert hunt.profile is not None
        return cls(property=hunt.finder, profile=hunt.profile, seed=hunt.seeds[0])

    def plan(self) -> Plan:
        """As its seed and profile make it."""
        return replace(registry.find(self.property).plan(self.seed, PlanSize.of(load_profile(self.profile))), seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """What became of a finding. ``found`` is the number of its steps, ``plan`` what is left of it."""

    bug: str
    finding: Finding
    fingerprint: str
    found: int
    tries: int
    seconds: float
    plan: Plan


def shorten(bug: Bug, finding: Finding) -> Shortened:
    """Run the plan that found a bug and shrink it to its end. Raises ``NotReproducible`` and ``BackendUnavailable``.

    Only what holds without the bug is followed: else the plan may become one that fails everywhere.
    """
    began_ns, plan, broken = real_ns(), finding.plan(), on(bug.make())
    report = failed_run(broken, plan)
    if report is None:
        raise LookupError(f"{bug.name} is not found by {finding}: `python -m tests.mutation --bug {bug.name} --write`")
    *_, end = ShrinkDriver(plan, report, finding.seed, broken, ShrinkLimits(), on(resolve(bug.sound)))
    return Shortened(
        bug=bug.name,
        finding=finding,
        fingerprint=primary_failure(report).fingerprint,
        found=steps(plan),
        tries=end.tried,
        seconds=(real_ns() - began_ns) / 1e9,
        plan=end.case.plan,
    )


def steps(plan: Plan) -> int:
    """How many it has, as the shrinker counts: those of setup, loops, `finally` and invariants too."""
    return sum(1 for _ in ShrinkCase(plan=plan).places())


def fingerprints(bug: Bug, plan: Plan) -> tuple[str, ...]:
    """What a run of a plan with the bug shows; nothing if it holds."""
    report = failed_run(on(bug.make()), plan)
    if report is None or report.failure is None:
        return ()
    return tuple(failure.fingerprint for failure in (report.failure, *report.consequences))


def holds_without(bug: Bug, plan: Plan) -> bool:
    """Whether a plan runs and holds where the bug is not."""
    (end,) = (event for event in on(resolve(bug.sound))(plan) if isinstance(event, PlanEnded))
    return end.verdict in (Verdict.PASS, Verdict.WARN) and end.runs > 0


def on(backend: Backend) -> PlanRunner:
    """Runs plans on this backend."""
    return partial(run_plan, file="plan", backend=backend, options=RunOptions(seed=1))
