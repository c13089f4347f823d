"""Pools that need not be there: each task has a connection of its own instead, or all of them have one; or smaller ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simdsl.plan.ir import Action, Await, Checkout, Path, Retry, Return, Sql, SqlKind, SqlStep, Transaction
from simdsl.shrinker.case import Case, task_of
from simdsl.shrinker.passes.sessions import names, renamed
from simdsl.shrinker.ties import Ties


def propose(case: Case) -> Iterator[Case]:
    """Without any pool, or with a connection less and a lease less."""
    if case.plan.pools:
        yield from _without_pools(case)
        yield from _narrower(case)


def _without_pools(case: Case) -> Iterator[Case]:
    """Nobody asks for a connection or gives it back.

    A pool lends one connection to many tasks, and what fails may need just that: then one task says what all say. A pool
    rolls back what is open, so ROLLBACK may have to take the place of a return.
    """
    leases = {path for path, step in case.places() if isinstance(step, Checkout | Return)}
    leases |= {path for path, step in case.places() if isinstance(step, Retry) and set(map(type, step.body)) <= {Checkout}}
    awaits = {path for path, step in case.places() if isinstance(step, Await)}
    gone = leases | (Ties.of(case).with_dependents(leases) & awaits)
    edits: dict[Path, tuple[SqlStep, ...]] = dict.fromkeys(gone, ())
    without = _edited(case, edits)
    if without is not None:
        yield without
        if len(tasks := names(without)) > 1:
            for name in tasks[1:]:
                without = renamed(without, name, tasks[0])
            yield without
    for path, step in _returns_of_transactions(case):
        edits[path] = (_rollback(step.task),)
    rolled_back = _edited(case, edits)
    if rolled_back is not None:
        yield rolled_back


def _narrower(case: Case) -> Iterator[Case]:
    ties = Ties.of(case)
    for pool in case.plan.pools:
        less = tuple(replace(one, size=one.size - 1) if one == pool else one for one in case.plan.pools)
        for path, step in case.places():
            if pool.size > 1 and isinstance(step, Checkout) and step.pool == pool.name:
                made = case.without(ties.with_dependents({path}))
                if made is not None:
                    yield replace(made, plan=replace(made.plan, pools=less))


def _edited(case: Case, changes: Mapping[Path, tuple[SqlStep, ...]]) -> Case | None:
    made = case.edited(changes)
    return None if made is None else replace(made, plan=replace(made.plan, pools=()))


def _returns_of_transactions(case: Case) -> Iterator[tuple[Path, Return]]:
    begun: set[str | None] = set()
    for path, step in case.places():
        match step:
            case SqlStep(sql=Sql(transaction=Transaction(action=Action.BEGIN | Action.SAVEPOINT))):
                begun.add(task_of(path, step))
            case SqlStep(sql=Sql(transaction=Transaction(action=Action.COMMIT | Action.ROLLBACK))):
                begun.discard(task_of(path, step))
            case Return(task=task) if task in begun:
                begun.discard(task)
                yield path, step
            case _:
                pass


def _rollback(task: str) -> SqlStep:
    transaction = Transaction(action=Action.ROLLBACK)
    return SqlStep(task=task, sql=Sql(fragments=("ROLLBACK",), kind=SqlKind.TRANSACTION, transaction=transaction))
