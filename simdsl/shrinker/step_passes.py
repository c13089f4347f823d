"""Passes over the steps of a plan and their schedule: waits, tasks, switches, pools, params, loops, checks, expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Blocks, Expectation, ExpectedError, Ok, Scalar
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    Expression,
    FunctionCall,
    LogicalNot,
    ResultFunction,
    ResultReference,
    ResultSlice,
    UnaryMinus,
)
from simdsl.plan.plan import Plan, PoolSpec
from simdsl.plan.sql import Sql, SqlKind, TransactionAction, TransactionControl
from simdsl.plan.steps import NO_OPTIONS, BlockStep, ExpectingStep, SqlStep, Step, StepOptions
from simdsl.shrinker.case import ShrinkCase, count_switches, sql_steps, task_of
from simdsl.shrinker.deletion import Dependencies
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.for_ import For, IntegerBounds, ItemList
from simdsl.verbs.retry import Retry
from simdsl.verbs.return_ import Return


def remove_waits(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """In a plan of `steps:` move each step that blocks to where its result is awaited, the last one first.

    First of all passes: a blocked step and its `await` hold the order of everything between them, which no other pass could
    then delete.
    """
    for parked, step, awaiting, end in reversed(list(_waits(case))):
        # The options of the await hold what is expected at the end; overrides belong to the statement.
        late = replace(step, expect=end.expect, options=replace(end.options, overrides=step.options.overrides))
        made = case.edited({parked: (), awaiting: (late,)})
        if made is not None:
            yield made


def _waits(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep | Checkout, Path, Await]]:
    parked: dict[str | None, tuple[Path, SqlStep | Checkout]] = {}
    for i, step in enumerate(case.plan.steps or ()):
        path = ("steps", i)
        if isinstance(step, SqlStep | Checkout) and any(isinstance(one, Blocks) for one in step.expect or ()):
            parked[step.task] = path, step
        elif isinstance(step, Await) and step.task in parked:
            yield *parked.pop(step.task), path, step


def shorten_schedule(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Ever more of the end of the schedule, then each of its entries.

    Behind the last entry the tasks go on in file order, so the end of a schedule is often superfluous. Only tasks with
    loops are affected: all other steps need an entry each (see ``ShrinkCase.in_order``).
    """
    order = case.order
    keep = 1
    while keep < len(order):
        yield case.in_order(order[:keep])
        # Halving the rest: a long schedule is cut in log2(n) proposals.
        keep = keep + (len(order) - keep + 1) // 2
    for i in reversed(range(len(order))):
        yield case.in_order((*order[:i], *order[i + 1 :]))


def merge_tasks(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """In a plan of `steps:` give the steps of each task to each task before it."""
    tasks = task_names(case)
    for i in reversed(range(len(tasks))):
        for name in tasks[:i]:
            yield rename_task(case, tasks[i], name)


def task_names(case: ShrinkCase) -> tuple[str, ...]:
    """The tasks of `steps:` in the order of their first steps; none in a plan of `tasks:`."""
    steps = case.plan.steps or ()
    return tuple(dict.fromkeys(step.task for step in steps if isinstance(step, SqlStep | Checkout) and step.task))


def rename_task(case: ShrinkCase, old: str, new: str) -> ShrinkCase:
    """The case with the steps of one task given to another."""
    steps = tuple(_given_to(step, old, new) for step in case.plan.steps or ())
    return replace(case, plan=replace(case.plan, steps=steps))


def _given_to(step: Step, old: str, new: str) -> Step:
    match step:
        case SqlStep() | Checkout() | Return() | Await() if step.task == old:
            return replace(step, task=new)
        case BlockStep():
            return replace(step, body=tuple(_given_to(one, old, new) for one in step.body))
        case _:  # belongs to no task
            return step


def reduce_switches(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Start a step right after the one before it in its task, if that makes fewer switches between tasks."""
    plan = case.plan
    if plan.steps is not None:
        tasks = [task_of(("steps", i), step) for i, step in enumerate(plan.steps)]
        for order in _orders_with_fewer_switches(tasks):
            yield replace(case, plan=replace(plan, steps=tuple(plan.steps[i] for i in order)))
        return
    for order in _orders_with_fewer_switches([str(path[1]) for path in case.order]):
        yield case.in_order(case.order[i] for i in order)


def _orders_with_fewer_switches(tasks: Sequence[str | None]) -> Iterator[list[int]]:
    """Orders of the indices with fewer switches. Each moves one step, so that a refusal says which one matters."""
    now = count_switches(tasks)
    for i, task in enumerate(tasks):
        before = next((j for j in range(i - 1, -1, -1) if tasks[j] == task), None)
        target = 0 if before is None else before + 1
        if task is None or target == i:
            continue
        order = [*range(target), i, *range(target, i), *range(i + 1, len(tasks))]
        if count_switches([tasks[j] for j in order]) < now:
            yield order


def remove_pools(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Without any pool, or with one connection and one lease less."""
    if case.plan.pools:
        yield from _without_pools(case)
        yield from _narrower(case)


def _without_pools(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """No step checks a connection out or releases it: every task has its own connection.

    That is another plan, and what fails may depend on what the pool did. A pool gives one connection to task after task:
    so the second proposal merges all tasks into one. A pool rolls back what is open on release: so the third has a ROLLBACK
    in the place of each release of an open transaction.
    """
    leases = {path for path, step in case.places() if isinstance(step, Checkout | Return)}
    # A retry around nothing but a checkout has no purpose without pools.
    leases |= {path for path, step in case.places() if isinstance(step, Retry) and set(map(type, step.body)) <= {Checkout}}
    awaits = {path for path, step in case.places() if isinstance(step, Await)}
    gone = leases | (Dependencies.of(case).with_dependents(leases) & awaits)
    edits: dict[Path, tuple[SqlStep, ...]] = dict.fromkeys(gone, ())
    without = _edited(case, edits)
    if without is not None:
        yield without
        if len(tasks := task_names(without)) > 1:
            for name in tasks[1:]:
                without = rename_task(without, name, tasks[0])
            yield without
    for path, step in _returns_of_transactions(case):
        edits[path] = (_rollback(step.task),)
    rolled_back = _edited(case, edits)
    if rolled_back is not None:
        yield rolled_back


def _narrower(case: ShrinkCase) -> Iterator[ShrinkCase]:
    # Size and lease together: a pool that is too small for its leases blocks, and one that is too large never does.
    dependencies = Dependencies.of(case)
    for pool in case.plan.pools:
        less = tuple(replace(one, size=one.size - 1) if one == pool else one for one in case.plan.pools)
        for path, step in case.places():
            if pool.size > 1 and isinstance(step, Checkout) and step.pool == pool.name:
                made = case.without(dependencies.with_dependents({path}))
                if made is not None:
                    yield replace(made, plan=replace(made.plan, pools=less))


def _edited(case: ShrinkCase, changes: Mapping[Path, tuple[SqlStep, ...]]) -> ShrinkCase | None:
    made = case.edited(changes)
    return None if made is None else replace(made, plan=replace(made.plan, pools=()))


def _returns_of_transactions(case: ShrinkCase) -> Iterator[tuple[Path, Return]]:
    begun: set[str | None] = set()
    for path, step in case.places():
        match step:
            case SqlStep(
                sql=Sql(transaction=TransactionControl(action=TransactionAction.BEGIN | TransactionAction.SAVEPOINT))
            ):
                begun.add(task_of(path, step))
            case SqlStep(
                sql=Sql(transaction=TransactionControl(action=TransactionAction.COMMIT | TransactionAction.ROLLBACK))
            ):
                begun.discard(task_of(path, step))
            case Return(task=task) if task in begun:
                begun.discard(task)
                yield path, step
            case _:  # neither begins nor ends a transaction
                pass


def _rollback(task: str) -> SqlStep:
    transaction = TransactionControl(action=TransactionAction.ROLLBACK)
    return SqlStep(task=task, sql=Sql(fragments=("ROLLBACK",), kind=SqlKind.TRANSACTION, transaction=transaction))


def remove_params(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Without params, without each of them; without `doc` and `tags`; with fewer and smaller pools."""
    for plan in _simpler_params(case.plan):
        yield replace(case, plan=plan)


def _simpler_params(plan: Plan) -> Iterator[Plan]:
    if plan.params:
        yield replace(plan, params=())
        for i in range(len(plan.params[0])):
            yield replace(plan, params=tuple((*entry[:i], *entry[i + 1 :]) for entry in plan.params))
    if plan.doc is not None:
        yield replace(plan, doc=None)
    if plan.tags:
        yield replace(plan, tags=())
    for i, pool in enumerate(plan.pools):
        yield replace(plan, pools=(*plan.pools[:i], *plan.pools[i + 1 :]))
        if pool.size > 1:
            yield replace(plan, pools=_with(plan, i, replace(pool, size=1)))


def _with(plan: Plan, i: int, pool: PoolSpec) -> tuple[PoolSpec, ...]:
    return (*plan.pools[:i], pool, *plan.pools[i + 1 :])


def simplify_loops(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each loop with fewer rounds, or as its body alone; the last loop first."""
    for path, step in reversed(list(case.places())):
        for by in _simpler_loop(step):
            changed = case.edited({path: by})
            if changed is not None:
                yield changed


def _simpler_loop(step: Step) -> Iterator[tuple[Step, ...]]:
    match step:
        case Retry():
            yield step.body
            yield tuple(_tried_once(one, step) for one in step.body)
            # Once, then twice: most retries matter only by being there, or by happening again.
            for times in (1, 2):
                if times < step.times:
                    yield (replace(step, times=times),)
            if step.every_us is not None:
                yield (replace(step, every_us=None),)
            if len(step.classes) > 1:
                yield from ((replace(step, classes=(one,)),) for one in step.classes)
        case For(over=ItemList(items=items)) if len(items) > 1:
            yield (replace(step, over=ItemList(items=items[:1])),)
            yield (replace(step, over=ItemList(items=items[: len(items) // 2])),)
        case For(over=IntegerBounds(first=int(first), last=int(last))) if first < last:
            yield step.body
            yield (replace(step, over=IntegerBounds(first=first, last=first)),)
            yield (replace(step, over=IntegerBounds(first=first, last=(first + last) // 2)),)
        case For():
            yield step.body
        case _:  # no loop, or one of a single round
            return


def _tried_once(step: Step, loop: Retry) -> Step:
    """A step of a retry outside of it: the errors that made the loop try again are expected now.

    Without them the first refusal would fail the plan, with a fingerprint of its own, and no retry could ever go.
    """
    if not isinstance(step, SqlStep | Checkout):
        return step
    refusals: Expectation = tuple(ExpectedError(error_class=one) for one in loop.classes)
    return replace(step, expect=(*(step.expect or (Ok(),)), *refusals))


def simplify_checks(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each check as each of its parts, the last check first.

    If ``a and b`` fails, one of the two fails, and that one is the claim. A guard, ``error(x) != NULL or ...``, keeps a
    check from being evaluated where ``x`` failed and may go as well. Any other part of a check must stay: without it the
    check would claim something else. What is left must still mention every statement that changes data, or those could
    be deleted next and the claim would be about nothing.
    """
    changing = {step.options.label for _, step in sql_steps(case) if step.sql.kind is not SqlKind.QUERY}
    for path, step in reversed(list(case.places())):
        if isinstance(step, Check):
            needed = changing & {*_labels(step.expression)}
            for part in _parts(step.expression):
                changed = case.edited({path: (replace(step, expression=part),)}) if needed <= {*_labels(part)} else None
                if changed is not None:
                    yield changed


def _parts(expression: Expression) -> Iterator[Expression]:
    match expression:
        case BinaryOperation(operator=BinaryOperator.AND, left=left, right=right):
            yield from (left, right)
        case BinaryOperation(operator=BinaryOperator.OR, left=guard, right=right) if _is_guard(guard):
            yield right
            yield from (replace(expression, right=part) for part in _parts(right))
        case _:  # every other part is the claim itself
            return


def _is_guard(expression: Expression) -> bool:
    """Whether the expression says that a step failed."""
    match expression:
        case BinaryOperation(
            operator=BinaryOperator.NE,
            left=ResultReference(function=ResultFunction.ERROR),
            right=Constant(cell=Scalar(value=None)),
        ):
            return True
        case _:  # any other expression is part of the claim
            return False


def _labels(expression: Expression) -> Iterator[str]:
    match expression:
        case ResultReference(label=label) | ResultSlice(label=label):
            yield label
        case BinaryOperation(left=left, right=right):
            yield from _labels(left)
            yield from _labels(right)
        case LogicalNot(operand=operand) | UnaryMinus(operand=operand):
            yield from _labels(operand)
        case FunctionCall(arguments=arguments):
            for one in arguments:
                yield from _labels(one)
        case _:  # constants, counts of pools and errors mention no step
            pass


def remove_expectations(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """All expectations at once; then of each step its expectation, its options, all alternatives but one, one less."""
    places = [(path, step) for path, step in case.places() if path[0] != "invariants"]
    bare = {path: (changed,) for path, step in places if (changed := _bare(step)) != step}
    if len(bare) > 1 and (everywhere := case.edited(bare)) is not None:
        yield everywhere
    for path, step in reversed(places):
        for changed in _simpler_expectations(step):
            made = case.edited({path: (changed,)})
            if made is not None:
                yield made


def _simpler_expectations(step: Step) -> Iterator[Step]:
    if (bare := _bare(step)) != step:
        yield bare
    if step.options not in (NO_OPTIONS, quiet := StepOptions(label=step.options.label)):
        yield replace(step, options=quiet)
    if isinstance(step, ExpectingStep) and step.expect is not None:
        many = len(step.expect)
        if many > 1:
            yield from (replace(step, expect=(one,)) for one in step.expect)
        if many > 2:
            yield from (replace(step, expect=(*step.expect[:i], *step.expect[i + 1 :])) for i in reversed(range(many)))


def _bare(step: Step) -> Step:
    """The step without its expectation. `blocks` stays: it is part of the schedule of `steps:`."""
    if not isinstance(step, ExpectingStep) or any(isinstance(one, Blocks) for one in step.expect or ()):
        return step
    return replace(step, expect=None)
