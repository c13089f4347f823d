"""Run a plan on several backends, under the same schedules, and compare what they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import Literal, TypeAlias

from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.core import gc_pause
from simdsl.core.matcher import describe
from simdsl.core.verdicts import BackendOutput, Failure, FailureKind, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.oracles.backend_run import BackendRun
from simdsl.oracles.comparator import Aspect, Divergence, SortKeys, compare
from simdsl.oracles.documented_differences import find_known_difference
from simdsl.oracles.equivalence import ACROSS, IDENTICAL
from simdsl.oracles.known_differences import ComparedEngine, PlanContext
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Binding, ExactRows
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.plan.sql import Dialect
from simdsl.rewriting.unroll import step_at
from simdsl.runner.lowering import Skipped, lower
from simdsl.runner.scheduling import ExplicitPolicy, SchedulingPolicy
from simdsl.runs.context import RunContext, RunOptions
from simdsl.runs.verdict import PlanSummary, skip_reason

_LOCKS = "one backend has a lock for every row and waits for it, the other a single one and refuses at once"


_VOLATILE = "the answer is another one every time, so only its form was compared"


_HELP = "if both are right, write at this step what one of them does, and `why:`"


def run_differential(plan: Plan, file: str, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. The first backend explores, the others follow its choices and are compared with it.

    A report's ``backend`` is the label of its backend. Raises ``BackendUnavailable``.
    """
    seed = plan.seed if plan.seed is not None else options.seed
    names = labels(backends)
    yield PlanStarted(plan=plan, file=file, backend=", ".join(names), seed=seed)
    tally = PlanSummary(plan=plan, file=file, backend=", ".join(names), seed=seed)
    for name, backend in zip(names, backends, strict=True):
        reason = skip_reason(plan, backend)
        if reason is not None:
            yield tally.skipped(f"on {name}: {reason}")
            return
    options = replace(options, end_state=True)
    told: dict[_KnownDifferenceKey, str] = {}
    for params in plan.params or ((),):
        with gc_pause.gc_paused():
            programs = [lower(plan, backend, params, last=options.last) for backend in backends]
        with ExitStack() as stack:
            sides: list[_ComparedBackend] = []
            for name, backend, program in zip(names, backends, programs, strict=True):
                if isinstance(program, Skipped):
                    yield tally.skipped(f"on {name}: {program.reason}")
                    return
                arena = RunContext(plan, program, params, backend, options)
                stack.callback(arena.close)
                sides.append(_ComparedBackend(name, arena))
            for report in _runs(plan, sides, seed, tally, told):
                tally.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL:
                    yield tally.ended()
                    return
    yield tally.ended()


def labels(backends: Sequence[Backend]) -> tuple[str, ...]:
    """What reports call each: its name, its URL where others have the same name, a number where these are the same too."""
    names = [backend.name for backend in backends]
    names = [mask(one.url) if names.count(name) > 1 else name for name, one in zip(names, backends, strict=True)]
    return tuple(f"{name} #{i}" if names.count(name) > 1 else name for i, name in enumerate(names, 1))


def _runs(
    plan: Plan, sides: Sequence[_ComparedBackend], seed: int, tally: PlanSummary, told: dict[_KnownDifferenceKey, str]
) -> Iterator[RunReport]:
    reference, *others = sides
    schedules = reference.arena.schedules(seed)
    if schedules is not None and schedules.repeats:
        for side in sides:
            side.arena.keep()
    judges = [_BackendComparison(plan, reference, other, told) for other in others]
    first = number = tally.runs
    for chooser in schedules if schedules is not None else (None,):
        number += 1
        left = reference.run(chooser, number)
        if schedules is not None:
            schedules.learn(left.trace)
        yield left
        if left.verdict is Verdict.FAIL:
            return
        for judge in judges:
            names = judge.other.arena.program.strand_names
            follower = (
                ExplicitPolicy(names, [names[choice - 1] for choice in left.choices]) if schedules is not None else None
            )
            yield judge.assertions(left, judge.other.run(follower, number))
    if schedules is not None and schedules.cut:
        tally.warn(f"the bound of {number - first} runs cut the exploration: there are more interleavings")


_KnownDifferenceKey: TypeAlias = tuple[str, Path, str, str]
"""A known difference that was met: the other backend, the step, the table if it is one, and the reason."""


class _ComparedBackend:
    """A backend that takes part: its world, and what of its program a comparison asks for."""

    def __init__(self, label: str, arena: RunContext) -> None:
        self.label = label
        self.arena = arena
        program = arena.program
        ops = [op for code in (program.setup, *program.strands, program.finally_) for op in code]
        self.control = {op.path: op.statement.transaction for op in ops if op.statement and op.statement.transaction}
        self.sent = {op.path: op.statement.text for op in reversed(ops) if op.statement is not None}
        self.nondeterministic = frozenset(op.path for op in ops if op.nondeterministic)
        self.said = tuple(dict.fromkeys(op.what for op in ops if op.statement is not None))

    @property
    def backend(self) -> Backend:
        """The backend itself."""
        return self.arena.backend

    def run(self, chooser: SchedulingPolicy | None, number: int) -> RunReport:
        """One run, told under the label."""
        return replace(self.arena.run(chooser, number), backend=self.label)

    def side(self, report: RunReport) -> BackendRun:
        """A run for the comparator."""
        return BackendRun(
            trace=report.trace,
            paths=self.arena.paths,
            control=self.control,
            tables=report.tables,
            is_whole=report.failure is None,
        )

    @cached_property
    def known_as(self) -> ComparedEngine:
        """For the list of known differences."""
        return ComparedEngine(dialect=self.backend.dialect, engine=self.backend.describe().engine)


@dataclass(frozen=True, slots=True)
class _BackendComparison:
    """Turns the comparison of two runs into the verdict of the second."""

    plan: Plan
    reference: _ComparedBackend
    other: _ComparedBackend
    told: dict[_KnownDifferenceKey, str]

    def assertions(self, left: RunReport, right: RunReport) -> RunReport:
        """The second run's report, with what the comparison adds to it."""
        ours, theirs = self.reference.backend, self.other.backend
        comparison = compare(
            self.reference.side(left),
            self.other.side(right),
            equivalence=IDENTICAL if ours.dialect is theirs.dialect else ACROSS,
            sort_keys=_sort_keys(self.plan, self.reference),
            locks_differ=ours.capabilities.blocks_on_locks is not theirs.capabilities.blocks_on_locks,
        )
        right = replace(right, assertions=right.assertions + comparison.steps + comparison.tables)
        warnings = list(right.warnings)
        for number, divergence in enumerate(comparison.divergences):
            reason = self._declared(divergence.path) or self._documented(divergence)
            if reason is None:
                return self._failed(replace(right, warnings=tuple(warnings)), comparison.divergences[number:])
            warnings.append(self._known(divergence, reason))
            if divergence.outcomes is None or not divergence.is_alone or self._binds(divergence.path):
                if number + 1 < len(comparison.divergences):
                    warnings.append("what differs behind that step may follow from it")
                break
        if comparison.parted is not None:
            reason = self._declared(comparison.parted.path) or _LOCKS
            compared = "what both committed alike" if comparison.tables else "nothing"
            warnings.append(f"{self._known(comparison.parted, reason)}; behind that step {compared} was compared")
        verdict = right.verdict
        if verdict is not Verdict.FAIL:
            verdict = Verdict.WARN if warnings or not right.assertions else Verdict.PASS
        return replace(right, verdict=verdict, warnings=tuple(warnings))

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
        statement = divergence.what if divergence.aspect is not Aspect.TABLE else ""
        texts = (*self.reference.said, *self.reference.sent.values(), *self.other.sent.values())
        difference = find_known_difference(
            self.reference.known_as,
            ours,
            self.other.known_as,
            theirs,
            statement,
            PlanContext(texts, divergence.keys, divergence.undone),
        )
        if difference is not None:
            return f"{difference.reason} ({difference.name}, {difference.link})"
        # Of an answer that is another one every time only the form counts, as in a digest.
        is_volatile = divergence.path in self.reference.nondeterministic and divergence.aspect is Aspect.ROWS
        return _VOLATILE if is_volatile and _same_row_count(ours, theirs) else None

    def _binds(self, path: Path) -> bool:
        """Whether later steps may read what this one gave."""
        if not path:
            return False
        step = step_at(self.plan, path)
        expectations = [getattr(step, "expect", None), *(override.expect for override in step.options.overrides)]
        return any(
            isinstance(cell, Binding)
            for expectation in expectations
            for alternative in expectation or ()
            if isinstance(alternative, ExactRows)
            for row in alternative.rows
            for cell in row
        )

    def _known(self, divergence: Divergence, reason: str) -> str:
        """A difference as a warning, with what came when it was first met: once a plan, however many runs meet it."""
        table = divergence.what if divergence.aspect is Aspect.TABLE else ""
        ours, theirs = self.reference.label, self.other.label
        what = f"table {table}" if table else f"{divergence.task}: {divergence.what}"
        text = f"known difference: {what}: {ours} {divergence.said[0]}, {theirs} {divergence.said[1]}: {reason}"
        return self.told.setdefault((theirs, divergence.path, table, reason), text)

    def _failed(self, right: RunReport, divergences: Sequence[Divergence]) -> RunReport:
        first, further = divergences[0], len(divergences) - 1
        ours, theirs = self.reference.label, self.other.label
        place = f"table {first.what}" if first.task is None else f"step {first.step}" if first.step else "a step"
        own = right.failure if right.failure is not None and _is_of(right.failure, first) else None
        missed = own if own is not None and own.kind is FailureKind.EXPECTATION else None
        expects = f", and the plan expects what {ours} says" if missed is not None else ""
        follow = f"; {further} further {'one follows' if further == 1 else 'follow'}" if further else ""
        failure = Failure(
            kind=FailureKind.DIFFERENCE,
            message=f"{ours} and {theirs} differ at {place} ({first.aspect}){expects}{follow}",
            path=first.path,
            task=first.task,
            override=missed.override if missed is not None else None,
            expected=missed.expected if missed is not None else (),
            arguments=missed.arguments if missed is not None else (),
            help=_HELP if first.path else None,
            fingerprint=f"{FailureKind.DIFFERENCE}/{first.aspect}/{_statement_keyword(first)}/{_difference_kind(first)}",
            backend_outputs=(
                BackendOutput(ours, _full_description(first, 0), self.reference.sent.get(first.path)),
                BackendOutput(theirs, _full_description(first, 1), self.other.sent.get(first.path)),
            ),
        )
        others = (right.failure, *right.consequences) if right.failure is not None else right.consequences
        return replace(
            right,
            verdict=Verdict.FAIL,
            failure=failure,
            consequences=tuple(one for one in others if one is not own),
        )


def _is_of(failure: Failure, first: Divergence) -> bool:
    """Whether the second run's own failure is the same thing: this step did not do what the plan wants."""
    kinds = (FailureKind.EXPECTATION, FailureKind.ERROR, FailureKind.SETUP)
    return failure.path == first.path and failure.kind in kinds


def _same_row_count(ours: Outcome, theirs: Outcome) -> bool:
    return isinstance(ours, Rows) and isinstance(theirs, Rows) and len(ours.rows) == len(theirs.rows)


def _full_description(divergence: Divergence, side: Literal[0, 1]) -> str:
    """What one backend said; of an error its text too, which was not compared."""
    outcome = divergence.outcomes[side] if divergence.outcomes is not None else None
    return ": ".join(describe(outcome)) if isinstance(outcome, Failed) else divergence.said[side]


def _sort_keys(plan: Plan, party: _ComparedBackend) -> SortKeys:
    """For statements as the plan writes them. sqlglot is asked only where two orders differ."""
    dialect = plan.dialect or (party.backend.dialect if len(plan.backends) == 1 else Dialect.SQLITE)

    def keys(text: str) -> tuple[int, ...] | None:
        from simdsl.dialect.sort_keys import columns_of, sort_keys

        return sort_keys(text, dialect, columns_of(party.said, dialect))

    return keys


def _statement_keyword(divergence: Divergence) -> str:
    return divergence.what.split(None, 1)[0].upper() if divergence.task is not None and divergence.what.split() else "TABLE"


def _difference_kind(divergence: Divergence) -> str:
    """How the second differs from the first, or another difference at the same kind of statement would be the same bug."""
    match divergence.outcomes:
        case (Failed() as ours, theirs) | (ours, Failed() as theirs):
            return f"{_class(ours)}-{_class(theirs)}"
        case (Rows() as ours, Rows() as theirs) if ours.columns != theirs.columns:
            return "width"
        case (Rows() as ours, Rows() as theirs) if len(ours.rows) != len(theirs.rows):
            return "fewer" if len(theirs.rows) < len(ours.rows) else "more"
        case (Rows() as ours, Rows() as theirs):
            return "values" if _types(ours) == _types(theirs) else "types"
        case (Affected(n=int(ours_n)), Affected(n=int(theirs_n))):
            return "fewer" if theirs_n < ours_n else "more"
        case _:
            return "-"


def _class(outcome: Outcome) -> str:
    return str(outcome.error_class) if isinstance(outcome, Failed) else "ok"


def _types(rows: Rows) -> Counter[tuple[str, ...]]:
    """The types of the cells of each row, as a bag."""
    return Counter(tuple(type(cell).__name__ for cell in row) for row in rows.rows)
