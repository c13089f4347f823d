"""Blocked operations: statements and checkouts that were started and have not ended, and how they end.

An operation that does not end at once is in one of three situations, and only the backend can tell which: it is merely
slow, it waits for a lock of another session, or it waits for a connection of a pool. The interpreter must know before the
next step, because a plan may say ``=> blocks`` and because every run must interleave the same way. So after every step,
while anything is pending, ``poll_until_quiescent`` asks the backend to settle: each pending session has then ended, or is
known to wait for another one, and which one. Waiting for that is the only real waiting in a run; its limit
(``RealTimeLimits``) never decides an outcome, it fails the run.

What ends does so in the order in which it began to wait, so that two runs agree. An engine may choose another order among
several waiters of one lock; that is traced as a race and warned about, because the plan cannot decide it (rules.md 37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from simdsl.backends.protocol import Database, Lease, Session, Settled
from simdsl.core.clock import Clock
from simdsl.core.trace import BlockReason, RaceDetected, TaskBlocked, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.runner.program import PendingOperation, TaskConnection
from simdsl.verbs.base.runtime import RunStopped, at_step


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeLimits:
    """Limits on real time. They never decide an outcome: one that passes is a failure of its own."""

    settle_us: int = 30_000_000


Answer: TypeAlias = Outcome | Lease
"""What a pending operation ends with."""

OnEnd: TypeAlias = Callable[[PendingOperation, Answer], None]
"""Is told what each operation ended with, at the moment that it does."""


class BlockedOperations:
    """The pending operations of a run, in the order in which they began to wait.

    It holds no reference to the interpreter, which holds it: a cycle would keep a whole trace alive until the garbage
    collector runs, and that is paused during runs. Hence ``on_end`` is an argument, not a field.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        trace: Trace,
        connections: Sequence[TaskConnection],
        limits: RealTimeLimits,
    ) -> None:
        self.pending: list[PendingOperation] = []
        self.raced = False
        self._database = database
        self._clock = clock
        self._trace = trace
        self._connections = connections
        self._limits = limits
        # Session ids by the id of the session that waits for them, as of the last settling.
        self._waits_for: Mapping[int, frozenset[int]] = {}

    def add(self, pending: PendingOperation, on_end: OnEnd) -> bool:
        """Take in an operation that did not end at once. False if it was only slow and has ended by now."""
        self.pending.append(pending)
        self.poll_until_quiescent(on_end, started=pending)
        if pending not in self.pending:
            return False
        op, now_us = pending.op, self._clock.now_us
        until_us = None if op.timeout_us is None else now_us + op.timeout_us
        if until_us is not None:
            pending.timer = self._clock.call_at(until_us, lambda: _time_out(pending))
        self._trace.add(
            TaskBlocked(
                task=op.task,
                path=op.path,
                what=op.what,
                wait=BlockReason.POOL if pending.session is None else BlockReason.LOCK,
                until_us=until_us,
                now_us=now_us,
                blockers=tuple(self.blockers(pending)),
                arguments=pending.arguments,
            )
        )
        return True

    def poll_until_quiescent(self, on_end: OnEnd, started: PendingOperation | None = None) -> None:
        """End everything that can end. ``started`` is what was started this very moment, if anything was."""
        waiters = [p for p in self.pending if p.session is not None and p is not started]
        # Taken once: a wait that is first seen in the same round as an outcome must still count as new when cycles are
        # looked for, which happens in the last round only.
        before = self._waits_for
        # One operation that ends may let another one end: its session releases locks, its pool serves the next.
        while self._end_statements(on_end, started, before) or self._end_checkouts(on_end):
            pass
        if len(waiters) > 1 and any(p not in self.pending for p in waiters):
            self._record_race(waiters)

    def cancel_all(self) -> None:
        """Nothing is pending any more: timers and checkouts are cancelled; statements are for their sessions to cancel."""
        for pending in self.pending:
            if pending.timer is not None:
                pending.timer.cancel()
            if pending.ticket is not None:
                pending.ticket.cancel()
        self.pending.clear()

    def has_pending(self, connection: TaskConnection) -> bool:
        """Whether an operation of this task is pending."""
        return any(pending.connection is connection for pending in self.pending)

    def blockers(self, pending: PendingOperation) -> list[str]:
        """The tasks that an operation waits for: holders of its lock, or of connections of its pool."""
        if pending.session is None:
            return [c.name for c in self._connections if c.lease is not None and c.pool == pending.pool]
        ids = self._waits_for.get(pending.session.id, frozenset())
        return [c.name for c in self._connections if c.session is not None and c.session.id in ids]

    # Failures

    def deadlock(self, help: str | None) -> Failure:  # noqa: A002 - the diagnostic's word
        """All threads are blocked, and no deadline is left that could free one."""
        first = self.pending[0]
        # With the statement: reports show the lines as they are, rather than look for tasks in a text of ours.
        edges = tuple(f"{p.task} waits for {', '.join(self.blockers(p)) or _NO_TASK}: {p.op.what}" for p in self.pending)
        return Failure(
            kind=FailureKind.DEADLOCK,
            message="every task is blocked, and no timeout is left that could end it",
            path=first.op.path,
            override=first.op.override,
            task=first.task,
            got=edges,
            help=help,
            fingerprint=str(FailureKind.DEADLOCK),
        )

    def still_blocked(self, pending: PendingOperation) -> Failure:
        """The run has ended, and this operation has not."""
        others = ", ".join(self.blockers(pending)) or _NO_TASK
        message = f"at the end of the run {pending.task} is still blocked by {others}"
        return at_step(pending.op, FailureKind.STUCK, message, f"release it and write `await: {pending.task}`")

    def _record_race(self, waiters: Sequence[PendingOperation]) -> None:
        self.raced = True
        self._trace.add(RaceDetected(tasks=tuple(pending.task for pending in waiters)))

    # Statements

    def _end_statements(self, on_end: OnEnd, started: PendingOperation | None, before: Mapping[int, frozenset[int]]) -> bool:
        """One round of settling the sessions; whether anything changed, so that another round is needed."""
        locks = [(p, p.session) for p in self.pending if p.session is not None]
        if not locks:
            self._waits_for = {}
            return False
        settled = self._database.settle([session for _, session in locks], self._limits.settle_us)
        self._waits_for = settled.blockers
        ended = [(p, session) for p, session in locks if session.id in settled.ended]
        # What was just started comes first: it is what released the others, so its outcome came before theirs.
        ended.sort(key=lambda pair: pair[0] is not started)
        for pending, session in ended:
            outcome = session.poll()
            assert outcome is not None, "settle said that it had ended"
            self._end(pending, outcome, on_end)
        if ended:
            return True
        self._check_progress(locks, settled)
        return self._break_cycle(started, before)

    def _check_progress(self, locks: Iterable[tuple[PendingOperation, Session]], settled: Settled) -> None:
        """Raises ``RunStopped`` for a statement about which the backend learned nothing within the limit."""
        for pending, session in locks:
            if session.id not in settled.blockers and pending.refusal is None:
                seconds = self._limits.settle_us / 1e6
                what = f"{pending.task}'s statement neither ended nor was found to wait for another session"
                message = f"{what} within {seconds:g} s of real time"
                raise RunStopped(at_step(pending.op, FailureKind.STUCK, message))

    def _break_cycle(self, started: PendingOperation | None, before: Mapping[int, frozenset[int]]) -> bool:
        """Cancel the statement that closed a cycle of waiting sessions, as an engine's deadlock detector would.

        simdsl does it itself because an engine lets the cycle stand for a real while (PostgreSQL: ``deadlock_timeout``, a
        second) and then chooses the victim by its own clock, so that two runs would differ. The victim is the statement
        that was just started, or one whose blockers changed since the last settling: it was served a lock and ran into
        the next. An older member of the cycle closed nothing.
        """
        for pending in ([started] if started is not None else []) + list(reversed(self.pending)):
            session = pending.session
            if session is None or pending.refusal is not None:
                continue
            is_new = pending is started or self._waits_for.get(session.id) != before.get(session.id)
            if is_new and self._is_in_cycle(session.id):
                deadlock = ErrorClass.DEADLOCK_DETECTED
                pending.refusal = Failed(deadlock, "deadlock detected", deadlock.sqlstate, by="simdsl")
                session.cancel()
                return True
        return False

    def _is_in_cycle(self, start: int) -> bool:
        seen, front = set[int](), [start]
        while front:
            for blocker in sorted(self._waits_for.get(front.pop(), frozenset())):
                if blocker == start:
                    return True
                if blocker not in seen:
                    seen.add(blocker)
                    front.append(blocker)
        return False

    # Checkouts

    def _end_checkouts(self, on_end: OnEnd) -> bool:
        """End the first checkout that its pool has decided. One at a time: its connection may let a statement run."""
        for pending in self.pending:
            if pending.ticket is not None:
                answer = pending.refusal or pending.ticket.poll()
                if answer is not None:
                    self._end(pending, answer, on_end)
                    return True
        return False

    def _end(self, pending: PendingOperation, answer: Answer, on_end: OnEnd) -> None:
        self.pending.remove(pending)
        if pending.timer is not None:
            pending.timer.cancel()
        if pending.refusal is not None and pending.session is not None and isinstance(answer, Failed):
            # The engine reports a cancelled statement; why it was cancelled is what the plan must see. A statement that
            # succeeded before the cancel arrived keeps its outcome.
            answer = pending.refusal._replace(native=answer.native)
        elif isinstance(answer, Failed) and answer.error_class is ErrorClass.DEADLOCK_DETECTED:
            self._record_race([pending])  # the engine was faster, and chose the victim by its own clock
        on_end(pending, answer)


def _time_out(pending: PendingOperation) -> None:
    """The virtual deadline of an operation has come: it is cancelled, and ends with a timeout."""
    text = "the step's timeout has passed"
    if pending.ticket is not None:
        pending.refusal = Failed(ErrorClass.POOL_TIMEOUT, text, by="simdsl")
        pending.ticket.cancel()
    elif pending.session is not None:
        pending.refusal = Failed(ErrorClass.STATEMENT_TIMEOUT, text, by="simdsl")
        pending.session.cancel()


_NO_TASK = "no task that can run"
