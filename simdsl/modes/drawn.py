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
    taken = frozenset(_bound(plan))
    made = list(params)
    tasks: list[Task] = []
    for name in workload.tasks:
        steps: list[Step] = []
        for act in acts(workload, seed, name):
            names = {own: named(made, own, value, taken) for own, value in act.values}
            steps += of_task(_renamed(act.deed.body, names), name)
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


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """The same with other names for its variables."""
    if isinstance(node, Var):
        return Var(name=names.get(node.name, node.name))
    if isinstance(node, tuple):
        return tuple(_renamed(item, names) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    return replace(node, **{one.name: _renamed(getattr(node, one.name), names) for one in fields(node)})


def _bound(node: Any) -> Iterator[str]:
    """The names that expectations and loops give."""
    if isinstance(node, tuple):
        for item in node:
            yield from _bound(item)
    elif isinstance(node, Bind):
        yield node.name
    elif is_dataclass(node):
        if isinstance(node, For):
            yield node.variable
        for one in fields(node):
            yield from _bound(getattr(node, one.name))
