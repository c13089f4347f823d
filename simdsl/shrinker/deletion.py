"""Deletion: which chunks a plan consists of, what depends on what, and which chunks can go."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import field, fields, is_dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeVar

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Binding, Blocks, SameAs
from simdsl.plan.expressions import ResultReference, ResultSlice
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction, Variable
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.shrinker.case import CandidateTester, ShrinkCase, sql_steps, task_of
from simdsl.verbs.await_ import Await
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return


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
            if not (one.name == "body" and isinstance(node, BlockStep)):
                yield from _nodes(getattr(node, one.name))


Chunk: TypeAlias = Set[Path]


ChunkFinder: TypeAlias = Callable[[ShrinkCase], Sequence[Chunk]]


def task_chunks(case: ShrinkCase) -> list[Chunk]:
    """All that a task says, in `tasks:` and in `steps:`."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path, step in case.places():
        task = task_of(path, step)
        if task is not None and path[0] in ("steps", "tasks"):
            found[task].add(path)
    return list(found.values())


def table_chunks(case: ShrinkCase) -> list[Chunk]:
    """All that names a table which the plan makes, its invariants and checks of the end included."""
    made = [(path, match[1]) for path, step in sql_steps(case) if (match := _CREATE.match(step.sql.text)) is not None]
    found: list[Chunk] = []
    for _, name in made:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        found.append({path for path, step in sql_steps(case) if word.search(step.sql.text)})
    return found


def transaction_chunks(case: ShrinkCase) -> list[Chunk]:
    """Each transaction, whole: from BEGIN to its end."""
    return [set(between) for between in _spans(case, _begins, _ends)]


def bracket_chunks(case: ShrinkCase) -> list[Chunk]:
    """BEGIN and the end of a transaction, without what is between them."""
    return [{between[0], between[-1]} for between in _spans(case, _begins, _ends)]


def lease_chunks(case: ShrinkCase) -> list[Chunk]:
    """Each checkout with all that is done until the connection is returned."""
    return [set(between) for between in _spans(case, _is(Checkout), _is(Return))]


def renewal_chunks(case: ShrinkCase) -> list[Chunk]:
    """A return and the checkout that follows: the task keeps its connection instead."""
    return [{between[0], between[-1]} for between in _spans(case, _is(Return), _is(Checkout))]


def step_chunks(case: ShrinkCase) -> list[Chunk]:
    """Every step; a loop is one."""
    return [{path} for path, _ in case.places()]


CHUNK_FINDERS: Final[Sequence[ChunkFinder]] = (
    task_chunks,
    table_chunks,
    lease_chunks,
    transaction_chunks,
    step_chunks,
    bracket_chunks,
    renewal_chunks,
)
"""From dear parts to cheap ones: what is cut first need not be cut step by step."""


def _spans(case: ShrinkCase, opens: Callable[[Step], bool], closes: Callable[[Step], bool]) -> Iterator[list[Path]]:
    """The steps of a task from one that opens to the next one that closes, in one list of steps."""
    begun: dict[object, list[Path]] = {}
    for path, step in case.places():
        at = (task_of(path, step), path[:-1])
        if at in begun:
            begun[at].append(path)
            if closes(step):
                yield begun.pop(at)
                continue
        if opens(step) and not isinstance(step, BlockStep):
            begun[at] = [path]


def _is(kind: type[Step]) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, kind)


def _begins(step: Step) -> bool:
    return _action(step) is TransactionAction.BEGIN


def _ends(step: Step) -> bool:
    return _action(step) in (TransactionAction.COMMIT, TransactionAction.ROLLBACK)


def _action(step: Step) -> TransactionAction | None:
    return step.sql.transaction.action if isinstance(step, SqlStep) and step.sql.transaction is not None else None


_CREATE: Final = lazy_regex(
    r"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"\[`]?(\w+)", re.IGNORECASE
)


Item = TypeVar("Item")


def bisect_removal(units: Sequence[Item], fails_without: Callable[[Sequence[Item]], bool]) -> Iterator[Sequence[Item]]:
    """What can go in all, after each success. ``fails_without`` answers for a selection of units, in their order.

    From the end: as many as possible go at once, found by halving; the one before them must stay. A unit that must stay
    costs about ``log2(n)`` questions, so few that matter among many cost little: n = 1,000 and 3 of them, about 30. That
    more can go than was found, because something else has gone since, is for a further sweep to find.
    """
    gone: list[Item] = []
    end = len(units)
    while end > 0:
        least, most = 0, end  # so many can go; at most so many
        size = end
        while least < most:
            if fails_without([*units[end - size : end], *gone]):
                least = size
                if size == most:
                    break
            else:
                most = size - 1
            size = (least + most + 1) // 2
        if least:
            gone = [*units[end - least : end], *gone]
            yield gone
        end -= least + 1


def truncate_after_failure(attempts: CandidateTester, failing: Path) -> None:
    """Cut off what comes after the failing step: in its list of steps, in `finally` and in the schedule."""
    case = attempts.best
    if case.order:
        if failing in case.order:
            last = len(case.order) - 1 - case.order[::-1].index(failing)
            before = set(case.order[: last + 1])
            gone = {path for path, _ in case.places() if path[0] == "tasks" and path not in before and _is_plain(path)}
            gone |= {path for path, _ in case.places() if path[0] == "finally"}
            attempts.fails(_without(case, gone, Dependencies.of(case)))
        return
    ends: set[Path] = set()
    if failing[0] in ("steps", "setup"):
        ends = {path for path, _ in case.places() if path[0] == "finally"}
        ends |= {path for path, _ in case.places() if path[:1] == failing[:1] and _index(path) > _index(failing)}
    if ends:
        attempts.fails(_without(case, ends, Dependencies.of(case)))


def delete_chunks(attempts: CandidateTester, kinds: Sequence[ChunkFinder] = CHUNK_FINDERS) -> None:
    """Each kind of part once, from the end."""
    for kind in kinds:
        case = attempts.best
        units = kind(case)
        if not units:
            continue
        ties = Dependencies.of(case)

        def fails_without(gone: Sequence[Chunk], case: ShrinkCase = case, ties: Dependencies = ties) -> bool:
            return attempts.fails(_without(case, set().union(*gone), ties))

        for _ in bisect_removal(units, fails_without):
            pass


def minimize_steps(attempts: CandidateTester) -> None:
    """Until no step, and no two neighbours, can go. The end of a transaction or of a lease is tried alone too."""
    while _delete_one(attempts):
        pass


def _delete_one(attempts: CandidateTester) -> bool:
    case = attempts.best
    ties, units = Dependencies.of(case), step_chunks(case)
    for i in reversed(range(len(units))):
        if any(attempts.fails(case.without(ties.with_dependents(units[i], keep_open=alone))) for alone in (False, True)):
            return True
    return any(attempts.fails(_without(case, one | other, ties)) for one, other in reversed(list(pairwise(units))))


def _without(case: ShrinkCase, gone: Chunk, ties: Dependencies) -> ShrinkCase | None:
    return case.without(ties.with_dependents(gone))


def _index(path: Path) -> int:
    return path[1] if isinstance(path[1], int) else -1


def _is_plain(path: Path) -> bool:
    return "do" not in path
