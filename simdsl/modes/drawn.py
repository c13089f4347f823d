"""One run of a workload as an ordinary plan: its tasks as lists of steps, and the values that were drawn as params."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from simdsl.core.drawing import acts, of_task
from simdsl.plan.ir import Bind, For, Identifier, Param, Plan, Step, Task, Var
from simdsl.plan.values import Value, same


def in_tasks(plan: Plan, params: tuple[Param, ...], seed: int) -> Plan:
    """The run of this plan's workload with these params and this seed of its own. Its schedule stays.

    A drawn value has the name that it has in its action, with a number behind it where that means another value.
    """
    workload = plan.workload
    assert workload is not None
    taken = frozenset(_given(plan))
    loops = _loops(plan, taken.union(param.name for param in params))
    taken = taken.union(loops.values())
    made = list(params)
    tasks: list[Task] = []
    for name in workload.tasks:
        steps: list[Step] = []
        for act in acts(workload, seed, name):
            names = {own: named(made, own, value, taken) for own, value in act.values}
            steps += of_task(_renamed(act.deed.body, names, loops), name)
        tasks.append(Task(name=name, steps=tuple(steps)))
    return replace(plan, params=(tuple(made),) if made else (), workload=None, tasks=tuple(tasks))


def named(params: list[Param], name: str, value: Value, taken: frozenset[str] = frozenset()) -> str:
    """A param of this value: the variable's own name where it is free or says the same, else a numbered one.

    What is new is added to ``params``; ``taken`` are names that none may have.
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


def _loops(plan: Plan, taken: frozenset[str]) -> Mapping[str, str]:
    """Other names for the variables of loops that an action, which may come before, binds."""
    bound = frozenset(node.name for node in _givers(plan) if isinstance(node, Bind))
    found: dict[str, str] = {}
    for node in _givers(plan):
        if isinstance(node, For) and node.variable in bound and node.variable not in found:
            number = 2
            while (other := f"{node.variable}_{number}") in taken or other in found.values():
                number += 1
            found[node.variable] = other
    return found


def _renamed(node: Any, names: Mapping[str, str], loops: Mapping[str, str]) -> Any:
    """The same with other names for its variables, and for those of its loops where they live."""
    if isinstance(node, Var):
        return Var(name=names.get(node.name, node.name))
    if isinstance(node, tuple):
        return tuple(_renamed(item, names, loops) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    if isinstance(node, For) and node.variable in loops:
        own = loops[node.variable]
        body = _renamed(node.body, {**names, node.variable: own}, loops)
        return replace(node, variable=own, over=_renamed(node.over, names, loops), body=body)
    return replace(node, **{one.name: _renamed(getattr(node, one.name), names, loops) for one in fields(node)})


def _given(plan: Plan) -> Iterator[str]:
    """The names that expectations and loops give."""
    for node in _givers(plan):
        yield node.name if isinstance(node, Bind) else node.variable


def _givers(node: Any) -> Iterator[Bind | For]:
    if isinstance(node, Bind | For):
        yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _givers(item)
    elif is_dataclass(node):
        for one in fields(node):
            yield from _givers(getattr(node, one.name))
