"""The health of a run of generated plans: what each profile or property came to, and what was never met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Final

from simdsl.core.trace import BlockReason, TaskBlocked, Trace
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats, PlanEnded, PlanStarted, Progress, RunEnded, Verdict
from simdsl.language.property_names import known_names
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.properties import registry
from simdsl.report.context import count_noun

DEFAULT_FLOOR: Final = 1

_CONFLICTS: Final = frozenset(
    (
        ErrorClass.BUSY,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.SNAPSHOT_CONFLICT,
    )
)


@dataclass(slots=True, eq=False)
class _Count:
    generated: int = 0
    assertions: int = 0
    failed: int = 0
    without_assertions: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


class HealthCollector:
    """Folds the progress of a call into its health."""

    def __init__(self, generators: Mapping[str, str], *, are_properties: bool, floor: int) -> None:
        """``generators`` are the names of the profile or the properties by the files of their plans.

        A property counts an assertion wherever its claim could have broken; a generated plan, wherever one of its
        expectations was compared.
        """
        self._generators = generators
        self._are_properties = are_properties
        self._floor = floor
        self._counts: dict[str, _Count] = {name: _Count() for name in generators.values()}
        self._property_assertions: dict[str, int] = {}
        self._conflicts = self._waits = self._runs = 0

    def tell(self, progress: Progress) -> None:
        """Count a run and look at its trace; count a plan."""
        if isinstance(progress, PlanStarted):
            self._property_assertions.clear()
        elif isinstance(progress, RunEnded):
            # A conflict is seen in the trace alone: a statement that waits and then succeeds leaves no other mark.
            self._runs += 1
            for one in progress.report.properties:
                self._property_assertions[one.name] = self._property_assertions.get(one.name, 0) + one.assertions
            self._look(progress.report.trace)
        elif isinstance(progress, PlanEnded):
            self._count(progress)

    def end(self) -> GeneratorHealth:
        """What the call came to."""
        return GeneratorHealth(
            floor=self._floor,
            of=tuple(
                GeneratorStats(
                    name=name,
                    generated=count.generated,
                    assertions=count.assertions,
                    failed=count.failed,
                    skipped=tuple(count.skipped.items()),
                    without_assertions=count.without_assertions,
                    never=self._never(name) if count.without_assertions else None,
                )
                for name, count in self._counts.items()
            ),
            runs=self._runs,
            conflicts=self._conflicts,
            pool_waits=self._waits,
        )

    def _count(self, ended: PlanEnded) -> None:
        name = self._generators[ended.file]
        assertions = self._property_assertions.get(name, 0) if self._are_properties else ended.assertions
        count = self._counts[name]
        count.generated += 1
        count.assertions += assertions
        count.failed += ended.verdict is Verdict.FAIL
        count.without_assertions += ended.verdict is not Verdict.SKIP and not assertions
        if ended.verdict is Verdict.SKIP:
            reason = _reason(ended.reason or "")
            count.skipped[reason] = count.skipped.get(reason, 0) + 1

    def _never(self, name: str) -> str:
        return registry.find(name).unchecked if self._are_properties and name in known_names() else "nothing was compared"

    def _look(self, trace: Trace) -> None:
        for _, event in trace.between:
            if isinstance(event, TaskBlocked):
                self._conflicts += event.wait is BlockReason.LOCK
                self._waits += event.wait is BlockReason.POOL
        for outcome in trace.outcomes:
            if isinstance(outcome, Failed):
                self._conflicts += outcome.error_class in _CONFLICTS


def merge_health(healths: Iterable[GeneratorHealth]) -> GeneratorHealth:
    """What several calls over plans of the same generators came to. Raises ``ValueError`` for none at all."""
    first, *rest = healths
    # Dictionaries keep the order of the first occurrence, so the merged health reads the same on every machine.
    kinds: list[dict[str, int]] = [dict(one.skipped) for one in first.of]
    of = list(first.of)
    runs, conflicts, waits = first.runs, first.conflicts, first.pool_waits
    for health in rest:
        for number, (ours, theirs) in enumerate(zip(of, health.of, strict=True)):
            for reason, count in theirs.skipped:
                kinds[number][reason] = kinds[number].get(reason, 0) + count
            of[number] = replace(
                ours,
                generated=ours.generated + theirs.generated,
                assertions=ours.assertions + theirs.assertions,
                failed=ours.failed + theirs.failed,
                skipped=tuple(kinds[number].items()),
                without_assertions=ours.without_assertions + theirs.without_assertions,
                never=ours.never or theirs.never,
            )
        runs, conflicts, waits = runs + health.runs, conflicts + health.conflicts, waits + health.pool_waits
    return replace(first, of=tuple(of), runs=runs, conflicts=conflicts, pool_waits=waits)


def health_lines(health: GeneratorHealth, more: str = "--runs") -> Iterator[str]:
    """A line for each property or profile, one for each thing that was never met, and one for each floor missed.

    ``more`` is the option that makes more plans.
    """
    for one in health.of:
        facts = [f"{one.generated} generated", count_noun(one.assertions, "assertion"), f"{one.failed} failed"]
        facts += [f"{number} skipped ({reason})" for reason, number in one.skipped]
        if one.without_assertions:
            facts.append(f"{one.without_assertions} without assertions ({one.never})")
        yield f"{one.name}: {', '.join(facts)}"
    if health.runs and not health.conflicts:
        yield "no lock conflicts occurred; locking was not exercised"
    if health.runs and not health.pool_waits:
        yield "no task waited for a pool; pool exhaustion was not exercised"
    for one in health.below:
        yield (
            f"too few assertions: {one.name} has {one.assertions:,}, and the floor is {health.floor:,}; "
            f"more {more}, a larger --profile or another --seed may help"
        )


def _reason(text: str) -> str:
    """Why, without the step, which differs from plan to plan."""
    head, colon, rest = text.partition(": ")
    return rest if colon and head.startswith("step ") else text
