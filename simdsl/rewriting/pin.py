"""A run as a plan that replays exactly that run: one schedule, one set of params, no seeds left to choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from simdsl.core.sampling import sample_actions, steps_for_task
from simdsl.core.verdicts import RunReport
from simdsl.plan.expectations import Binding
from simdsl.plan.plan import Identifier, Param, Plan, Task
from simdsl.plan.schedules import ExplicitSchedule, PctSchedule, RandomSchedule, RecordedSchedule, Schedule
from simdsl.plan.sql import Variable
from simdsl.plan.steps import Step
from simdsl.plan.values import Value, same
from simdsl.verbs.for_ import For


def pin_run(plan: Plan, report: RunReport, seed: int) -> Plan:
    """The plan with this run's params and, under ``tasks:``, its recorded schedule: it runs once, and in the same order.

    A workload becomes the tasks that were sampled from it.
    """
    schedule = _recorded_schedule(plan, report)
    if plan.workload is not None:
        return replace(materialize_workload(plan, report.params, report.seed or 0), schedule=schedule, seed=seed)
    return replace(plan, params=(report.params,) if report.params else (), schedule=schedule, seed=seed)


def _recorded_schedule(plan: Plan, report: RunReport) -> Schedule | None:
    """The choices of a run as a schedule.

    A run whose setup failed made no choices; the plan keeps its schedule then. Only an explicit one cannot be kept for a
    workload: its entries name more steps than the sampled tasks may have.
    """
    if plan.schedule is None:
        return None
    if report.choices:
        return RecordedSchedule(choices=report.choices)
    return (
        RandomSchedule(runs=1)
        if plan.workload is not None and isinstance(plan.schedule, ExplicitSchedule)
        else plan.schedule
    )


def materialize_workload(plan: Plan, params: tuple[Param, ...], seed: int) -> Plan:
    """The plan with its workload replaced by tasks: the actions that a run with these params and this seed samples.

    Sampled values become params. One has the name that it has in its action, with a number appended where another value
    has that name already. The schedule stays.
    """
    workload = plan.workload
    assert workload is not None
    taken = frozenset(_bound_names(plan))
    loops = _renamed_loops(plan, taken.union(param.name for param in params))
    taken = taken.union(loops.values())
    made = list(params)
    tasks: list[Task] = []
    for name in workload.tasks:
        steps: list[Step] = []
        for act in sample_actions(workload, seed, name):
            names = {own: bind_param(made, own, value, taken) for own, value in act.values}
            steps += steps_for_task(_renamed(act.action.body, names, loops), name)
        tasks.append(Task(name=name, steps=tuple(steps)))
    return replace(plan, params=(tuple(made),) if made else (), workload=None, tasks=tuple(tasks))


def bind_param(params: list[Param], name: str, value: Value, taken: frozenset[str] = frozenset()) -> str:
    """The name of a param with this value: ``name`` if that is free or has this value already, else a numbered one.

    A new param is appended to ``params``. ``taken`` are names that no param may have.
    """
    number = 1
    while True:
        candidate = name if number == 1 else f"{name}_{number}"
        number += 1
        if candidate in taken:
            continue
        other = next((param for param in params if param.name == candidate), None)
        if other is None:
            params.append(Param(name=candidate, value=value))
            return candidate
        if not isinstance(other.value, Identifier) and same(other.value, value):
            return candidate


def _renamed_loops(plan: Plan, taken: frozenset[str]) -> Mapping[str, str]:
    """New names for loop variables that a `?x` binds elsewhere.

    In a workload an action never sees what another one bound. In the list of steps of a task it does, and a loop must not
    use a name that is bound already.
    """
    bound = frozenset(node.name for node in _binders(plan) if isinstance(node, Binding))
    found: dict[str, str] = {}
    for node in _binders(plan):
        if isinstance(node, For) and node.variable in bound and node.variable not in found:
            number = 2
            while (other := f"{node.variable}_{number}") in taken or other in found.values():
                number += 1
            found[node.variable] = other
    return found


def _renamed(node: Any, names: Mapping[str, str], loops: Mapping[str, str]) -> Any:
    """A node with its variables renamed, and with its loop variables renamed within their loops.

    ``node`` is any part of the IR. The walk is over the fields of dataclasses, so a new kind of step needs nothing here.
    """
    if isinstance(node, Variable):
        return Variable(name=names.get(node.name, node.name))
    if isinstance(node, tuple):
        return tuple(_renamed(item, names, loops) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    if isinstance(node, For) and node.variable in loops:
        own = loops[node.variable]
        body = _renamed(node.body, {**names, node.variable: own}, loops)
        return replace(node, variable=own, over=_renamed(node.over, names, loops), body=body)
    return replace(node, **{one.name: _renamed(getattr(node, one.name), names, loops) for one in fields(node)})


def _bound_names(plan: Plan) -> Iterator[str]:
    """The names that expectations and loops bind."""
    for node in _binders(plan):
        yield node.name if isinstance(node, Binding) else node.variable


def _binders(node: Any) -> Iterator[Binding | For]:
    if isinstance(node, Binding | For):
        yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _binders(item)
    elif is_dataclass(node):
        for one in fields(node):
            yield from _binders(getattr(node, one.name))


def strip_seeds(plan: Plan) -> Plan:
    """Without seeds of its own, so that the one that was chosen holds everywhere."""
    schedule = plan.schedule
    if isinstance(schedule, RandomSchedule | PctSchedule):
        schedule = replace(schedule, seed=None)
    return replace(plan, seed=None, schedule=schedule)
