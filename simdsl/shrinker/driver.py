"""The driver of the shrinker: from a plan that fails to a small one with the same failure.

"Smaller" has one meaning, ``case.is_smaller``: fewer steps, then fewer switches between tasks, then fewer characters. A
candidate that is not smaller is never run, and one that fails differently is not followed: it shows another bug, which the
interestingness test takes note of.

The order of work is cheap and large before dear and small, since every step that is deleted early makes all later
candidates faster to run:

1. ``truncate_after_failure``: what comes after the step that failed.
2. ``delete_chunks``: tasks, tables with every statement that names them, leases, transactions, single steps. Each kind is
   searched by bisection, and what depends on a deleted step goes with it.
3. ``minimize_steps``: until no single step and no two neighbors can go.
4. ``simplify``: the passes, which change what is left; then 2 and 3 again if that helped.

At any interruption the best case so far is a plan that was seen to fail with the same fingerprint.

**How to write a pass.** A pass is a generator function: it takes a ``ShrinkCase`` and yields simpler ones, one for each
change that might be possible, and it is listed in ``PASSES``. Five things make a good one:

* *Propose, do not decide.* A pass neither runs anything nor checks whether its result is a valid plan or a smaller one: the
  tester does, before it runs the candidate. A pass that tries to be sure misses what it did not think of.
* *The boldest change first.* "All expectations at once" before "this expectation": if it is accepted, the rest need not be
  tried. Then from the end of the plan to its beginning, where fewer other steps depend on what changes.
* *Deterministic, and stable under success.* After an accepted proposal the pass is called again with the new case, and as
  many proposals are skipped as were refused before (``_exhaust``). So a pass should yield its proposals in an order in
  which those for untouched parts of the plan keep their places.
* *Independent changes in separate proposals, dependent ones in one.* If a column goes, its values go in the same proposal;
  otherwise neither could ever be deleted.
* *Respect what is compared.* In a plan with checks or properties the statements mean something only together:
  ``compares_statements`` tells, and then a pass changes a text everywhere or not at all. Otherwise the plan would still
  fail, but for a claim that the property never made.

Passes that delete come before passes that rewrite, and passes over the text of statements come last: their proposals are
many, and each of them saves only a few characters.

All this starts from the run that failed, written as a plan with one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field, replace
from typing import Final, TypeAlias

from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    StepCompleted,
    TaskBlocked,
    TaskChosen,
    Trace,
    TraceEvent,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Blocks
from simdsl.plan.plan import Param, Plan
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.shrinker.case import BudgetExhausted, CandidateResult, CandidateTester, InterestingnessTest, ShrinkCase
from simdsl.shrinker.deletion import delete_chunks, minimize_steps, truncate_after_failure
from simdsl.shrinker.query_passes import remove_clauses, remove_sources, simplify_expressions, simplify_literals
from simdsl.shrinker.step_passes import (
    merge_tasks,
    reduce_switches,
    remove_expectations,
    remove_params,
    remove_pools,
    remove_waits,
    shorten_schedule,
    simplify_checks,
    simplify_loops,
)
from simdsl.shrinker.table_passes import merge_tables, remove_columns, remove_constraints, remove_rows
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep

Pass: TypeAlias = Callable[[ShrinkCase], Iterator[ShrinkCase]]


# In the order in which they run. A pass that makes others possible, such as fewer waits, comes before them.
PASSES: Final[tuple[Pass, ...]] = (
    remove_waits,
    remove_pools,
    remove_params,
    simplify_loops,
    shorten_schedule,
    merge_tasks,
    reduce_switches,
    simplify_checks,
    remove_expectations,
    merge_tables,
    remove_rows,
    remove_columns,
    remove_clauses,
    remove_sources,
    simplify_expressions,
    simplify_literals,
    remove_constraints,
)


def simplify(tester: CandidateTester) -> None:
    """Each pass in turn, until none of its proposals is accepted."""
    for propose in PASSES:
        _exhaust(tester, propose)


def _exhaust(tester: CandidateTester, propose: Pass) -> None:
    """One pass until none of its proposals is accepted.

    After a success the pass starts over with the smaller case, but behind the proposals that were refused before: to try
    them all again would make n successes cost n² runs. What became possible by the success is found in the next round.
    """
    # Proposals are counted, not remembered: their order is stable, which is what the third rule is for.
    refused = 0
    is_changed = True
    while is_changed:
        is_changed = False
        for i, candidate in enumerate(propose(tester.best)):
            if i < refused:
                continue
            if tester.accepts(candidate):
                is_changed = True
                break
            refused += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkSnapshot:
    """How far the shrinker has come. ``is_minimal`` is False until the end, and for good if it was stopped before that."""

    case: ShrinkCase
    tried: int  # candidates that were run
    others: int  # candidates that failed with another fingerprint
    is_minimal: bool


def shrink(
    case: ShrinkCase,
    test: InterestingnessTest,
    *,
    failing: Path = (),
    rounds: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[ShrinkSnapshot]:
    """The best case so far, after each stage of the search, and at the end.

    ``test`` runs a candidate. It should give ``SAME_FAILURE`` for ``case`` itself; otherwise nothing is ever accepted.
    ``failing`` is the step that failed, if the failure has one. ``rounds`` limits the candidates that are run, and
    ``is_over`` is asked before each.
    """
    tester = CandidateTester(test=test, best=case, limit=rounds, is_over=is_over)
    try:
        if failing:
            truncate_after_failure(tester, failing)
            yield _snapshot(tester, is_minimal=False)
        while True:
            before = tester.best
            delete_chunks(tester)
            yield _snapshot(tester, is_minimal=False)
            minimize_steps(tester)
            yield _snapshot(tester, is_minimal=False)
            deleted = tester.best
            simplify(tester)
            # Nothing simpler, or nothing deleted and simplified in the whole round: another round would try the same again.
            if tester.best in (deleted, before):
                break
    except BudgetExhausted:
        yield _snapshot(tester, is_minimal=False)
        return
    except KeyboardInterrupt:  # in the middle of a candidate: the best case is handed over before the interruption goes on
        yield _snapshot(tester, is_minimal=False)
        raise
    yield _snapshot(tester, is_minimal=True)


def _snapshot(tester: CandidateTester, *, is_minimal: bool) -> ShrinkSnapshot:
    others = sum(result is CandidateResult.OTHER_FAILURE for result in tester.known.values())
    return ShrinkSnapshot(case=tester.best, tried=tester.tried, others=others, is_minimal=is_minimal)


def recorded_case(plan: Plan, params: tuple[Param, ...], trace: Trace) -> ShrinkCase:
    """The run of a plan as a case: its tasks under the explicit schedule that the run took; a plan of `steps:` as it is."""
    plan = replace(plan, params=(params,) if params else ())
    if plan.tasks is None:
        return ShrinkCase(plan=plan)
    return ShrinkCase(plan=plan).in_order(_started(plan, trace))


def unrolled_case(plan: Plan, params: tuple[Param, ...], trace: Trace) -> ShrinkCase | None:
    """The same run unrolled into a single order of `steps:`, every step with the expectation that it has in the plan.

    It reads like a transcript, so it is preferred wherever it has the same failure. None for a plan of `steps:`, and for one
    with loops: how often a body runs may depend on what comes back, which a list of steps cannot say.
    """
    if plan.tasks is None or any(isinstance(step, BlockStep) for task in plan.tasks for step in task.steps):
        return None
    transcript = _Transcript(
        steps={("tasks", task.name, i): step for task in plan.tasks for i, step in enumerate(task.steps)}
    )
    steps = tuple(transcript.steps_of(trace))
    params_ = (params,) if params else ()
    return ShrinkCase(plan=replace(plan, params=params_, tasks=None, schedule=None, steps=steps)) if steps else None


def _started(plan: Plan, trace: Trace) -> Iterator[Path]:
    """The step that each choice of the scheduler started: the first event of the chosen task after the choice."""
    names = [task.name for task in plan.tasks or ()]
    chosen: str | None = None
    for event in trace:
        match event:
            case TaskChosen(choice=choice):
                chosen = names[choice]
            case (
                StepCompleted(task=task, path=path)
                | TaskBlocked(task=task, path=path)
                | CheckEvaluated(task=task, path=path)
            ):
                if task == chosen and path and path[0] == "tasks":
                    yield path
                    chosen = None
            case _:  # no step of a task
                pass


@dataclass(slots=True, kw_only=True, eq=False)
class _Transcript:
    steps: dict[Path, Step]
    waiting: set[str] = field(default_factory=set)
    now_us: int = 0

    def steps_of(self, trace: Trace) -> Iterator[Step]:
        for event in trace:
            yield from self._one(event)

    def _one(self, event: TraceEvent) -> Iterator[Step]:
        match event:
            case ClockAdvanced(now_us=now_us):
                # Virtual time is part of what happened: a timeout fires only if it passes in the transcript, too.
                yield Sleep(duration_us=now_us - self.now_us)
                self.now_us = now_us
            case TaskBlocked(wait=BlockReason.LOCK | BlockReason.POOL, task=task, path=path) if path in self.steps:
                self.waiting.add(task)
                yield _waiting(self.steps[path])
            case StepCompleted(task=task, path=path) if path in self.steps:
                if task in self.waiting:
                    self.waiting.remove(task)
                    step = self.steps[path]
                    expect = step.expect if isinstance(step, SqlStep | Checkout) else None
                    yield Await(task=task, expect=expect, options=replace(step.options, overrides=()))
                else:
                    yield self.steps[path]
            case CheckEvaluated(path=path) if path in self.steps:
                yield replace(_check(self.steps[path]), task=None)
            case _:  # leaves no step in a transcript
                pass


def _waiting(step: Step) -> Step:
    match step:
        case SqlStep() | Checkout() | Return():
            return replace(step, expect=(Blocks(),), options=replace(step.options, label=None))
        case _:
            return step


def _check(step: Step) -> Check:
    assert isinstance(step, Check)
    return step
