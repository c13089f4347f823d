"""Blocked operations: statements and checkouts that were started and have not ended, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from simdsl.backends.protocol import Database, Lease, Session, Settled
from simdsl.core.clock import Clock
from simdsl.core.trace import BlockReason, RaceDetected, TaskBlocked, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.runner import failures
from simdsl.runner.failures import RunStopped
from simdsl.runner.state import PendingOperation, TaskConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeLimits:
    """Limits on real time. They never decide an outcome: one that passes is a failure of its own."""

    settle_us: int = 30_000_000


Answer: TypeAlias = Outcome | Lease


Complete: TypeAlias = Callable[[PendingOperation, Answer], None]
"""Is told what each one came to that has waited, the moment that it does."""


class BlockedOperations:
    """Who waits, in the order in which they began to.

    It keeps no reference to the machine, which has it: a circle would keep a whole trace until the collector comes.
    """

    def __init__(
        self, *, world: Database, clock: Clock, trace: Trace, actors: Sequence[TaskConnection], limits: RealTimeLimits
    ) -> None:
        self.pending: list[PendingOperation] = []
        self.raced = False
        self._world = world
        self._clock = clock
        self._trace = trace
        self._actors = actors
        self._limits = limits
        self._blockers: Mapping[int, frozenset[int]] = {}

    def enter(self, pending: PendingOperation, complete: Complete) -> bool:
        """Take in what did not end at once. False if it was only slow, and has ended by the time all has settled."""
        self.pending.append(pending)
        self.settle(complete, fresh=pending)
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

    def settle(self, complete: Complete, fresh: PendingOperation | None = None) -> None:
        """Let everything that can end do so, until nothing changes. ``fresh`` has begun this very moment."""
        waiters = [p for p in self.pending if p.session is not None and p is not fresh]
        # Taken once: a wait that is first seen together with an outcome must still count as new when circles are looked for.
        before = self._blockers
        while self._settle_locks(complete, fresh, before) or self._settle_pools(complete):
            pass
        if len(waiters) > 1 and any(p not in self.pending for p in waiters):
            self._race(waiters)

    def clear(self) -> None:
        """Nobody waits any more: timers and checkouts are called off, statements are for their sessions to cancel."""
        for pending in self.pending:
            if pending.timer is not None:
                pending.timer.cancel()
            if pending.ticket is not None:
                pending.ticket.cancel()
        self.pending.clear()

    def holds(self, actor: TaskConnection) -> bool:
        """Whether something of this task waits."""
        return any(pending.actor is actor for pending in self.pending)

    def blockers(self, pending: PendingOperation) -> list[str]:
        """The tasks that a waiting one waits for: holders of its lock, or of its pool's connections."""
        if pending.session is None:
            return [a.name for a in self._actors if a.lease is not None and a.pool == pending.op.pool]
        ids = self._blockers.get(pending.session.id, frozenset())
        return [a.name for a in self._actors if a.session is not None and a.session.id in ids]

    def deadlock(self, help: str | None) -> Failure:  # noqa: A002 - the diagnostic's word
        """Everybody waits and no deadline is left: who waits for whom."""
        first = self.pending[0]
        return Failure(
            kind=FailureKind.DEADLOCK,
            message="everybody waits, and nothing can ever serve anybody",
            path=first.op.path,
            override=first.op.override,
            task=first.actor.name,
            got=failures.blocking_edges({p.actor.name: self.blockers(p) for p in self.pending}),
            help=help,
            fingerprint=str(FailureKind.DEADLOCK),
        )

    def still_waits(self, pending: PendingOperation) -> Failure:
        """The run has ended, and this has not."""
        others = ", ".join(self.blockers(pending)) or "nobody that can move"
        message = f"at the end of the run {pending.actor.name} still waits for {others}"
        return failures.at_step(
            pending.op, FailureKind.STUCK, message, f"release it and write `await: {pending.actor.name}`"
        )

    def _race(self, waiters: Sequence[PendingOperation]) -> None:
        self.raced = True
        self._trace.add(RaceDetected(tasks=tuple(pending.actor.name for pending in waiters)))

    def _settle_locks(
        self, complete: Complete, fresh: PendingOperation | None, before: Mapping[int, frozenset[int]]
    ) -> bool:
        locks = [(p, p.session) for p in self.pending if p.session is not None]
        if not locks:
            self._blockers = {}
            return False
        settled = self._world.settle([session for _, session in locks], self._limits.settle_us)
        self._blockers = settled.blockers
        ended = [(p, session) for p, session in locks if session.id in settled.ended]
        ended.sort(key=lambda pair: pair[0] is not fresh)  # what was just begun is what released the others
        for pending, session in ended:
            outcome = session.poll()
            assert outcome is not None, "settle said that it had ended"
            self._leave(pending, outcome, complete)
        if ended:
            return True
        self._check_stuck(locks, settled)
        return self._break_circle(fresh, before)

    def _break_circle(self, fresh: PendingOperation | None, before: Mapping[int, frozenset[int]]) -> bool:
        """Cancel who closed a circle of waiting: what was just begun, or what was let on and waits for somebody else now."""
        for pending in ([fresh] if fresh is not None else []) + list(reversed(self.pending)):
            session = pending.session
            if session is None or pending.refusal is not None:
                continue
            is_new = pending is fresh or self._blockers.get(session.id) != before.get(session.id)
            if is_new and self._is_in_circle(session.id):
                deadlock = ErrorClass.DEADLOCK_DETECTED
                pending.refusal = Failed(deadlock, "deadlock detected", deadlock.sqlstate, by="simdsl")
                session.cancel()
                return True
        return False

    def _settle_pools(self, complete: Complete) -> bool:
        for pending in self.pending:
            if pending.ticket is not None:
                answer = pending.refusal or pending.ticket.poll()
                if answer is not None:
                    self._leave(pending, answer, complete)
                    return True
        return False

    def _leave(self, pending: PendingOperation, answer: Answer, complete: Complete) -> None:
        self.pending.remove(pending)
        if pending.timer is not None:
            pending.timer.cancel()
        if pending.refusal is not None and pending.session is not None and isinstance(answer, Failed):
            answer = pending.refusal._replace(native=answer.native)
        elif isinstance(answer, Failed) and answer.error_class is ErrorClass.DEADLOCK_DETECTED:
            self._race([pending])  # the engine was sooner, and chose the victim by its own clock
        complete(pending, answer)

    def _check_stuck(self, locks: Iterable[tuple[PendingOperation, Session]], settled: Settled) -> None:
        for pending, session in locks:
            if session.id not in settled.blockers and pending.refusal is None:
                seconds = self._limits.settle_us / 1e6
                what = f"{pending.actor.name}'s statement neither ended nor waited for anybody"
                message = f"{what} within {seconds:g} s of real time"
                raise RunStopped(failures.at_step(pending.op, FailureKind.STUCK, message))

    def _is_in_circle(self, start: int) -> bool:
        seen, front = set[int](), [start]
        while front:
            for blocker in sorted(self._blockers.get(front.pop(), frozenset())):
                if blocker == start:
                    return True
                if blocker not in seen:
                    seen.add(blocker)
                    front.append(blocker)
        return False


def _time_out(pending: PendingOperation) -> None:
    """The virtual deadline of what waits has come."""
    text = "the step's timeout has passed"
    if pending.ticket is not None:
        pending.refusal = Failed(ErrorClass.POOL_TIMEOUT, text, by="simdsl")
        pending.ticket.cancel()
    elif pending.session is not None:
        pending.refusal = Failed(ErrorClass.STATEMENT_TIMEOUT, text, by="simdsl")
        pending.session.cancel()
