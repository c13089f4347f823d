"""The interpreter: executes the instructions of a program, one task at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from simdsl.backends.protocol import Database, Pool, Session, Tx
from simdsl.core.clock import Clock
from simdsl.core.matcher import Mismatch
from simdsl.core.trace import BlockReason, ClockAdvanced, SessionRolledBack, TaskBlocked, TaskChosen, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner import blocks, failures, verbs
from simdsl.runner.blocked import Answer, BlockedOperations, RealTimeLimits
from simdsl.runner.failures import RunStopped
from simdsl.runner.invariants import InvariantChecker
from simdsl.runner.program import FREE_OPCODES, SECTION_NAMES, Code, Instruction, Opcode
from simdsl.runner.scheduling import SchedulingPolicy
from simdsl.runner.state import ConnectionLeases, PendingOperation, RetryFrame, TaskConnection, TaskThread, ThreadState


class Interpreter:
    """One run in one world. The public methods run a piece each and raise ``RunStopped`` at the first failure."""

    def __init__(
        self,
        *,
        world: Database,
        clock: Clock,
        trace: Trace,
        tasks: Sequence[str],
        pools: Mapping[str, Pool],
        invariants: Code = (),
        boolean_type: bool = True,
        keep_going: bool = False,
        limits: RealTimeLimits,
    ) -> None:
        self.world = world
        self.clock = clock
        self.trace = trace
        self.keep_going = keep_going
        self.labels: dict[str, Outcome] = {}
        self.errors: Counter[ErrorClass] = Counter()
        self.strands: list[TaskThread] = []
        self.missed: list[Failure] = []
        self.actors = [
            TaskConnection(name=name, index=i, pooled=bool(pools) and name not in SECTION_NAMES)
            for i, name in enumerate(tasks)
        ]
        self.judgements = 0  # of steps; invariants are counted by who watches them
        self.boolean_type = boolean_type
        self.leases = ConnectionLeases(pools, trace)
        self._shared: Mapping[str, Value] = {}
        self._watch = InvariantChecker(
            world=world, trace=trace, invariants=invariants, boolean_type=boolean_type, limits=limits
        )
        self._room = BlockedOperations(world=world, clock=clock, trace=trace, actors=self.actors, limits=limits)

    @property
    def assertions(self) -> int:
        """How many expectations, checks and invariants were judged."""
        return self.judgements + self._watch.assertions

    @property
    def raced(self) -> bool:
        """Whether the engine had to choose among waiting sessions."""
        return self._room.raced

    # Running

    def script(self, code: Code, env: Mapping[str, Value], *, watch: bool = True) -> dict[str, Value]:
        """Run one list of instructions from its beginning to its end; the variables that it leaves behind.

        ``watch`` judges the invariants at every quiet point.
        """
        strand = TaskThread(index=0, name="", code=code, env=dict(env))
        self.strands = [strand]
        self._shared = env
        ready, end = ThreadState.READY, len(code)
        handlers = [_HANDLERS[op.kind] for op in code]
        watch = watch and bool(self._watch.invariants)
        waiting = self._room.pending
        if watch:
            self._look()
        while True:
            while strand.state is ready:
                pc = strand.pc
                if pc == end:
                    return strand.env
                if not (watch or waiting):
                    self._hurry(strand)
                    if strand.pc != pc or strand.state is not ready:
                        continue
                handlers[pc](self, strand, code[pc])
                if waiting:
                    self._room.settle(self._complete)
                if watch:
                    self._look()
            self._pass_time()

    def _hurry(self, strand: TaskThread) -> None:
        """Take plain steps one after the other for as long as each ends at once, without an error, and is met.

        This is ``_sql`` written out once more, for the steps of which plans are mostly made: what a call, an attribute and
        a question cost there is half of what the interpreter costs. It stops before a step that is none of them, and
        hands one that turns out otherwise to ``_began``, as ``_sql`` would.
        """
        labels, now_us = self.labels, self.clock.now_us
        ops, given, outcomes, moments = self.trace.ops, self.trace.arguments, self.trace.outcomes, self.trace.moments
        code, env = strand.code, strand.env
        pc, end, judged, following = strand.pc, len(code), 0, Opcode.NEXT
        at = -1  # the index of the actor whose connection is at hand
        try:
            while pc < end:
                op = code[pc]
                if not op.is_plain:
                    if op.kind is not following:
                        break
                    for value in strand.blocks[-1].following:  # type: ignore[union-attr]  # the end of a loop's body
                        env[op.variable] = value
                        pc = op.target + 1
                        break
                    else:
                        break
                    continue
                if op.actor != at:
                    at = op.actor
                    actor = self.actors[at]
                    session = actor.session
                    if session is None or actor.uncollected is not None:
                        break
                    start, moment = session.start, (now_us, session.id)
                sole, bind = op.sole, op.bind
                if sole is not None:
                    arguments: tuple[Value, ...] = (env[sole],)
                else:
                    arguments = () if bind is None else bind(env)
                outcome = start(op.statement, arguments)  # type: ignore[arg-type]  # a plain step has one
                if outcome is None or type(outcome) is Failed:
                    strand.pc = pc
                    self._began(strand, op, arguments, outcome, session)  # type: ignore[arg-type]  # it was asked
                    pc = strand.pc
                    break
                ops.append(op)
                given.append(arguments)
                outcomes.append(outcome)
                moments.append(moment)
                wanted = op.wanted
                if wanted is None or outcome != wanted:
                    judgement = op.judge(outcome, env, labels)  # type: ignore[misc]  # a plain step has one
                    if judgement is not None:
                        judged += 1
                        strand.pc = pc
                        if self._bound(strand, op, arguments, outcome, judgement):
                            strand.pc += 1
                        pc = strand.pc
                        break
                judged += 1
                pc += 1
        except KeyError as error:
            raise RunStopped(failures.unbound(code[pc], error.args[0])) from None
        finally:
            strand.pc = pc
            self.judgements += judged

    def tasks(
        self, names: Sequence[str], codes: Sequence[Code], env: Mapping[str, Value], chooser: SchedulingPolicy
    ) -> None:
        """Run several lists of instructions, a step of the chosen one at a time, until all have ended."""
        self.strands = [
            TaskThread(index=i, name=name, code=code, env=dict(env))
            for i, (name, code) in enumerate(zip(names, codes, strict=True))
        ]
        self._shared = env
        self._look()
        while True:
            enabled = tuple(strand.index for strand in self.strands if self._is_enabled(strand))
            if enabled:
                choice = chooser.choose(enabled, self)
                self.trace.add(TaskChosen(choice=choice, enabled=enabled))
                strand = self.strands[choice]
                op = strand.code[strand.pc]
                _HANDLERS[op.kind](self, strand, op)
                if self._room.pending:
                    self._room.settle(self._complete)
                self._look()
            elif all(strand.state is ThreadState.DONE for strand in self.strands):
                chooser.finish()
                return
            else:
                self._pass_time()

    def _is_enabled(self, strand: TaskThread) -> bool:
        """Walk over what costs nothing, then say whether the strand can take a step."""
        while strand.state is ThreadState.READY:
            if strand.pc == len(strand.code):
                strand.state = ThreadState.DONE
            elif strand.code[strand.pc].kind in FREE_OPCODES:
                op = strand.code[strand.pc]
                _HANDLERS[op.kind](self, strand, op)
            else:
                return True
        return False

    def finish(self, *, watch: bool = False) -> None:
        """End the run in good order (rules.md 32): what still waits is released or cancelled, and connections go back."""
        self._roll_back(actor for actor in self.actors if not self._room.holds(actor))
        if self._room.pending:
            self._room.settle(self._complete)
        for actor in self.actors:
            pending, actor.uncollected = actor.uncollected, None
            if pending is not None and pending.outcome is None:
                self._fail(self._room.still_waits(pending))
            elif pending is not None and isinstance(pending.outcome, Failed):
                message = "the waiting statement failed, and nothing awaits it"
                self._fail(failures.step_failed(pending.op, FailureKind.ERROR, message, pending.outcome))
        self.abandon()
        if watch:
            self._look()

    def abandon(self) -> None:
        """Cancel, drain and roll back everything, and give every connection back. Judges nothing."""
        self._room.clear()
        self._roll_back(self.actors)
        for actor in self.actors:
            if actor.lease is not None:
                self.leases.give_back(actor)

    def close(self) -> None:
        """Close every connection that no pool owns."""
        for actor in self.actors:
            if actor.session is not None and actor.lease is None:
                actor.session.close()
            actor.session = None
        self._watch.close()

    # SQL

    def _sql(self, strand: TaskThread, op: Instruction) -> None:
        actor = self.actors[op.actor]
        session = actor.session
        if session is None or actor.uncollected is not None:
            session = self._session(strand, op, actor)
            if session is None:
                return
        try:
            arguments = () if op.bind is None else op.bind(strand.env)
        except KeyError as error:
            raise RunStopped(failures.unbound(op, error.args[0])) from None
        assert op.statement is not None
        self._began(strand, op, arguments, session.start(op.statement, arguments), session)

    def _began(
        self, strand: TaskThread, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome | None, session: Session
    ) -> None:
        """A statement was begun: it has ended at once, or waits."""
        if outcome is None:
            actor = self.actors[op.actor]
            self.begin_to_wait(PendingOperation(op=op, actor=actor, strand=strand, arguments=arguments, session=session))
        else:
            self.ended(strand, op, arguments, outcome, session)

    def ended(
        self, strand: TaskThread, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome, session: Session | None
    ) -> None:
        """A step of a strand has its outcome: record it, judge it, and let the strand go on."""
        self._record(op, arguments, outcome, session)
        if op.judge is not None:
            try:
                judgement = op.judge(outcome, strand.env, self.labels)
            except KeyError as error:
                raise RunStopped(failures.unbound(op, error.args[0])) from None
            self.judgements += 1
            if judgement is not None and not self._bound(strand, op, arguments, outcome, judgement):
                return
        elif type(outcome) is Failed:
            self.miss(strand, failures.step_failed(op, FailureKind.ERROR, outcome.text, outcome, arguments), outcome)
            return
        strand.pc += 1

    def _record(self, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome, session: Session | None) -> None:
        """Write a step that ended into the trace, and keep what checks may ask of it."""
        trace = self.trace
        if session is not None and (op.moves_tx or type(outcome) is Failed):
            trace.transactions[len(trace.ops)] = session.tx()
        trace.ops.append(op)
        trace.arguments.append(arguments)
        trace.outcomes.append(outcome)
        trace.moments.append((self.clock.now_us, None if session is None else session.id))
        if op.label is not None:
            self.labels[op.label] = outcome
        if type(outcome) is Failed:
            self.errors[outcome.error_class] += 1

    def _bound(
        self,
        strand: TaskThread,
        op: Instruction,
        arguments: tuple[Value, ...],
        outcome: Outcome,
        judgement: dict[str, Value] | Mismatch,
    ) -> bool:
        """Take in what an expectation bound; False if it was missed."""
        if isinstance(judgement, Mismatch):
            failure = failures.step_failed(op, FailureKind.EXPECTATION, judgement.message, outcome, arguments, strand.env)
            self.miss(strand, failure, outcome)
            return False
        strand.env.update(judgement)
        return True

    def _session(self, strand: TaskThread, op: Instruction, actor: TaskConnection) -> Session | None:
        """The connection for a statement; None where it was refused, and the refusal recorded as its outcome."""
        verbs.must_be_free(actor, op)
        if not actor.pooled:
            actor.session = self.world.open()
            return actor.session
        self.ended(strand, op, (), verbs.no_connection(actor), None)
        return None

    # Misses and further attempts

    def miss(self, strand: TaskThread, failure: Failure, outcome: Outcome | None) -> None:
        """A step missed: the innermost retry that takes it starts again, else the run is over."""
        while strand.blocks:
            block = strand.blocks[-1]
            if isinstance(block, RetryFrame) and blocks.takes(block, outcome):
                self._try_again(strand, block)
                return
            if self.keep_going:
                break
            strand.blocks.pop()
        self._fail(failure)
        strand.pc += 1

    def _try_again(self, strand: TaskThread, block: RetryFrame) -> None:
        """Undo what the attempt began - its transaction, its checkout, its bindings - and go back to its first step."""
        actor = block.actor
        self._undo(block)
        if actor is not None and actor.lease is not None and not block.had_lease:
            self.leases.give_back(actor)
        strand.env = dict(block.bindings)
        strand.pc = block.head + 1
        block.number += 1
        every_us = block.attempts.every_us
        if every_us is not None:
            # A database of SQLite whose cache is shared cannot even roll back while somebody changes its schema.
            self.park(strand, strand.code[block.head], BlockReason.RETRY, every_us, first=lambda: self._undo(block))

    def _undo(self, block: RetryFrame) -> None:
        """Roll back what the attempt began."""
        actor = block.actor
        if actor is None or actor.session is None or not block.was_idle:
            return
        if actor.session.tx() in (Tx.OPEN, Tx.FAILED):
            actor.session.quiesce()
            if actor.session.tx() is not Tx.OPEN:
                self.trace.add(SessionRolledBack(task=actor.name, why="a further attempt"))

    def _fail(self, failure: Failure) -> None:
        if not self.keep_going:
            raise RunStopped(failure)
        self.missed.append(failure)

    # Waiting

    def begin_to_wait(self, pending: PendingOperation) -> None:
        """A statement or a checkout did not end at once: its strand is parked, unless it was expected to wait."""
        strand, op = pending.strand, pending.op
        assert strand is not None
        strand.state = ThreadState.POOL if pending.session is None else ThreadState.LOCK
        if self._room.enter(pending, self._complete) and op.may_block:
            pending.actor.uncollected = pending
            pending.strand = None
            self.judgements += 1
            strand.state = ThreadState.READY
            strand.pc += 1

    def _complete(self, pending: PendingOperation, answer: Answer) -> None:
        """What waited has ended. Its strand goes on; one that was let go keeps its outcome for `await`."""
        actor, op = pending.actor, pending.op
        if isinstance(answer, tuple):
            outcome: Outcome = answer
        else:
            self.leases.lend(actor, op.pool, answer)
            outcome = verbs.DONE
        if pending.strand is not None:
            pending.strand.state = ThreadState.READY
            self.ended(pending.strand, op, pending.arguments, outcome, actor.session)
            return
        self._record(op, pending.arguments, outcome, actor.session)
        pending.outcome = outcome
        for strand in self.strands:
            if strand.state is ThreadState.AWAIT:
                strand.state = ThreadState.READY

    def park(
        self,
        strand: TaskThread,
        op: Instruction,
        wait: BlockReason,
        duration_us: int,
        first: Callable[[], None] | None = None,
    ) -> None:
        """The strand sleeps for a virtual while. ``first`` is done when it wakes."""
        now_us = self.clock.now_us
        until_us = now_us + duration_us
        strand.state = ThreadState.SLEEP
        task = strand.name or op.task
        self.trace.add(TaskBlocked(task=task, path=op.path, what=op.what, wait=wait, until_us=until_us, now_us=now_us))

        def wake() -> None:
            if first is not None:
                first()
            strand.state = ThreadState.READY

        self.clock.call_at(until_us, wake)

    def _pass_time(self) -> None:
        """Nobody can move: the clock jumps to the next deadline. Without one, the plan waits for itself."""
        deadline_us = self.clock.next_deadline_us()
        if deadline_us is None:
            is_script = not self.strands[0].name
            raise RunStopped(
                self._room.deadlock("if it is meant to wait, write `=> blocks` at the step" if is_script else None)
            )
        self.clock.advance_to(deadline_us)
        self.trace.add(ClockAdvanced(now_us=deadline_us))
        if self._room.pending:
            self._room.settle(self._complete)

    def _roll_back(self, actors: Iterable[TaskConnection]) -> None:
        for actor in actors:
            # What was lost is rolled back already.
            if actor.session is not None and actor.session.tx() in (Tx.OPEN, Tx.FAILED):
                actor.session.quiesce()
                self.trace.add(SessionRolledBack(task=actor.name, why="the end of the run"))

    def _look(self) -> None:
        """Judge the invariants, if this is a quiet point: no transaction open, nobody parked on a statement."""
        if not self._watch.invariants or self._room.pending:
            return
        if all(actor.session is None or actor.session.tx() is Tx.IDLE for actor in self.actors):
            for failure in self._watch.misses(self._shared, self.labels):
                self._fail(failure)


# Indexed by Kind. Functions, not bound methods: a machine that holds itself would keep its trace until the collector comes.
_HANDLERS: Final[tuple[Callable[[Interpreter, TaskThread, Instruction], None], ...]] = (
    Interpreter._sql,
    verbs.checkout,
    verbs.release,
    verbs.await_result,
    verbs.check,
    verbs.sleep,
    lambda _, strand, op: blocks.enter_loop(strand, op),
    lambda _, strand, op: blocks.next_round(strand, op),
    lambda machine, strand, op: blocks.enter_retry(strand, op, machine.actors[op.actor] if op.actor >= 0 else None),
    lambda _, strand, op: blocks.leave_retry(strand, op),
    lambda _, strand, op: blocks.begin_action(strand, op),
)
