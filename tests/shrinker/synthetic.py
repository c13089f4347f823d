"""Plans of which a few steps matter, for tests and for the benchmark: shrinking them is a question of the search alone."""

from __future__ import annotations

from dataclasses import dataclass

from simdsl.core.choices import shuffled
from simdsl.plan.plan import Plan
from simdsl.plan.sql import Sql, SqlKind, TransactionAction, TransactionControl
from simdsl.plan.steps import SqlStep, Step
from simdsl.shrinker.case import CandidateResult, ShrinkCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """A plan, the texts of the steps that it takes to fail, and the predicate."""

    case: ShrinkCase
    needed: frozenset[str]

    def ask(self, case: ShrinkCase) -> CandidateResult:
        """Fails alike if all that is needed is there, otherwise if a BEGIN and its COMMIT are not both there."""
        is_open = False
        said: set[str] = set()
        for step in case.plan.steps or ():
            assert isinstance(step, SqlStep)
            said.add(step.sql.text)
            action = step.sql.transaction.action if step.sql.transaction is not None else None
            if action is not None and is_open is (action is TransactionAction.BEGIN):
                return CandidateResult.OTHER_FAILURE
            is_open = is_open if action is None else action is TransactionAction.BEGIN
        if is_open:
            return CandidateResult.OTHER_FAILURE
        return CandidateResult.SAME_FAILURE if self.needed <= said else CandidateResult.PASSES


def synthetic(steps: int, needed: int, pairs: int, seed: int) -> Synthetic:
    """A plan of so many steps of one task, ``pairs`` of them BEGIN and COMMIT, of which ``needed`` others matter."""
    places = shuffled(steps, seed, "places")
    ends = sorted(places[: 2 * pairs])
    made: list[Step] = [_said(f"SELECT {i}") for i in range(steps)]
    for begin, end in zip(ends[::2], ends[1::2], strict=True):
        made[begin], made[end] = _control(TransactionAction.BEGIN), _control(TransactionAction.COMMIT)
    wanted = frozenset(f"SELECT {i}" for i in places[2 * pairs : 2 * pairs + needed])
    return Synthetic(case=ShrinkCase(plan=Plan(name="synthetic", steps=tuple(made))), needed=wanted)


def _said(text: str) -> SqlStep:
    return SqlStep(task="a", sql=Sql(fragments=(text,), kind=SqlKind.QUERY))


def _control(action: TransactionAction) -> SqlStep:
    transaction = TransactionControl(action=action)
    return SqlStep(task="a", sql=Sql(fragments=(action.upper(),), kind=SqlKind.TRANSACTION, transaction=transaction))
