"""What goes when a step goes: whoever needs it, and whoever it was there for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import field, fields, is_dataclass
from typing import Any

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Binding, Blocks, SameAs
from simdsl.plan.expressions import ResultReference, ResultSlice
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction, Variable
from simdsl.plan.steps import Await, Checkout, For, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import ShrinkCase, task_of


@dataclass(frozen=True, slots=True)
class Dependencies:
    """For each step those that cannot stay without it, and those that had better not: what it ends."""

    needed_by: Mapping[Path, Set[Path]]
    ends: Mapping[Path, Path]

    @classmethod
    def of(cls, case: ShrinkCase) -> Dependencies:
        """What a plan says of its steps: names, pairs, and waits."""
        tying = _DependencyReader()
        for path, step in case.places():
            tying.read(path, step)
        return cls(tying.needed_by, tying.ends)

    def with_dependents(self, gone: Set[Path], *, keep_open: bool = False) -> Set[Path]:
        """These steps, and all that goes with them. With ``keep_open`` what ends a transaction or a lease goes alone."""
        found, left = set(gone), list(gone)
        while left:
            step = left.pop()
            beginning = (self.ends[step],) if step in self.ends and not keep_open else ()
            for path in (*self.needed_by.get(step, ()), *beginning):
                if path not in found:
                    found.add(path)
                    left.append(path)
        return found


@dataclass(slots=True, eq=False)
class _DependencyReader:
    """One walk through a plan, in file order. What is open is kept for each task and each list of steps."""

    needed_by: dict[Path, set[Path]] = field(default_factory=lambda: defaultdict(set))
    ends: dict[Path, Path] = field(default_factory=dict)
    labels: dict[str, Path] = field(default_factory=dict)
    bound: dict[str, Path] = field(default_factory=dict)
    begun: dict[object, Path] = field(default_factory=dict)
    marks: dict[object, Path] = field(default_factory=dict)
    checked_out: dict[object, Path] = field(default_factory=dict)
    parked: dict[str | None, Path] = field(default_factory=dict)

    def read(self, path: Path, step: Step) -> None:
        """Take a step in."""
        self._names(path, step)
        task = task_of(path, step)
        at = (task, path[:-1])
        match step:
            case SqlStep(sql=sql) if sql.transaction is not None:
                self._transaction(at, path, sql.transaction.action, (sql.transaction.name or "").lower())
            case Checkout():
                self.checked_out[at] = path
            case Return() if at in self.checked_out:
                self._pair(self.checked_out.pop(at), path)
            case Await(task=waiting) if waiting in self.parked:
                self._pair(self.parked.pop(waiting), path)
            case _:
                pass
        if isinstance(step, SqlStep | Checkout) and any(isinstance(node, Blocks) for node in step.expect or ()):
            self.parked[task] = path

    def _transaction(self, at: tuple[str | None, Path], path: Path, action: TransactionAction, name: str) -> None:
        match action:
            case TransactionAction.BEGIN:
                self.begun[at] = path
            case TransactionAction.COMMIT | TransactionAction.ROLLBACK if at in self.begun:
                self._pair(self.begun.pop(at), path)
            case TransactionAction.SAVEPOINT:
                self.marks[at, name] = path
            case TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE if (at, name) in self.marks:
                self.needed_by[self.marks[at, name]].add(path)
            case _:
                pass

    def _names(self, path: Path, step: Step) -> None:
        for node in _nodes(step):
            match node:
                case ResultReference(label=label) | ResultSlice(label=label) | SameAs(label=label) if label in self.labels:
                    self.needed_by[self.labels[label]].add(path)
                case Variable(name=name) if name in self.bound:
                    self.needed_by[self.bound[name]].add(path)
                case Binding(name=name):
                    self.bound[name] = path
                case _:
                    pass
        if step.options.label is not None:
            self.labels[step.options.label] = path

    def _pair(self, begin: Path, end: Path) -> None:
        self.needed_by[begin].add(end)
        self.ends[end] = begin


def _nodes(node: Any) -> Iterator[Any]:
    """Everything that a step consists of, but for the body of a loop: its steps are steps themselves."""
    if isinstance(node, tuple):
        for item in node:
            yield from _nodes(item)
    elif is_dataclass(node):
        yield node
        for one in fields(node):
            if not (one.name == "body" and isinstance(node, For | Retry)):
                yield from _nodes(getattr(node, one.name))
