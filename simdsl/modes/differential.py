"""Run a plan on several backends, under the same schedules, and compare what they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from simdsl.backends.protocol import Backend
from simdsl.core import collector
from simdsl.core.verdicts import Failure, FailureKind, PlanStarted, Progress, RunEnded, RunReport, Said, Verdict
from simdsl.modes.arena import Arena, RunOptions
from simdsl.modes.counting import PlanTally, unfit
from simdsl.modes.pin import step_at
from simdsl.oracles.comparator import Comparison, Divergence, Side, SortKeys, compare
from simdsl.oracles.equivalence import ACROSS, IDENTICAL
from simdsl.oracles.known import Party, known
from simdsl.plan.ir import Dialect, Path, Plan
from simdsl.runner.lowering import Skipped, lower
from simdsl.runner.schedules import InWords

_LOCKS = "one backend has a lock for every row and waits for it, the other a single one and refuses at once"
_HELP = "if both are right, write at this step what one of them does, and `why:`"


def run_differential(plan: Plan, file: str, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. The first backend explores, the others follow its choices and are compared with it.

    Raises ``BackendUnavailable``.
    """
    seed = plan.seed if plan.seed is not None else options.seed
    names = ", ".join(backend.name for backend in backends)
    yield PlanStarted(plan=plan, file=file, backend=names, seed=seed)
    tally = PlanTally(plan=plan, file=file, backend=names, seed=seed)
    for backend in backends:
        reason = unfit(plan, backend)
        if reason is not None:
            yield tally.skipped(f"on {backend.name}: {reason}")
            return
    options = replace(options, end_state=True)
    for params in plan.params or ((),):
        with collector.paused():
            programs = [lower(plan, backend, params, last=options.last) for backend in backends]
        with ExitStack() as stack:
            arenas: list[Arena] = []
            for backend, program in zip(backends, programs, strict=True):
                if isinstance(program, Skipped):
                    yield tally.skipped(f"on {backend.name}: {program.reason}")
                    return
                arenas.append(Arena(plan, program, params, backend, options))
                stack.callback(arenas[-1].close)
            for report in _runs(plan, arenas, seed, tally, _sort_keys(plan, backends[0])):
                tally.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL:
                    yield tally.ended()
                    return
    yield tally.ended()


def _runs(plan: Plan, arenas: Sequence[Arena], seed: int, tally: PlanTally, sort_keys: SortKeys) -> Iterator[RunReport]:
    reference, *others = arenas
    schedules = reference.schedules(seed)
    if schedules is not None and schedules.repeats:
        for arena in arenas:
            arena.keep()
    number = 0
    for chooser in schedules if schedules is not None else (None,):
        number += 1
        left = reference.run(chooser, number)
        if schedules is not None:
            schedules.learn(left.trace)
        yield left
        if left.verdict is Verdict.FAIL:
            return
        for arena in others:
            names = arena.program.strand_names
            follower = InWords(names, [names[choice - 1] for choice in left.choices]) if schedules is not None else None
            yield _Judge(plan, reference, arena, sort_keys).judged(left, arena.run(follower, number))
    if schedules is not None and schedules.cut:
        tally.warn(f"the bound of {number} runs cut the exploration: there are more interleavings")


@dataclass(frozen=True, slots=True)
class _Judge:
    """Turns the comparison of two runs into the verdict of the second."""

    plan: Plan
    reference: Arena
    other: Arena
    sort_keys: SortKeys

    def judged(self, left: RunReport, right: RunReport) -> RunReport:
        """The second run's report, with what the comparison adds to it."""
        ours, theirs = self.reference.backend, self.other.backend
        comparison = compare(
            Side(trace=left.trace, paths=self.reference.paths, tables=left.tables, is_whole=left.failure is None),
            Side(trace=right.trace, paths=self.other.paths, tables=right.tables, is_whole=right.failure is None),
            equivalence=IDENTICAL if ours.dialect is theirs.dialect else ACROSS,
            sort_keys=self.sort_keys,
            locks_differ=ours.capabilities.blocks_on_locks is not theirs.capabilities.blocks_on_locks,
        )
        right = replace(right, judged=right.judged + comparison.steps + comparison.tables)
        if comparison.divergences:
            # All others come after the first one, and may follow from it.
            first = comparison.divergences[0]
            reason = self._declared(first.path) or self._documented(first)
            if reason is None:
                return self._failed(right, comparison)
            return self._warned(right, comparison, f"known difference: {self._told(first, reason)}")
        return self._warned(right, comparison, None)

    def _declared(self, path: Path) -> str | None:
        """The plan's own words where it expects something else of one of the two."""
        if not path:
            return None
        options = step_at(self.plan, path).options
        names = (self.reference.backend.name, self.other.backend.name)
        if not any(override.backend in names for override in options.overrides):
            return None
        return options.why or "the plan expects it, and does not say why"

    def _documented(self, divergence: Divergence) -> str | None:
        if divergence.outcomes is None:
            return None
        ours, theirs = divergence.outcomes
        left, right = _party(self.reference), _party(self.other)
        difference = known(left, ours, right, theirs, divergence.what)
        return f"{difference.reason} ({difference.name}, {difference.link})" if difference is not None else None

    def _warned(self, right: RunReport, comparison: Comparison, known_as: str | None) -> RunReport:
        warnings = list(right.warnings)
        if known_as is not None:
            warnings.append(known_as)
        further = len(comparison.divergences) - 1
        if further > 0:
            warnings.append(f"{further} further {'difference' if further == 1 else 'differences'} may follow from that")
        if comparison.parted is not None:
            reason = self._declared(comparison.parted.path) or _LOCKS
            compared = "what both committed alike" if comparison.tables else "nothing"
            told = self._told(comparison.parted, reason)
            warnings.append(f"known difference: {told}; behind that step {compared} was compared")
        verdict = Verdict.WARN if warnings and right.verdict is Verdict.PASS else right.verdict
        return replace(right, verdict=verdict, warnings=tuple(warnings))

    def _failed(self, right: RunReport, comparison: Comparison) -> RunReport:
        first, further = comparison.divergences[0], len(comparison.divergences) - 1
        ours, theirs = self.reference.backend.name, self.other.backend.name
        place = f"table {first.what}" if first.task is None else f"step {first.step}" if first.step else "a step"
        follow = f"; {further} further {'one follows' if further == 1 else 'follow'}" if further else ""
        failure = Failure(
            kind=FailureKind.DIFFERENCE,
            message=f"{ours} and {theirs} differ at {place} ({first.aspect}){follow}",
            path=first.path,
            task=first.task,
            help=_HELP if first.path else None,
            fingerprint=f"{FailureKind.DIFFERENCE}/{first.aspect}/{_word(first)}",
            beside=(
                Said(ours, first.said[0], _sent(self.reference, first.path)),
                Said(theirs, first.said[1], _sent(self.other, first.path)),
            ),
        )
        consequences = (right.failure, *right.consequences) if right.failure is not None else right.consequences
        return replace(right, verdict=Verdict.FAIL, failure=failure, consequences=consequences)

    def _told(self, divergence: Divergence, reason: str) -> str:
        ours, theirs = self.reference.backend.name, self.other.backend.name
        what = f"table {divergence.what}" if divergence.task is None else f"{divergence.task}: {divergence.what}"
        return f"{what}: {ours} {divergence.said[0]}, {theirs} {divergence.said[1]}: {reason}"


def _sort_keys(plan: Plan, backend: Backend) -> SortKeys:
    """For statements as the plan writes them. sqlglot is asked only where two orders differ."""
    dialect = plan.dialect or (backend.dialect if len(plan.backends) == 1 else Dialect.SQLITE)

    def keys(text: str) -> tuple[int, ...] | None:
        from simdsl.dialect.ordering import sort_keys

        return sort_keys(text, dialect)

    return keys


def _party(arena: Arena) -> Party:
    return Party(dialect=arena.backend.dialect, engine=arena.backend.describe().engine)


def _sent(arena: Arena, path: Path) -> str | None:
    """The text that a step's statement had when it went to this backend."""
    program = arena.program
    for code in (*program.strands, program.setup, program.finally_):
        for op in code:
            if op.path == path and op.statement is not None:
                return op.statement.text
    return None


def _word(divergence: Divergence) -> str:
    return divergence.what.split(None, 1)[0].upper() if divergence.task is not None and divergence.what.split() else "TABLE"
