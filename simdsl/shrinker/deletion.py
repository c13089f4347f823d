"""Deletion: what depends on what, which chunks a plan consists of, and which of them can go.

Deleting steps one by one would take a run for each of them, and most runs would tell nothing: a plan without the INSERT
but with the SELECT of its row fails for another reason. So chunks are deleted that belong together, the largest first, and
with them everything that cannot stand without them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import field, fields, is_dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeVar

from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Binding, Blocks, SameAs
from simdsl.plan.expressions import ResultReference, ResultSlice
from simdsl.plan.sql import TransactionAction, Variable
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.shrinker.case import CandidateTester, ShrinkCase, sql_steps, task_of
from simdsl.verbs.await_ import Await
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Which steps cannot stay without a step, and which step a COMMIT, a release or an await belongs to."""

    needed_by: Mapping[Path, Set[Path]]
    ends: Mapping[Path, Path]

    @classmethod
    def of(cls, case: ShrinkCase) -> Dependencies:
        """The dependencies that a plan states: labels and variables, begin and end, blocked and awaited."""
        reader = _DependencyReader()
        for path, step in case.places():
            reader.read(path, step)
        return cls(reader.needed_by, reader.ends)

    def with_dependents(self, gone: Set[Path], *, keep_open: bool = False) -> Set[Path]:
        """These steps and all that goes with them.

        Whoever deletes a COMMIT usually wants the whole transaction gone, or what follows would run in a transaction that
        was not there before. With ``keep_open`` the end of a transaction or a lease goes alone: some bugs need it open.
        """
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
    """One walk through a plan in file order.

    What is open is kept for each task and list of steps: a BEGIN before a loop is not ended by a COMMIT in its body, which
    may run many times or never.
    """

    needed_by: dict[Path, set[Path]] = field(default_factory=lambda: defaultdict(set))
    ends: dict[Path, Path] = field(default_factory=dict)
    labels: dict[str, Path] = field(default_factory=dict)
    bound: dict[str, Path] = field(default_factory=dict)
    begun: dict[object, Path] = field(default_factory=dict)
    marks: dict[object, Path] = field(default_factory=dict)
    checked_out: dict[object, Path] = field(default_factory=dict)
    blocked: dict[str | None, Path] = field(default_factory=dict)

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
            case Await(task=waiting) if waiting in self.blocked:
                self._pair(self.blocked.pop(waiting), path)
            case _:  # other steps open and close nothing
                pass
        if isinstance(step, SqlStep | Checkout) and any(isinstance(node, Blocks) for node in step.expect or ()):
            self.blocked[task] = path

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
            case _:  # an end without a beginning in this list: it depends on nothing here
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
                case _:  # neither uses a name nor defines one
                    pass
        # Behind the names that the step uses: a label may be used again by a later step of the same name.
        if step.options.label is not None:
            self.labels[step.options.label] = path

    def _pair(self, begin: Path, end: Path) -> None:
        self.needed_by[begin].add(end)
        self.ends[end] = begin


def _nodes(node: Any) -> Iterator[Any]:
    """Every node of a step, except the body of a loop, whose steps are visited as steps."""
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
    """All steps of a task, in `tasks:` and in `steps:`."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path, step in case.places():
        task = task_of(path, step)
        if task is not None and path[0] in ("steps", "tasks"):
            found[task].add(path)
    return list(found.values())


def table_chunks(case: ShrinkCase) -> list[Chunk]:
    """All statements that name a table which the plan creates, in invariants and in `finally` as well."""
    made = [(path, match[1]) for path, step in sql_steps(case) if (match := _CREATE.match(step.sql.text)) is not None]
    found: list[Chunk] = []
    for _, name in made:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        found.append({path for path, step in sql_steps(case) if word.search(step.sql.text)})
    return found


def transaction_chunks(case: ShrinkCase) -> list[Chunk]:
    """Each whole transaction, from BEGIN to its end."""
    return [set(between) for between in _spans(case, _begins, _ends)]


def bracket_chunks(case: ShrinkCase) -> list[Chunk]:
    """BEGIN and the end of a transaction, without the statements between them."""
    return [{between[0], between[-1]} for between in _spans(case, _begins, _ends)]


def lease_chunks(case: ShrinkCase) -> list[Chunk]:
    """Each checkout with everything up to the release of its connection."""
    return [set(between) for between in _spans(case, _is(Checkout), _is(Return))]


def renewal_chunks(case: ShrinkCase) -> list[Chunk]:
    """A release and the checkout that follows it: without the two the task keeps its connection."""
    return [{between[0], between[-1]} for between in _spans(case, _is(Return), _is(Checkout))]


def step_chunks(case: ShrinkCase) -> list[Chunk]:
    """Every step; a loop counts as one."""
    return [{path} for path, _ in case.places()]


# From large chunks to small ones: the steps of a task that is deleted whole need not be tried one by one.
CHUNK_FINDERS: Final[Sequence[ChunkFinder]] = (
    task_chunks,
    table_chunks,
    lease_chunks,
    transaction_chunks,
    step_chunks,
    bracket_chunks,
    renewal_chunks,
)


def _spans(case: ShrinkCase, opens: Callable[[Step], bool], closes: Callable[[Step], bool]) -> Iterator[list[Path]]:
    """The steps of a task from one that opens to the next one that closes, within one list of steps."""
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


def bisect_removal(chunks: Sequence[Item], accepts_without: Callable[[Sequence[Item]], bool]) -> Iterator[Sequence[Item]]:
    """All chunks that can go so far, after each success. ``accepts_without`` is asked about a selection, in their order.

    A relative of ddmin (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) for plans in which
    few chunks matter: from the end, the longest run of chunks that can go is found by bisection, then the chunk in front of
    it must stay. So each chunk that matters costs about ``log2(n)`` runs, 30 for 3 of 1,000, where halving into equal parts
    would try the same small parts again at every level. Whether more can go since something else has gone is left to the
    next round.
    """
    gone: list[Item] = []
    end = len(chunks)
    while end > 0:
        least, most = 0, end  # so many can certainly go; at most so many
        size = end  # everything first: often nothing of a kind matters at all
        while least < most:
            if accepts_without([*chunks[end - size : end], *gone]):
                least = size
                if size == most:
                    break
            else:
                most = size - 1
            size = (least + most + 1) // 2
        if least:
            gone = [*chunks[end - least : end], *gone]
            yield gone
        end -= least + 1  # the chunk in front of the run must stay, so it need not be asked about


def truncate_after_failure(tester: CandidateTester, failing: Path) -> None:
    """Delete what comes after the failing step: in its list of steps, in `finally` and in the schedule.

    One run that is almost always accepted, and often the largest single deletion: a generated plan fails somewhere in the
    middle. It may be refused, since a failure at the end of a run can depend on what the schedule did later.
    """
    case = tester.best
    if case.order:
        if failing in case.order:
            last = len(case.order) - 1 - case.order[::-1].index(failing)
            before = set(case.order[: last + 1])
            gone = {path for path, _ in case.places() if path[0] == "tasks" and path not in before and _is_plain(path)}
            gone |= {path for path, _ in case.places() if path[0] == "finally"}
            tester.accepts(_without(case, gone, Dependencies.of(case)))
        return
    ends: set[Path] = set()
    if failing[0] in ("steps", "setup"):
        ends = {path for path, _ in case.places() if path[0] == "finally"}
        ends |= {path for path, _ in case.places() if path[:1] == failing[:1] and _index(path) > _index(failing)}
    if ends:
        tester.accepts(_without(case, ends, Dependencies.of(case)))


def delete_chunks(tester: CandidateTester, kinds: Sequence[ChunkFinder] = CHUNK_FINDERS) -> None:
    """Each kind of chunk once, from the end of the plan."""
    for kind in kinds:
        case = tester.best
        # Found again for each kind: what an earlier kind deleted is gone from the later ones.
        chunks = kind(case)
        if not chunks:
            continue
        # Once for a whole bisection: the case it deletes from stays the same until the next kind.
        dependencies = Dependencies.of(case)

        def accepts_without(
            gone: Sequence[Chunk], case: ShrinkCase = case, dependencies: Dependencies = dependencies
        ) -> bool:
            return tester.accepts(_without(case, set().union(*gone), dependencies))

        for _ in bisect_removal(chunks, accepts_without):
            pass


def minimize_steps(tester: CandidateTester) -> None:
    """Until no single step and no two neighbors can go.

    Neighbors, since some pairs only go together though no name connects them: an INSERT and the DELETE that undoes it.
    All pairs would be n² runs. The end of a transaction or a lease is tried alone as well.
    """
    while _delete_one(tester):
        pass


def _delete_one(tester: CandidateTester) -> bool:
    case = tester.best
    dependencies, chunks = Dependencies.of(case), step_chunks(case)
    for i in reversed(range(len(chunks))):
        if any(
            tester.accepts(case.without(dependencies.with_dependents(chunks[i], keep_open=alone))) for alone in (False, True)
        ):
            return True
    return any(tester.accepts(_without(case, one | other, dependencies)) for one, other in reversed(list(pairwise(chunks))))


def _without(case: ShrinkCase, gone: Chunk, dependencies: Dependencies) -> ShrinkCase | None:
    return case.without(dependencies.with_dependents(gone))


def _index(path: Path) -> int:
    return path[1] if isinstance(path[1], int) else -1


def _is_plain(path: Path) -> bool:
    return "do" not in path
