"""The always-on invariants, over traces made by hand: some that hold and one for every way to break them."""

from __future__ import annotations

from simdsl.core.trace import BlockReason, PoolChanged, StepCompleted, TaskBlocked, Trace, TraceEvent
from simdsl.core.verdicts import FailureKind
from simdsl.oracles.builtin_invariants import violations
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import TransactionAction

HERE: Path = ("steps", 0)


def moved(
    task: str, session: int, *, checked_out: bool, busy: int, idle: int = 0, size: int = 2, open_: bool = False
) -> PoolChanged:
    return PoolChanged(
        pool="main",
        task=task,
        session=session,
        checked_out=checked_out,
        size=size,
        idle=idle,
        busy=busy,
        waiting=0,
        in_transaction=open_,
    )


def step(
    task: str, session: int, *, what: str = "SELECT 1", outcome: Outcome | None = None, open_: bool = False
) -> StepCompleted:
    return StepCompleted(
        task=task,
        path=HERE,
        what=what,
        arguments=(),
        outcome=outcome or Rows(1, [(1,)]),
        in_transaction=open_,
        now_us=0,
        session=session,
        has_expectation=False,
        ordered=False,
    )


def failures(*events: TraceEvent, actions: dict[Path, TransactionAction] | None = None) -> list[tuple[FailureKind, str]]:
    return [
        (f.kind, f.message) for f in violations(Trace(between=[(0, event) for event in events]), actions or {}, pooled=True)
    ]


def test_an_orderly_pool_breaks_nothing() -> None:
    assert not failures(
        moved("a", 1, checked_out=True, busy=1),
        step("a", 1),
        moved("b", 2, checked_out=True, busy=2),
        moved("a", 1, checked_out=False, busy=1, idle=1),
        moved("c", 1, checked_out=True, busy=2),
        step("c", 1),
        moved("c", 1, checked_out=False, busy=1, idle=1),
        moved("b", 2, checked_out=False, busy=0, idle=2),
    )


def test_a_connection_with_two_owners() -> None:
    assert failures(moved("a", 1, checked_out=True, busy=1), moved("b", 1, checked_out=True, busy=2)) == [
        (FailureKind.POOL, "pool main lent b a connection that a still has")
    ]


def test_a_transaction_without_an_owner() -> None:
    assert failures(
        moved("a", 1, checked_out=True, busy=1), moved("a", 1, checked_out=False, busy=0, idle=1, open_=True)
    ) == [(FailureKind.POOL, "pool main took a connection back from a and left its transaction open")]


def test_counts_that_do_not_add_up() -> None:
    assert failures(moved("a", 1, checked_out=True, busy=2)) == [
        (FailureKind.POOL, "pool main counts 2 busy connections, and 1 are lent")
    ]
    assert failures(moved("a", 1, checked_out=True, busy=1, idle=2)) == [
        (FailureKind.POOL, "pool main of size 2 counts 1 busy and 2 idle connections")
    ]


def test_use_after_return() -> None:
    assert failures(
        moved("a", 1, checked_out=True, busy=1), moved("a", 1, checked_out=False, busy=0, idle=1), step("a", 1)
    ) == [(FailureKind.POOL, "a used a connection after it was returned")]


def test_use_of_anothers_connection() -> None:
    assert failures(moved("a", 1, checked_out=True, busy=1), step("b", 1)) == [
        (FailureKind.POOL, "b used a connection that a has")
    ]


def test_a_commit_that_leaves_a_transaction_open() -> None:
    commit = step("a", 9, what="COMMIT", outcome=Affected(), open_=True)
    assert failures(commit, actions={HERE: TransactionAction.COMMIT}) == [
        (FailureKind.TRANSACTION, "a's COMMIT succeeded and left a transaction open")
    ]
    refused = step("a", 9, what="COMMIT", outcome=Failed(ErrorClass.BUSY, "locked"), open_=True)
    assert not failures(refused, actions={HERE: TransactionAction.COMMIT})


def test_a_begin_that_opens_none() -> None:
    begin = step("a", 9, what="BEGIN", outcome=Affected())
    assert failures(begin, actions={HERE: TransactionAction.BEGIN}) == [
        (FailureKind.TRANSACTION, "a's BEGIN succeeded and no transaction is open")
    ]


def test_a_connection_handed_straight_to_a_waiter() -> None:
    waits = TaskBlocked(task="b", path=HERE, what="checkout main", wait=BlockReason.POOL, until_us=None, now_us=0)
    assert not failures(
        moved("a", 1, checked_out=True, busy=1, size=1),
        waits,
        moved("a", 1, checked_out=False, busy=1, size=1),
        moved("b", 1, checked_out=True, busy=1, size=1),
        moved("b", 1, checked_out=False, busy=0, idle=1, size=1),
    )


def test_a_waiter_of_another_pool_explains_no_miscount() -> None:
    waits = TaskBlocked(task="b", path=HERE, what="checkout other", wait=BlockReason.POOL, until_us=None, now_us=0)
    assert failures(moved("a", 1, checked_out=True, busy=1), waits, moved("a", 1, checked_out=False, busy=1)) == [
        (FailureKind.POOL, "pool main counts 1 busy connections, and 0 are lent")
    ]
