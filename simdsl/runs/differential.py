"""Run a plan on several backends, under the same schedules, and compare what they do.

The comparison of two runs is ``simdsl.oracles.comparator``. Added here is what only a run knows: the overrides of the plan,
the documented differences between the two engines, and the words in which a difference is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import Literal, TypeAlias

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import mask
from simdsl.core.matcher import describe
from simdsl.core.verdicts import BackendOutput, Failure, FailureKind, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.oracles.comparator import Aspect, BackendRun, Divergence, SortKeys, compare
from simdsl.oracles.equivalence import ACROSS, IDENTICAL
from simdsl.oracles.known_differences import ComparedEngine, PlanContext, find_known_difference
from simdsl.plan.deferred import dataclass, gc_paused
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Binding, ExactRows
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.sql import Dialect
from simdsl.rewriting.pin import step_at
from simdsl.runner.lowering import Skipped, lower
from simdsl.runner.scheduling import ExplicitPolicy, SchedulingPolicy
from simdsl.runs.context import RunContext, RunOptions
from simdsl.runs.verdict import PlanSummary, evaluate_run, skip_reason

_LOCKS = "one backend locks single rows and waits for them, the other locks the whole database and refuses at once"
_NONDETERMINISTIC = "the statement is nondeterministic, so only the number of its rows was compared"
_HELP = "if both are right, write at this step what one of them does, and `why:`"
KnownDifferenceKey: TypeAlias = tuple[str, Path, str, str]
"""A known difference that was met: the other backend, the step, the table if it is one, and the reason."""


class ComparedBackend:
    """A backend that takes part: its run context, and what a comparison asks about its program."""

    def __init__(self, label: str, context: RunContext) -> None:
        self.label = label
        self.context = context
        program = context.program
        ops = program.statements(invariants=False)
        self.control = {op.path: op.statement.transaction for op in ops if op.statement.transaction}
        self.sent = {op.path: op.statement.text for op in reversed(ops)}
        self.nondeterministic = frozenset(op.path for op in ops if op.nondeterministic)
        self.statements = tuple(dict.fromkeys(op.what for op in ops))

    @property
    def backend(self) -> Backend:
        """The backend itself."""
        return self.context.backend

    def run(self, policy: SchedulingPolicy | None, number: int) -> RunReport:
        """One run, reported under the label."""
        return replace(evaluate_run(self.context.run(policy, number)), backend=self.label)

    def backend_run(self, report: RunReport) -> BackendRun:
        """A run as the comparator takes it."""
        return BackendRun(
            trace=report.trace,
            paths=self.context.paths,
            control=self.control,
            tables=report.tables,
            is_whole=report.failure is None,
        )

    @cached_property
    def engine(self) -> ComparedEngine:
        """The engine as the list of documented differences names it. Asked only when two outcomes differ."""
        return ComparedEngine(dialect=self.backend.dialect, engine=self.backend.describe().engine)


@dataclass(frozen=True, slots=True)
class BackendComparison:
    """Compares each run of one backend with the reference's.

    ``reported`` is shared by all comparisons of a plan, so that a known difference is a warning once, however many runs
    meet it.
    """

    plan: Plan
    reference: ComparedBackend
    other: ComparedBackend
    reported: dict[KnownDifferenceKey, str]

    def compare(self, left: RunReport, right: RunReport) -> RunReport:
        """The second run's report with what the comparison adds to it: assertions, warnings, a failure."""
        ours, theirs = self.reference.backend, self.other.backend
        comparison = compare(
            self.reference.backend_run(left),
            self.other.backend_run(right),
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
            # The next differences may follow from this one if it changed the data or bound a variable; reporting them as
            # failures would blame the wrong step.
            if divergence.outcomes is None or not divergence.is_alone or self._binds(divergence.path):
                if number + 1 < len(comparison.divergences):
                    warnings.append("later differences may follow from this one")
                break
        if comparison.stopped_at is not None:
            reason = self._declared(comparison.stopped_at.path) or _LOCKS
            compared = "only what both committed" if comparison.tables else "nothing"
            warnings.append(f"{self._known(comparison.stopped_at, reason)}; after that step {compared} was compared")
        verdict = right.verdict
        if verdict is not Verdict.FAIL:
            verdict = Verdict.WARN if warnings or not right.assertions else Verdict.PASS
        return replace(right, verdict=verdict, warnings=tuple(warnings))

    def _declared(self, path: Path) -> str | None:
        """The plan's own reason, where it has an override for one of the two backends."""
        if not path:
            return None
        options = step_at(self.plan, path).options
        names = (self.reference.backend.name, self.other.backend.name)
        if not any(override.backend in names for override in options.overrides):
            return None
        return options.why or "the plan has an override for it, without `why:`"

    def _documented(self, divergence: Divergence) -> str | None:
        if divergence.outcomes is None:
            return None
        ours, theirs = divergence.outcomes
        statement = divergence.what if divergence.aspect is not Aspect.TABLE else ""
        texts = (*self.reference.statements, *self.reference.sent.values(), *self.other.sent.values())
        difference = find_known_difference(
            self.reference.engine,
            ours,
            self.other.engine,
            theirs,
            statement,
            PlanContext(texts, divergence.keys, divergence.undone),
        )
        if difference is not None:
            return f"{difference.reason} ({difference.name}, {difference.link})"
        # The digest takes only the types of such an answer for the same reason: its values never repeat.
        is_nondeterministic = divergence.path in self.reference.nondeterministic and divergence.aspect is Aspect.ROWS
        return _NONDETERMINISTIC if is_nondeterministic and _same_row_count(ours, theirs) else None

    def _binds(self, path: Path) -> bool:
        """Whether this step binds variables, which later steps may read."""
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
        """The warning for a difference, with the outcomes of the run that met it first."""
        table = divergence.what if divergence.aspect is Aspect.TABLE else ""
        ours, theirs = self.reference.label, self.other.label
        what = f"table {table}" if table else f"{divergence.task}: {divergence.what}"
        text = f"known difference: {what}: {ours} {divergence.said[0]}, {theirs} {divergence.said[1]}: {reason}"
        return self.reported.setdefault((theirs, divergence.path, table, reason), text)

    def _failed(self, right: RunReport, divergences: Sequence[Divergence]) -> RunReport:
        first, further = divergences[0], len(divergences) - 1
        ours, theirs = self.reference.label, self.other.label
        place = f"table {first.what}" if first.task is None else f"step {first.step}" if first.step else "a step"
        own = right.failure if right.failure is not None and _has_same_cause(right.failure, first) else None
        mismatch = own if own is not None and own.kind is FailureKind.EXPECTATION else None
        expects = f", and the plan expects what {ours} says" if mismatch is not None else ""
        follow = f"; {further} further {'one follows' if further == 1 else 'follow'}" if further else ""
        failure = Failure(
            kind=FailureKind.DIFFERENCE,
            message=f"{ours} and {theirs} differ at {place} ({first.aspect}){expects}{follow}",
            path=first.path,
            task=first.task,
            override=mismatch.override if mismatch is not None else None,
            expected=mismatch.expected if mismatch is not None else (),
            arguments=mismatch.arguments if mismatch is not None else (),
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


def _has_same_cause(failure: Failure, first: Divergence) -> bool:
    """Whether the second run's own failure has the same cause: this step did not do what the plan expects."""
    kinds = (FailureKind.EXPECTATION, FailureKind.ERROR, FailureKind.SETUP)
    return failure.path == first.path and failure.kind in kinds


def _same_row_count(ours: Outcome, theirs: Outcome) -> bool:
    return isinstance(ours, Rows) and isinstance(theirs, Rows) and len(ours.rows) == len(theirs.rows)


def _full_description(divergence: Divergence, side: Literal[0, 1]) -> str:
    """The outcome on one backend, with the text of an error, which was not compared."""
    outcome = divergence.outcomes[side] if divergence.outcomes is not None else None
    return ": ".join(describe(outcome)) if isinstance(outcome, Failed) else divergence.said[side]


def _sort_keys(plan: Plan, reference: ComparedBackend) -> SortKeys:
    """The columns that a statement of the plan sorts by."""
    dialect = plan.dialect or (reference.backend.dialect if len(plan.backends) == 1 else Dialect.SQLITE)

    def keys(text: str) -> tuple[int, ...] | None:
        # sqlglot takes 200 ms to import; it is needed only where the rows of two backends come in different orders.
        from simdsl.dialect.statements import columns_of, sort_keys

        return sort_keys(text, dialect, columns_of(reference.statements, dialect))

    return keys


def _statement_keyword(divergence: Divergence) -> str:
    return divergence.what.split(None, 1)[0].upper() if divergence.task is not None and divergence.what.split() else "TABLE"


def _difference_kind(divergence: Divergence) -> str:
    """How the second differs from the first: a part of the fingerprint, so that each kind of difference is its own bug."""
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


def run_differential(plan: Plan, file: str, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. The first backend explores; the others follow its choices and are compared with it.

    A report's ``backend`` is the label of its backend (see ``labels``).

    Raises:
        BackendUnavailable: One of the backends cannot be reached, or stopped answering.
    """
    seed = plan.seed if plan.seed is not None else options.seed
    names = labels(backends)
    yield PlanStarted(plan=plan, file=file, backend=", ".join(names), seed=seed)
    summary = PlanSummary(plan=plan, file=file, backend=", ".join(names), seed=seed)
    for name, backend in zip(names, backends, strict=True):
        reason = skip_reason(plan, backend)
        if reason is not None:
            yield summary.skipped(f"on {name}: {reason}")
            return
    options = replace(options, end_state=True)
    reported: dict[KnownDifferenceKey, str] = {}
    for params in plan.params or ((),):
        with gc_paused():
            programs = [lower(plan, backend, params, last=options.last) for backend in backends]
        with ExitStack() as stack:
            compared: list[ComparedBackend] = []
            for name, backend, program in zip(names, backends, programs, strict=True):
                if isinstance(program, Skipped):
                    yield summary.skipped(f"on {name}: {program.reason}")
                    return
                context = RunContext(plan, program, params, backend, options)
                stack.callback(context.close)
                compared.append(ComparedBackend(name, context))
            for report in _runs(plan, compared, seed, summary, reported):
                summary.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL:
                    yield summary.ended()
                    return
    yield summary.ended()


def labels(backends: Sequence[Backend]) -> tuple[str, ...]:
    """What reports call each backend: its name; its URL where names repeat; a number where URLs repeat as well."""
    names = [backend.name for backend in backends]
    names = [mask(one.url) if names.count(name) > 1 else name for name, one in zip(names, backends, strict=True)]
    return tuple(f"{name} #{i}" if names.count(name) > 1 else name for i, name in enumerate(names, 1))


def _runs(
    plan: Plan,
    compared: Sequence[ComparedBackend],
    seed: int,
    summary: PlanSummary,
    reported: dict[KnownDifferenceKey, str],
) -> Iterator[RunReport]:
    reference, *others = compared
    explorer = reference.context.schedules(seed)
    if explorer is not None and explorer.repeats:
        for one in compared:
            one.context.snapshot()
    comparisons = [BackendComparison(plan, reference, other, reported) for other in others]
    first = number = summary.runs
    for policy in explorer if explorer is not None else (None,):
        number += 1
        left = reference.run(policy, number)
        if explorer is not None:
            explorer.learn(left.trace)
        yield left
        if left.verdict is Verdict.FAIL:
            return
        for comparison in comparisons:
            other = comparison.other
            follower: ExplicitPolicy | None = None
            if explorer is not None:
                # An explicit schedule, not a strict replay: a task may be blocked here that was not blocked there, and
                # that is a difference to report rather than a divergence of the replay.
                names = other.context.program.thread_names
                follower = ExplicitPolicy(names, [names[choice - 1] for choice in left.choices])
            yield comparison.compare(left, other.run(follower, number))
    if explorer is not None and explorer.cut:
        summary.warn(f"the bound of {number - first} runs cut the exploration: there are more interleavings")
