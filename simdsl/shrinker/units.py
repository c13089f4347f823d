"""What a plan can be cut into, from the largest parts to single steps. Each is a few steps that go together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Final, TypeAlias

from simdsl.plan.ir import Action, Checkout, For, Path, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import Case, statements, task_of

Unit: TypeAlias = Set[Path]
Cut: TypeAlias = Callable[[Case], Sequence[Unit]]


def tasks(case: Case) -> list[Unit]:
    """All that a task says, in `tasks:` and in `steps:`."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path, step in case.places():
        task = task_of(path, step)
        if task is not None and path[0] in ("steps", "tasks"):
            found[task].add(path)
    return list(found.values())


def tables(case: Case) -> list[Unit]:
    """All that names a table which the plan makes, its invariants and checks of the end included."""
    made = [(path, match[1]) for path, step in statements(case) if (match := _CREATE.match(step.sql.text)) is not None]
    found: list[Unit] = []
    for _, name in made:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        found.append({path for path, step in statements(case) if word.search(step.sql.text)})
    return found


def transactions(case: Case) -> list[Unit]:
    """Each transaction, whole: from BEGIN to its end."""
    return [set(between) for between in _spans(case, _begins, _ends)]


def brackets(case: Case) -> list[Unit]:
    """BEGIN and the end of a transaction, without what is between them."""
    return [{between[0], between[-1]} for between in _spans(case, _begins, _ends)]


def leases(case: Case) -> list[Unit]:
    """Each checkout with all that is done until the connection is returned."""
    return [set(between) for between in _spans(case, _is(Checkout), _is(Return))]


def renewals(case: Case) -> list[Unit]:
    """A return and the checkout that follows: the task keeps its connection instead."""
    return [{between[0], between[-1]} for between in _spans(case, _is(Return), _is(Checkout))]


def steps(case: Case) -> list[Unit]:
    """Every step; a loop is one."""
    return [{path} for path, _ in case.places()]


CUTS: Final[Sequence[Cut]] = (tasks, tables, leases, transactions, steps, brackets, renewals)
"""From dear parts to cheap ones: what is cut first need not be cut step by step."""


def _spans(case: Case, opens: Callable[[Step], bool], closes: Callable[[Step], bool]) -> Iterator[list[Path]]:
    """The steps of a task from one that opens to the next one that closes, in one list of steps."""
    begun: dict[object, list[Path]] = {}
    for path, step in case.places():
        at = (task_of(path, step), path[:-1])
        if at in begun:
            begun[at].append(path)
            if closes(step):
                yield begun.pop(at)
                continue
        if opens(step) and not isinstance(step, For | Retry):
            begun[at] = [path]


def _is(kind: type[Step]) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, kind)


def _begins(step: Step) -> bool:
    return _action(step) is Action.BEGIN


def _ends(step: Step) -> bool:
    return _action(step) in (Action.COMMIT, Action.ROLLBACK)


def _action(step: Step) -> Action | None:
    return step.sql.transaction.action if isinstance(step, SqlStep) and step.sql.transaction is not None else None


_CREATE: Final = re.compile(
    r"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"\[`]?(\w+)", re.IGNORECASE
)
