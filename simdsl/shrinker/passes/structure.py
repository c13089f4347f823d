"""Passes over the structure of a plan: pools, params and loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simdsl.plan.expectations import Expectation, ExpectedError, Ok
from simdsl.plan.plan import Plan, PoolSpec
from simdsl.plan.source import Path
from simdsl.plan.sql import Sql, SqlKind, TransactionAction, TransactionControl
from simdsl.plan.steps import Await, Checkout, For, IntegerBounds, ItemList, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import ShrinkCase, task_of
from simdsl.shrinker.dependencies import Dependencies
from simdsl.shrinker.passes.schedule import rename_task, task_names


def remove_pools(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Without any pool, or with a connection less and a lease less."""
    if case.plan.pools:
        yield from _without_pools(case)
        yield from _narrower(case)


def _without_pools(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Nobody asks for a connection or gives it back.

    A pool lends one connection to many tasks, and what fails may need just that: then one task says what all say. A pool
    rolls back what is open, so ROLLBACK may have to take the place of a return.
    """
    leases = {path for path, step in case.places() if isinstance(step, Checkout | Return)}
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
    ties = Dependencies.of(case)
    for pool in case.plan.pools:
        less = tuple(replace(one, size=one.size - 1) if one == pool else one for one in case.plan.pools)
        for path, step in case.places():
            if pool.size > 1 and isinstance(step, Checkout) and step.pool == pool.name:
                made = case.without(ties.with_dependents({path}))
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
            case _:
                pass


def _rollback(task: str) -> SqlStep:
    transaction = TransactionControl(action=TransactionAction.ROLLBACK)
    return SqlStep(task=task, sql=Sql(fragments=("ROLLBACK",), kind=SqlKind.TRANSACTION, transaction=transaction))


def remove_params(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Without params, without each of them; without doc and tags; with fewer and smaller pools."""
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
    """Each loop in its turn, the last one first."""
    for path, step in reversed(list(case.places())):
        for by in _simpler(step):
            changed = case.edited({path: by})
            if changed is not None:
                yield changed


def _simpler(step: Step) -> Iterator[tuple[Step, ...]]:
    match step:
        case Retry():
            yield step.body
            yield tuple(_tried_once(one, step) for one in step.body)
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
        case _:
            return


def _tried_once(step: Step, loop: Retry) -> Step:
    """A step of a loop that may be refused as it may be there."""
    if not isinstance(step, SqlStep | Checkout):
        return step
    refusals: Expectation = tuple(ExpectedError(error_class=one) for one in loop.classes)
    return replace(step, expect=(*(step.expect or (Ok(),)), *refusals))
