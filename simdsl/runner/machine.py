"""The interpreter: walks the instructions of a program and parks what must wait.

One strand moves at a time. A statement that ends at once costs one call of its handler; everything about waiting -
locks, pools, the clock, deadlocks - lies behind ``self.waiting``, which is empty in the common case. Nothing here
sleeps and nothing here retries: a wait is a state, and ``World.settle`` is the only call that takes real time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simdsl.backends.protocol import Lease, Pool, Session, Settled, Tx, World
from simdsl.core.clock import Clock
from simdsl.core.evaluate import CheckError, Evaluation
from simdsl.core.matcher import Judge, Miss, compile_expectation
from simdsl.core.trace import Advanced, Checked, Chosen, InvariantHeld, Parked, PoolMoved, Raced, RolledBack, Trace, Wait
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.ir import Ok, PoolCount
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner import failures
from simdsl.runner.failures import Stopped
from simdsl.runner.program import FREE, SECTIONS, Code, Instruction, rounds
from simdsl.runner.schedules import Chooser
from simdsl.runner.state import Actor, Attempt, Pending, Ready, Round, Strand

_DONE = Affected()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on real time. They never decide an outcome: one that passes is a failure of its own."""

    settle_us: int = 30_000_000


class Machine:
    """One run in one world. The public methods run a piece each and raise ``Stopped`` at the first failure."""

    def __init__(
        self,
        *,
        world: World,
        clock: Clock,
        trace: Trace,
        tasks: Sequence[str],
        pools: Mapping[str, Pool],
        invariants: Code = (),
        boolean_type: bool = True,
        keep_going: bool = False,
        limits: Limits,
    ) -> None:
        self.world = world
        self.clock = clock
        self.trace = trace
        self._append = trace.raw.append
        self.pools = pools
        self.invariants = invariants
        self.boolean_type = boolean_type
        self.keep_going = keep_going
        self.limits = limits
        self.actors = [
            Actor(name=name, index=i, pooled=bool(pools) and name not in SECTIONS) for i, name in enumerate(tasks)
        ]
        self.strands: list[Strand] = []
        self.labels: dict[str, Outcome] = {}
        self.errors: Counter[ErrorClass] = Counter()
        self.judged = 0
        self.missed: list[Failure] = []
        self.waiting: list[Pending] = []
        self._blockers: Mapping[int, frozenset[int]] = {}
        self._observer: Session | None = None
        self._shared: Mapping[str, Value] = {}
        self._handlers: tuple[Callable[[Strand, Instruction], None], ...] = (
            self._sql,
            self._checkout,
            self._return,
            self._await,
            self._check,
            self._sleep,
            self._for,
            self._next,
            self._try,
            self._tried,
        )

    # Running

    def script(self, code: Code, env: Mapping[str, Value], *, watch: bool = True) -> dict[str, Value]:
        """Run one list of instructions from its beginning to its end; the variables that it leaves behind.

        ``watch`` judges the invariants at every quiet point.
        """
        strand = Strand(index=0, name="", code=code, env=dict(env))
        self.strands = [strand]
        self._shared = env
        ready, end = Ready.READY, len(code)
        handlers = [self._handlers[op.kind] for op in code]
        watch = watch and bool(self.invariants)
        if watch:
            self._watch()
        while True:
            while strand.state is ready:
                pc = strand.pc
                if pc == end:
                    return strand.env
                handlers[pc](strand, code[pc])
                if self.waiting:
                    self._settle()
                if watch:
                    self._watch()
            self._pass_time()

    def tasks(self, names: Sequence[str], codes: Sequence[Code], env: Mapping[str, Value], chooser: Chooser) -> None:
        """Run several lists of instructions, a step of the chosen one at a time, until all have ended."""
        self.strands = [
            Strand(index=i, name=name, code=code, env=dict(env))
            for i, (name, code) in enumerate(zip(names, codes, strict=True))
        ]
        self._shared = env
        if self.invariants:
            self._watch()
        while True:
            enabled = tuple(strand.index for strand in self.strands if self._is_enabled(strand))
            if enabled:
                choice = chooser.choose(enabled, self)
                self._append(Chosen(choice=choice, enabled=enabled))
                strand = self.strands[choice]
                op = strand.code[strand.pc]
                self._handlers[op.kind](strand, op)
                if self.waiting:
                    self._settle()
                if self.invariants:
                    self._watch()
            elif all(strand.state is Ready.DONE for strand in self.strands):
                chooser.finish()
                return
            else:
                self._pass_time()

    def _is_enabled(self, strand: Strand) -> bool:
        """Walk over what costs nothing, then say whether the strand can take a step."""
        while strand.state is Ready.READY:
            if strand.pc == len(strand.code):
                strand.state = Ready.DONE
            elif strand.code[strand.pc].kind in FREE:
                op = strand.code[strand.pc]
                self._handlers[op.kind](strand, op)
            else:
                return True
        return False

    def finish(self, *, watch: bool = False) -> None:
        """End the run in good order (rules.md 32): what still waits is released or cancelled, and connections go back."""
        self._roll_back(actor for actor in self.actors if not self._is_waiting(actor))
        if self.waiting:
            self._settle()
        for actor in self.actors:
            pending, actor.uncollected = actor.uncollected, None
            if pending is None:
                continue
            if pending.outcome is None:
                self._fail(self._still_waiting(pending))
            elif type(pending.outcome) is Failed:
                self._fail(
                    failures.missed(
                        pending.op, FailureKind.ERROR, "the waiting statement failed, and nothing awaits it", pending.outcome
                    )
                )
        self.abandon()
        if watch and self.invariants:
            self._watch()

    def abandon(self) -> None:
        """Cancel, drain and roll back everything, and give every connection back. Judges nothing."""
        for pending in self.waiting:
            if pending.timer is not None:
                pending.timer.cancel()
            if pending.ticket is not None:
                pending.ticket.cancel()
        self.waiting.clear()
        self._roll_back(self.actors)
        for actor in self.actors:
            if actor.lease is not None:
                self._give_back(actor)

    def close(self) -> None:
        """Close every connection that no pool owns."""
        for actor in self.actors:
            if actor.session is not None and actor.lease is None:
                actor.session.close()
            actor.session = None
        if self._observer is not None:
            self._observer.close()
            self._observer = None

    # SQL

    def _sql(self, strand: Strand, op: Instruction) -> None:
        # The hot path of simdsl. It is ``_record`` and ``_ended`` written out once more, for a step that ends at once
        # with no error: three calls a step would be a quarter of what the interpreter costs.
        actor = self.actors[op.actor]
        session = actor.session
        if session is None or actor.uncollected is not None:
            session = self._session(strand, op, actor)
            if session is None:
                return
        try:
            arguments = () if op.bind is None else op.bind(strand.env)
        except KeyError as error:
            raise Stopped(failures.unbound(op, error.args[0])) from None
        outcome = session.start(op.statement, arguments)  # type: ignore[arg-type]  # an instruction of this kind has one
        if outcome is None:
            self._begin_to_wait(Pending(op=op, actor=actor, strand=strand, arguments=arguments, session=session))
            return
        judge = op.judge
        if judge is None or op.is_odd or type(outcome) is Failed:
            self._ended(strand, op, arguments, outcome, session)
            return
        self._append((op, arguments, outcome, None, self.clock.now_us, session.id))
        try:
            judgement = judge(outcome, strand.env, self.labels)
        except KeyError as error:
            raise Stopped(failures.unbound(op, error.args[0])) from None
        self.judged += 1
        if judgement is None or self._bound(strand, op, arguments, outcome, judgement):
            strand.pc += 1

    def _ended(
        self, strand: Strand, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome, session: Session | None
    ) -> None:
        """A step of a strand has its outcome: record it, judge it, and let the strand go on."""
        self._record(op, arguments, outcome, session)
        if op.judge is not None:
            try:
                judgement = op.judge(outcome, strand.env, self.labels)
            except KeyError as error:
                raise Stopped(failures.unbound(op, error.args[0])) from None
            self.judged += 1
            if judgement is not None and not self._bound(strand, op, arguments, outcome, judgement):
                return
        elif type(outcome) is Failed:
            self._missed(strand, failures.missed(op, FailureKind.ERROR, outcome.text, outcome, arguments), outcome)
            return
        strand.pc += 1

    def _record(self, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome, session: Session | None) -> None:
        """Write a step that ended into the trace, and keep what checks may ask of it."""
        number = tx = None
        if session is not None:
            number = session.id
            if op.moves_tx or type(outcome) is Failed:
                tx = session.tx()
        self._append((op, arguments, outcome, tx, self.clock.now_us, number))
        if op.label is not None:
            self.labels[op.label] = outcome
        if type(outcome) is Failed:
            self.errors[outcome.error_class] += 1

    def _bound(
        self,
        strand: Strand,
        op: Instruction,
        arguments: tuple[Value, ...],
        outcome: Outcome,
        judgement: dict[str, Value] | Miss,
    ) -> bool:
        """Take in what an expectation bound; False if it was missed."""
        if isinstance(judgement, Miss):
            failure = failures.missed(op, FailureKind.EXPECTATION, judgement.message, outcome, arguments)
            self._missed(strand, failure, outcome)
            return False
        strand.env.update(judgement)
        return True

    def _session(self, strand: Strand, op: Instruction, actor: Actor) -> Session | None:
        """The connection for a statement; None where it was refused, and the refusal recorded as its outcome."""
        if actor.uncollected is not None:
            raise Stopped(
                failures.at_step(
                    op,
                    FailureKind.ERROR,
                    f"{actor.name} has a statement that waited and was not collected yet",
                    help=f"write `await: {actor.name}` before this step",
                )
            )
        if not actor.pooled:
            actor.session = self.world.open()
            return actor.session
        refused = Failed(ErrorClass.CONNECTION_CLOSED, f"{actor.name} has checked out no connection", by="simdsl")
        self._ended(strand, op, (), refused, None)
        return None

    # Misses and retries

    def _missed(self, strand: Strand, failure: Failure, outcome: Outcome | None) -> None:
        """A step missed: the innermost retry that takes it starts again, else the run is over."""
        while strand.blocks:
            block = strand.blocks[-1]
            if isinstance(block, Attempt) and self._takes(block, failure, outcome):
                self._again(strand, block)
                return
            if not self.keep_going:
                strand.blocks.pop()
            else:
                break
        self._fail(failure)
        strand.pc += 1

    def _takes(self, block: Attempt, failure: Failure, outcome: Outcome | None) -> bool:
        classes = block.attempts.classes
        is_meant = not classes or (isinstance(outcome, Failed) and outcome.error_class in classes)
        return is_meant and block.number < block.attempts.times

    def _again(self, strand: Strand, block: Attempt) -> None:
        """Undo what the attempt began - its transaction, its checkout, its bindings - and go back to its first step."""
        actor = self.actors[block.actor] if block.actor >= 0 else None
        if actor is not None and actor.session is not None and block.was_idle and actor.session.tx() is not Tx.IDLE:
            actor.session.quiesce()
            self._append(RolledBack(task=actor.name, why="a further attempt"))
        if actor is not None and actor.lease is not None and not block.had_lease:
            self._give_back(actor)
        strand.env = dict(block.bindings)
        strand.pc = block.head + 1
        block.number += 1
        every_us = block.attempts.every_us
        if every_us is not None:
            self._park(strand, strand.code[block.head], Wait.RETRY, every_us)

    def _fail(self, failure: Failure) -> None:
        if not self.keep_going:
            raise Stopped(failure)
        self.missed.append(failure)

    # Waiting

    def _begin_to_wait(self, pending: Pending) -> None:
        """A statement did not end at once. It may only be slow: it is parked if it is still there once all has settled."""
        strand, op = pending.strand, pending.op
        assert strand is not None
        strand.state = Ready.POOL if pending.session is None else Ready.LOCK
        self.waiting.append(pending)
        self._settle(fresh=pending)
        if pending not in self.waiting:
            return
        timeout_us = op.timeout_us
        until_us = None if timeout_us is None else self.clock.now_us + timeout_us
        if until_us is not None:
            pending.timer = self.clock.call_at(until_us, lambda: self._time_out(pending))
        self._append(
            Parked(
                task=op.task,
                path=op.path,
                what=op.what,
                wait=Wait.POOL if pending.session is None else Wait.LOCK,
                until_us=until_us,
                now_us=self.clock.now_us,
                blockers=tuple(self._blocking(pending)),
                arguments=pending.arguments,
            )
        )
        if op.may_block:
            pending.actor.uncollected = pending
            pending.strand = None
            self.judged += 1
            strand.state = Ready.READY
            strand.pc += 1

    def _settle(self, fresh: Pending | None = None) -> None:
        """Let everything that can end do so, in the order in which it began to wait, until nothing changes."""
        waiters = [p for p in self.waiting if p.session is not None and p is not fresh]
        while self._settle_locks(fresh) or self._settle_pools():
            pass
        released = tuple(p.actor.name for p in waiters if p not in self.waiting)
        if len(waiters) > 1 and released:
            self._append(Raced(tasks=tuple(p.actor.name for p in waiters)))

    def _settle_locks(self, fresh: Pending | None) -> bool:
        locks = [(p, p.session) for p in self.waiting if p.session is not None]
        if not locks:
            self._blockers = {}
            return False
        settled = self.world.settle([session for _, session in locks], self.limits.settle_us)
        self._blockers = settled.blockers
        ended = [(p, session) for p, session in locks if session.id in settled.ended]
        ended.sort(key=lambda pair: pair[0] is not fresh)  # what was just begun is what released the others
        for pending, session in ended:
            outcome = session.poll()
            assert outcome is not None, "settle said that it had ended"
            self._complete(pending, outcome)
        if ended:
            return True
        self._check_stuck(locks, settled)
        if fresh is not None and fresh.refusal is None and self._closes_a_cycle(fresh):
            assert fresh.session is not None
            fresh.refusal = Failed(
                ErrorClass.DEADLOCK_DETECTED, "deadlock detected", ErrorClass.DEADLOCK_DETECTED.sqlstate, by="simdsl"
            )
            fresh.session.cancel()
            return True
        return False

    def _settle_pools(self) -> bool:
        for pending in self.waiting:
            if pending.ticket is not None:
                answer = pending.refusal or pending.ticket.poll()
                if answer is not None:
                    self._complete(pending, answer)
                    return True
        return False

    def _complete(self, pending: Pending, answer: Outcome | Lease) -> None:
        """What waited has ended. Its strand goes on; one that was let go keeps its outcome for `await`."""
        self.waiting.remove(pending)
        if pending.timer is not None:
            pending.timer.cancel()
        actor, op = pending.actor, pending.op
        outcome = self._answered(pending, answer)
        if pending.strand is not None:
            pending.strand.state = Ready.READY
            self._ended(pending.strand, op, pending.arguments, outcome, actor.session)
            return
        self._record(op, pending.arguments, outcome, actor.session)
        pending.outcome = outcome
        for strand in self.strands:
            if strand.state is Ready.AWAIT:
                strand.state = Ready.READY

    def _answered(self, pending: Pending, answer: Outcome | Lease) -> Outcome:
        if pending.session is None:
            if isinstance(answer, Failed):
                return answer
            assert not isinstance(answer, tuple)
            return self._lent(pending.actor, pending.op, answer)
        assert isinstance(answer, tuple)
        if pending.refusal is not None and type(answer) is Failed:
            return pending.refusal._replace(native=answer.native)
        return answer

    def _time_out(self, pending: Pending) -> None:
        """The virtual deadline of a waiting statement has come."""
        if pending.ticket is not None:
            pending.refusal = Failed(ErrorClass.POOL_TIMEOUT, "the step's timeout has passed", by="simdsl")
            pending.ticket.cancel()
        elif pending.session is not None:
            pending.refusal = Failed(ErrorClass.STATEMENT_TIMEOUT, "the step's timeout has passed", by="simdsl")
            pending.session.cancel()

    def _check_stuck(self, locks: Sequence[tuple[Pending, Session]], settled: Settled) -> None:
        for pending, session in locks:
            if session.id not in settled.blockers and pending.refusal is None:
                raise Stopped(
                    failures.at_step(
                        pending.op,
                        FailureKind.STUCK,
                        f"{pending.actor.name}'s statement neither ended nor waited for anybody "
                        f"within {self.limits.settle_us / 1e6:g} s of real time",
                    )
                )

    def _closes_a_cycle(self, fresh: Pending) -> bool:
        assert fresh.session is not None
        start, seen, front = fresh.session.id, set[int](), [fresh.session.id]
        while front:
            for blocker in sorted(self._blockers.get(front.pop(), frozenset())):
                if blocker == start:
                    return True
                if blocker not in seen:
                    seen.add(blocker)
                    front.append(blocker)
        return False

    def _park(self, strand: Strand, op: Instruction, wait: Wait, duration_us: int) -> None:
        """The strand sleeps for a virtual while."""
        until_us = self.clock.now_us + duration_us
        strand.state = Ready.SLEEP
        self._append(
            Parked(
                task=strand.name or op.task,
                path=op.path,
                what=op.what,
                wait=wait,
                until_us=until_us,
                now_us=self.clock.now_us,
            )
        )

        def wake() -> None:
            strand.state = Ready.READY

        self.clock.call_at(until_us, wake)

    def _pass_time(self) -> None:
        """Nobody can move: the clock jumps to the next deadline. Without one, the plan waits for itself."""
        deadline_us = self.clock.next_deadline_us()
        if deadline_us is None:
            raise Stopped(self._deadlock())
        self._advance(deadline_us)

    def _advance(self, moment_us: int) -> None:
        self.clock.advance_to(moment_us)
        self._append(Advanced(now_us=moment_us))
        if self.waiting:
            self._settle()

    def _deadlock(self) -> Failure:
        edges = {p.actor.name: self._blocking(p) for p in self.waiting}
        first = self.waiting[0]
        sequential = len(self.strands) == 1 and not self.strands[0].name
        return Failure(
            kind=FailureKind.DEADLOCK,
            message="everybody waits, and nothing can ever serve anybody",
            path=first.op.path,
            override=first.op.override,
            task=first.actor.name,
            got=failures.who_waits(edges),
            help="if it is meant to wait, write `=> blocks` at the step" if sequential else None,
            fingerprint=str(FailureKind.DEADLOCK),
        )

    def _blocking(self, pending: Pending) -> list[str]:
        """The tasks that a waiting one waits for: holders of its lock, or of its pool's connections."""
        if pending.session is None:
            return [a.name for a in self.actors if a.lease is not None and a.pool == pending.op.pool]
        ids = self._blockers.get(pending.session.id, frozenset())
        return [a.name for a in self.actors if a.session is not None and a.session.id in ids]

    def _is_waiting(self, actor: Actor) -> bool:
        return any(pending.actor is actor for pending in self.waiting)

    def _still_waiting(self, pending: Pending) -> Failure:
        others = ", ".join(self._blocking(pending)) or "nobody that can move"
        return failures.at_step(
            pending.op,
            FailureKind.STUCK,
            f"at the end of the run {pending.actor.name} still waits for {others}",
            help=f"release it and write `await: {pending.actor.name}`",
        )

    # Pools

    def _checkout(self, strand: Strand, op: Instruction) -> None:
        actor = self.actors[op.actor]
        if actor.uncollected is not None:
            self._session(strand, op, actor)
        if actor.lease is not None:
            message = f"{actor.name} holds a connection already"
            raise Stopped(
                failures.at_step(op, FailureKind.ERROR, message, help=f"one connection a task: `return: {actor.name}` first")
            )
        ticket = self.pools[op.pool].request(actor.name)
        answer = ticket.poll()
        if answer is None:
            self._begin_to_wait(Pending(op=op, actor=actor, strand=strand, arguments=(), ticket=ticket))
        elif isinstance(answer, Failed):
            self._ended(strand, op, (), answer, None)
        else:
            outcome = self._lent(actor, op, answer)
            self._ended(strand, op, (), outcome, actor.session)

    def _lent(self, actor: Actor, op: Instruction, lease: Lease) -> Outcome:
        actor.lease, actor.session, actor.pool = lease, lease.session, op.pool
        self._record_move(actor, lease.session, lent=True)
        return _DONE

    def _return(self, strand: Strand, op: Instruction) -> None:
        actor = self.actors[op.actor]
        if actor.uncollected is not None:
            self._session(strand, op, actor)
        if actor.lease is None:
            refused = Failed(ErrorClass.CONNECTION_CLOSED, f"{actor.name} has checked out no connection", by="simdsl")
            self._ended(strand, op, (), refused, None)
            return
        outcome = self._give_back(actor) or _DONE
        self._ended(strand, op, (), outcome, None)

    def _give_back(self, actor: Actor) -> Failed | None:
        lease, session = actor.lease, actor.session
        assert lease is not None
        assert session is not None
        actor.lease = actor.session = None
        refused = self.pools[actor.pool].give_back(lease)
        self._record_move(actor, session, lent=False)
        return refused

    def _record_move(self, actor: Actor, session: Session, *, lent: bool) -> None:
        counts = self.pools[actor.pool].counts()
        self._append(
            PoolMoved(
                pool=actor.pool,
                task=actor.name,
                session=session.id,
                lent=lent,
                size=counts.size,
                idle=counts.idle,
                busy=counts.busy,
                waiting=counts.waiting,
                in_transaction=session.tx() in (Tx.OPEN, Tx.FAILED),
            )
        )

    def _roll_back(self, actors: Iterable[Actor]) -> None:
        for actor in actors:
            if actor.session is not None and actor.session.tx() is not Tx.IDLE:
                actor.session.quiesce()
                self._append(RolledBack(task=actor.name, why="the end of the run"))

    # Other verbs

    def _await(self, strand: Strand, op: Instruction) -> None:
        targets = self.actors if op.actor < 0 else [self.actors[op.actor]]
        collected = [actor.uncollected for actor in targets if actor.uncollected is not None]
        if any(pending.outcome is None for pending in collected):
            strand.state = Ready.AWAIT
            return
        for pending in collected:
            pending.actor.uncollected = None
            self._judge_awaited(strand, op, pending)
        strand.pc += 1

    def _judge_awaited(self, strand: Strand, op: Instruction, pending: Pending) -> None:
        outcome = pending.outcome
        assert outcome is not None
        if op.label is not None:
            self.labels[op.label] = outcome
        judge = self._awaited_judge(op, pending.op)
        try:
            judgement = judge(outcome, strand.env, self.labels)
        except KeyError as error:
            raise Stopped(failures.unbound(op, error.args[0])) from None
        if isinstance(judgement, Miss):
            kind = FailureKind.EXPECTATION if op.judged else FailureKind.ERROR
            self._fail(failures.missed(op, kind, f"{pending.actor.name}: {judgement.message}", outcome, pending.arguments))
        elif judgement is not None:
            strand.env.update(judgement)
        self.judged += op.judged

    def _awaited_judge(self, op: Instruction, awaited: Instruction) -> Judge:
        expectation = op.expectation or (Ok(),)
        return compile_expectation(expectation, ordered=awaited.ordered, boolean_type=self.boolean_type)

    def _check(self, strand: Strand, op: Instruction) -> None:
        assert op.expression is not None
        around = _Around(self, strand)
        evaluation = Evaluation(around)
        reason = None
        try:
            held = evaluation.holds(op.expression)
        except CheckError as error:
            held, reason = False, str(error)
        except KeyError as error:
            raise Stopped(failures.unbound(op, error.args[0])) from None
        self._append(
            Checked(
                task=op.task or None,
                path=op.path,
                held=held,
                readings=tuple(evaluation.readings),
                now_us=self.clock.now_us,
            )
        )
        if held:
            self.judged += 1
            strand.pc += 1
        else:
            self._missed(strand, failures.check_failed(op, reason, around), None)

    def _sleep(self, strand: Strand, op: Instruction) -> None:
        strand.pc += 1
        self._park(strand, op, Wait.SLEEP, op.duration_us)

    def _for(self, strand: Strand, op: Instruction) -> None:
        try:
            values = rounds(op, strand.env)
        except KeyError as error:
            raise Stopped(failures.unbound(op, error.args[0])) from None
        except TypeError as error:
            raise Stopped(failures.at_step(op, FailureKind.ERROR, str(error))) from None
        following = iter(values)
        for first in following:
            strand.blocks.append(Round(head=strand.pc, variable=op.variable, following=following))
            strand.env[op.variable] = first
            strand.pc += 1
            return
        strand.pc = op.target

    def _next(self, strand: Strand, op: Instruction) -> None:
        block = strand.blocks[-1]
        assert type(block) is Round
        for value in block.following:
            strand.env[block.variable] = value
            strand.pc = block.head + 1
            return
        strand.blocks.pop()
        del strand.env[block.variable]
        strand.pc += 1

    def _try(self, strand: Strand, op: Instruction) -> None:
        assert op.attempts is not None
        actor = self.actors[op.actor] if op.actor >= 0 else None
        strand.blocks.append(
            Attempt(
                head=strand.pc,
                attempts=op.attempts,
                actor=op.actor,
                number=1,
                bindings=dict(strand.env),
                was_idle=actor is None or actor.session is None or actor.session.tx() is Tx.IDLE,
                had_lease=actor is not None and actor.lease is not None,
            )
        )
        strand.pc += 1

    def _tried(self, strand: Strand, op: Instruction) -> None:
        strand.blocks.pop()
        strand.pc += 1

    # Invariants

    def _watch(self) -> None:
        """Judge the invariants, if this is a quiet point: no transaction open, nobody parked on a statement."""
        if self.waiting or any(a.session is not None and a.session.tx() is not Tx.IDLE for a in self.actors):
            return
        if self._observer is None:
            self._observer = self.world.open()
        for op in self.invariants:
            assert op.statement is not None
            try:
                outcome = self._observe(op, tuple(self._shared[name] for name in op.parameters))
                judge = op.judge or self._awaited_judge(op, op)
                judgement = judge(outcome, self._shared, self.labels)
            except KeyError as error:
                raise Stopped(failures.unbound(op, error.args[0])) from None
            held = not isinstance(judgement, Miss)
            self._append(InvariantHeld(path=op.path, outcome=outcome, held=held))
            self.judged += 1
            if isinstance(judgement, Miss):
                self._fail(failures.missed(op, FailureKind.INVARIANT, judgement.message, outcome))

    def _observe(self, op: Instruction, arguments: tuple[Value, ...]) -> Outcome:
        observer = self._observer
        assert observer is not None
        assert op.statement is not None
        outcome = observer.start(op.statement, arguments)
        if outcome is None:
            self.world.settle([observer], self.limits.settle_us)
            outcome = observer.poll()
        if outcome is None:
            observer.quiesce()
            raise Stopped(
                failures.at_step(op, FailureKind.STUCK, "the invariant waits at a point where nobody holds anything")
            )
        return outcome


@dataclass(frozen=True, slots=True)
class _Around:
    """What a check may read, at the moment of the check."""

    machine: Machine
    strand: Strand

    def variable(self, name: str) -> Value:
        return self.strand.env[name]

    def label(self, name: str) -> Outcome | None:
        return self.machine.labels.get(name)

    def pool(self, name: str, count: PoolCount) -> int:
        counts = self.machine.pools[name].counts()
        match count:
            case PoolCount.SIZE:
                return counts.size
            case PoolCount.IDLE:
                return counts.idle
            case PoolCount.BUSY:
                return counts.busy
            case PoolCount.WAITING:
                return counts.waiting

    def errors(self, error_class: ErrorClass) -> int:
        return self.machine.errors[error_class]

    def now_us(self) -> int:
        return self.machine.clock.now_us
