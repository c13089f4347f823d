"""The interpreter: executes the instructions of a program, one step of one task at a time.

A step is: pick a thread, execute one instruction of it, end what that unblocked, check invariants. Where one thread has
all steps (``steps:``, and sections) there is nothing to pick, and plain statements take a fast path.

Nothing here sleeps, and nothing is retried behind a plan's back: waiting is a state of a thread, and virtual time passes
only when no thread can move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from simdsl.backends.protocol import Database, Pool, Session
from simdsl.core.clock import Clock
from simdsl.core.matcher import Mismatch
from simdsl.core.trace import BlockReason, ClockAdvanced, TaskBlocked, TaskChosen, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner.blocked import Answer, BlockedOperations, RealTimeLimits
from simdsl.runner.invariants import InvariantChecker
from simdsl.runner.program import (
    PendingOperation,
    RunEvaluationContext,
    StatementInstruction,
    TaskConnection,
    TaskConnections,
    not_connected,
)
from simdsl.runner.scheduling import SchedulingPolicy
from simdsl.verbs.base.runtime import (
    DONE,
    NO_CONNECTION,
    Instruction,
    Instructions,
    RunStopped,
    TaskThread,
    ThreadState,
    step_failed,
    unbound,
)
from simdsl.verbs.for_ import LoopFrame, NextIteration


class Interpreter:
    """One run on one database, and the ``Runtime`` of its verbs.

    ``run_steps`` and ``run_tasks`` raise ``RunStopped`` at the first failure; with ``keep_going``, failures of steps are
    collected in ``failures`` instead.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        trace: Trace,
        tasks: Sequence[str],
        pools: Mapping[str, Pool],
        invariants: Instructions = (),
        boolean_type: bool = True,
        keep_going: bool = False,
        limits: RealTimeLimits,
    ) -> None:
        self.database = database
        self.clock = clock
        self.trace = trace
        self.keep_going = keep_going
        self.labels: dict[str, Outcome] = {}
        self.errors: Counter[ErrorClass] = Counter()
        self.threads: list[TaskThread] = []
        self.failures: list[Failure] = []
        self.connections = TaskConnections(tasks, database, pools, trace)
        self.boolean_type = boolean_type
        self._step_assertions = 0
        self._shared: Mapping[str, Value] = {}  # variables that invariants may read: params, and what setup bound
        self._invariants = InvariantChecker(
            database=database, trace=trace, invariants=invariants, boolean_type=boolean_type, limits=limits
        )
        self._blocked = BlockedOperations(
            database=database, clock=clock, trace=trace, connections=self.connections.all, limits=limits
        )

    @property
    def assertions(self) -> int:
        """How many expectations, checks and invariants were evaluated."""
        return self._step_assertions + self._invariants.assertions

    @property
    def raced(self) -> bool:
        """Whether the engine had to choose among several waiting sessions."""
        return self._blocked.raced

    # The loops

    def run_steps(self, code: Instructions, env: Mapping[str, Value], *, check_invariants: bool = True) -> dict[str, Value]:
        """Run one list of instructions from its beginning to its end; the variables that it leaves behind.

        ``check_invariants`` checks them at every quiescent point.
        """
        thread = TaskThread(index=0, name="", code=code, env=dict(env))
        self.threads = [thread]
        self._shared = env
        ready, end = ThreadState.READY, len(code)
        check_invariants = check_invariants and bool(self._invariants.code)
        pending = self._blocked.pending
        if check_invariants:
            self._check_invariants()
        while True:
            while thread.state is ready:
                pc = thread.pc
                if pc == end:
                    return thread.env
                if not (check_invariants or pending):
                    self._run_plain_statements(thread)
                    if thread.pc != pc or thread.state is not ready:
                        continue
                code[pc].execute(self, thread)
                if pending:
                    self._blocked.poll_until_quiescent(self._operation_ended)
                if check_invariants:
                    self._check_invariants()
            self._advance_clock()

    def run_tasks(
        self, names: Sequence[str], codes: Sequence[Instructions], env: Mapping[str, Value], policy: SchedulingPolicy
    ) -> None:
        """Run several lists of instructions, a step of the one that the policy picks at a time, until all have ended."""
        self.threads = [
            TaskThread(index=i, name=name, code=code, env=dict(env))
            for i, (name, code) in enumerate(zip(names, codes, strict=True))
        ]
        self._shared = env
        self._check_invariants()
        while True:
            enabled = tuple(thread.index for thread in self.threads if self._is_enabled(thread))
            if enabled:
                choice = policy.choose(enabled, self)
                self.trace.add(TaskChosen(choice=choice, enabled=enabled))
                thread = self.threads[choice]
                thread.code[thread.pc].execute(self, thread)
                if self._blocked.pending:
                    self._blocked.poll_until_quiescent(self._operation_ended)
                self._check_invariants()
            elif all(thread.state is ThreadState.DONE for thread in self.threads):
                policy.finish()
                return
            else:
                self._advance_clock()

    def _is_enabled(self, thread: TaskThread) -> bool:
        """Execute what takes no entry of a schedule, then say whether the thread can take a step.

        Heads and ends of loops are no steps: a choice among threads of which one would only count up its loop would
        double the interleavings and mean nothing to the database (rules.md 34).
        """
        while thread.state is ThreadState.READY:
            if thread.pc == len(thread.code):
                thread.state = ThreadState.DONE
            elif thread.code[thread.pc].is_free:
                thread.code[thread.pc].execute(self, thread)
            else:
                return True
        return False

    def _run_plain_statements(self, thread: TaskThread) -> None:
        """Fast path: run plain statements for as long as each ends at once, without an error, and as expected.

        It is ``run_statement`` and ``complete_step`` written out for the statements that plans are mostly made of, and
        ``NextIteration.execute`` for loops of them. Calls and attribute look-ups are most of what a step costs beside the
        database: `python -m bench` measures 1.5 times the time of a loop written by hand in memory, and 1.9 times without
        this method; 1.27 and 1.5 times in a WAL file (budgets 2 and 1.3). It stops before anything that is not plain, and
        hands a statement that turns out otherwise (it blocks, fails, or its outcome needs a look) to the slow path, so that
        there is one definition of each.

        ``thread.pc`` and the number of assertions live in local variables meanwhile; ``finally`` writes them back.
        """
        labels, now_us = self.labels, self.clock.now_us  # the clock stands still: it advances only when all threads wait
        trace = self.trace
        ops, argument_lists, outcomes, moments = trace.ops, trace.arguments, trace.outcomes, trace.moments
        code, env = thread.code, thread.env
        pc, end, assertions = thread.pc, len(code), 0
        at = NO_CONNECTION  # the connection that `start` and `moment` are of
        try:
            while pc < end:
                op = code[pc]
                if type(op) is not StatementInstruction:
                    if type(op) is not NextIteration:
                        break
                    frame = thread.frames[-1]
                    assert type(frame) is LoopFrame
                    for value in frame.following:
                        env[op.variable] = value
                        pc = op.target + 1
                        break
                    else:
                        break  # the loop is over: `execute` leaves it
                    continue
                if not op.is_plain:
                    break
                if op.connection != at:
                    at = op.connection
                    connection = self.connections.all[at]
                    session = connection.session
                    if session is None or connection.unawaited is not None:
                        break
                    # One tuple for all steps of a session at this time: the trace keeps a reference for each.
                    start, moment = session.start, (now_us, session.id)
                sole, bind = op.sole, op.bind
                if sole is not None:
                    arguments: tuple[Value, ...] = (env[sole],)
                else:
                    arguments = () if bind is None else bind(env)
                outcome = start(op.statement, arguments)
                if outcome is None or type(outcome) is Failed:
                    thread.pc = pc
                    self._statement_started(thread, op, arguments, outcome, session)  # type: ignore[arg-type]  # it is open
                    pc = thread.pc
                    break
                # The columns of the trace, one item each (`simdsl.core.trace.Trace`).
                ops.append(op)
                argument_lists.append(arguments)
                outcomes.append(outcome)
                moments.append(moment)
                exact = op.exact
                if exact is None or outcome != exact:
                    answer = op.judge(outcome, env, labels)  # type: ignore[misc]  # a plain statement has one
                    if answer is not None:
                        assertions += 1
                        thread.pc = pc
                        if self._accept(thread, op, arguments, outcome, answer):
                            thread.pc += 1
                        pc = thread.pc
                        break
                assertions += 1
                pc += 1
        except KeyError as error:
            raise RunStopped(unbound(code[pc], error.args[0])) from None
        finally:
            thread.pc = pc
            self._step_assertions += assertions

    # The end of a run

    def finish(self, *, check_invariants: bool = False) -> None:
        """End the run in good order (rules.md 32): transactions are rolled back, what that unblocks ends, leases go back.

        Raises ``RunStopped`` for what is still blocked then, and for a statement that failed and was not awaited.
        """
        # Sessions with a pending statement are left alone: they have to get their locks by the others' end.
        self.connections.roll_back_all(except_pending=self._blocked.pending)
        if self._blocked.pending:
            self._blocked.poll_until_quiescent(self._operation_ended)
        results = self.connections.results(NO_CONNECTION)
        self.connections.take_results(results)
        for pending in results:
            if pending.outcome is None:
                self._fail(self._blocked.still_blocked(pending))
            elif isinstance(pending.outcome, Failed):
                message = "the blocked statement failed, and no `await` takes its outcome"
                self._fail(step_failed(pending.op, FailureKind.ERROR, message, pending.outcome))
        self.abandon()
        if check_invariants:
            self._check_invariants()

    def abandon(self) -> None:
        """Cancel and roll back everything, and return every lease. Evaluates nothing and never raises ``RunStopped``."""
        self._blocked.cancel_all()
        self.connections.roll_back_all()
        self.connections.return_leases()

    def close(self) -> None:
        """Close every connection that no pool owns."""
        self.connections.close()
        self._invariants.close()

    # Statements

    def run_statement(self, thread: TaskThread, op: StatementInstruction) -> None:
        """See ``program.StatementRuntime``."""
        connection = self.connections.all[op.connection]
        session = connection.session
        if session is None or connection.unawaited is not None:
            session = self._open(thread, op, connection)
            if session is None:
                return
        try:
            arguments = () if op.bind is None else op.bind(thread.env)
        except KeyError as error:
            raise RunStopped(unbound(op, error.args[0])) from None
        self._statement_started(thread, op, arguments, session.start(op.statement, arguments), session)

    def _open(self, thread: TaskThread, op: StatementInstruction, connection: TaskConnection) -> Session | None:
        """The session for a statement; None where the step has completed with an error for lack of one."""
        self.connections.require_awaited(op)
        session = self.connections.open(connection)
        if session is None:
            self._complete(thread, op, (), not_connected(connection), None)
        return session

    def _statement_started(
        self,
        thread: TaskThread,
        op: Instruction,
        arguments: tuple[Value, ...],
        outcome: Outcome | None,
        session: Session,
    ) -> None:
        """A statement was started: it has ended already, or is pending."""
        if outcome is None:
            connection = self.connections.all[op.connection]
            self._block(
                thread,
                PendingOperation(op=op, connection=connection, thread=thread, arguments=arguments, session=session),
            )
        else:
            self._complete(thread, op, arguments, outcome, session)

    # How a step ends

    def complete_step(
        self, thread: TaskThread, op: Instruction, outcome: Outcome, arguments: tuple[Value, ...] = ()
    ) -> None:
        """See ``Runtime``."""
        self._complete(thread, op, arguments, outcome, None)

    def _complete(
        self,
        thread: TaskThread,
        op: Instruction,
        arguments: tuple[Value, ...],
        outcome: Outcome,
        session: Session | None,
    ) -> None:
        """Record the outcome of a step, check it, and let the thread move on."""
        self._record(op, arguments, outcome, session)
        if op.judge is not None:
            try:
                answer = op.judge(outcome, thread.env, self.labels)
            except KeyError as error:
                raise RunStopped(unbound(op, error.args[0])) from None
            self._step_assertions += 1
            if answer is not None and not self._accept(thread, op, arguments, outcome, answer):
                return
        elif type(outcome) is Failed:
            failure = step_failed(op, FailureKind.ERROR, outcome.text, outcome, arguments)
            self.fail_step(thread, failure, outcome)
            return
        thread.pc += 1

    def _record(self, op: Instruction, arguments: tuple[Value, ...], outcome: Outcome, session: Session | None) -> None:
        """Write a step that ended into the columns of the trace, and keep what checks may ask about it."""
        trace = self.trace
        moves_transaction = type(op) is StatementInstruction and op.moves_transaction
        if session is not None and (moves_transaction or type(outcome) is Failed):
            # Asking the driver costs as much as a step, so only those are asked about that may have changed it.
            trace.transactions[len(trace.ops)] = session.tx()
        trace.ops.append(op)
        trace.arguments.append(arguments)
        trace.outcomes.append(outcome)
        trace.moments.append((self.clock.now_us, None if session is None else session.id))
        if op.label is not None:
            self.labels[op.label] = outcome
        if type(outcome) is Failed:
            self.errors[outcome.error_class] += 1

    def _accept(
        self,
        thread: TaskThread,
        op: Instruction,
        arguments: tuple[Value, ...],
        outcome: Outcome,
        answer: dict[str, Value] | Mismatch,
    ) -> bool:
        """Take in what an expectation bound; False if it was not met, and the thread is where that leaves it."""
        if isinstance(answer, Mismatch):
            failure = step_failed(op, FailureKind.EXPECTATION, answer.message, outcome, arguments, thread.env)
            self.fail_step(thread, failure, outcome)
            return False
        thread.env.update(answer)
        return True

    def fail_step(self, thread: TaskThread, failure: Failure, outcome: Outcome | None) -> None:
        """See ``Runtime``."""
        while thread.frames:
            if thread.frames[-1].recover(self, thread, outcome):
                return
            if self.keep_going:
                break  # the thread goes on inside of its blocks
            thread.frames.pop()
        self._fail(failure)
        thread.pc += 1

    def count_assertion(self) -> None:
        """See ``Runtime``."""
        self._step_assertions += 1

    def _fail(self, failure: Failure) -> None:
        if not self.keep_going:
            raise RunStopped(failure)
        self.failures.append(failure)

    # Waiting

    def _block(self, thread: TaskThread, pending: PendingOperation) -> None:
        """An operation has not ended at once: its thread is blocked with it, unless the plan expected it to block."""
        thread.state = ThreadState.POOL if pending.session is None else ThreadState.LOCK
        if self._blocked.add(pending, self._operation_ended) and pending.op.may_block:
            pending.connection.unawaited = pending
            pending.thread = None
            self._step_assertions += 1
            thread.state = ThreadState.READY
            thread.pc += 1

    def _operation_ended(self, pending: PendingOperation, answer: Answer) -> None:
        """A pending operation has ended. Its thread moves on; one that was let go keeps the outcome for ``await``."""
        connection, op = pending.connection, pending.op
        if isinstance(answer, tuple):  # outcomes are named tuples, leases are not
            outcome: Outcome = answer
        else:
            self.connections.assign(connection, pending.pool, answer)
            outcome = DONE
        if pending.thread is not None:
            pending.thread.state = ThreadState.READY
            self._complete(pending.thread, op, pending.arguments, outcome, connection.session)
            return
        self._record(op, pending.arguments, outcome, connection.session)
        pending.outcome = outcome
        for thread in self.threads:
            if thread.state is ThreadState.AWAIT:
                thread.state = ThreadState.READY  # its `await` looks again whether all that it wants has ended

    def suspend(
        self,
        thread: TaskThread,
        op: Instruction,
        reason: BlockReason,
        duration_us: int,
        then: Callable[[], None] | None = None,
    ) -> None:
        """See ``Runtime``."""
        now_us = self.clock.now_us
        until_us = now_us + duration_us
        thread.state = ThreadState.SLEEP
        task = thread.name or op.task
        self.trace.add(TaskBlocked(task=task, path=op.path, what=op.what, wait=reason, until_us=until_us, now_us=now_us))

        def wake() -> None:
            if then is not None:
                then()
            thread.state = ThreadState.READY

        self.clock.call_at(until_us, wake)

    def _advance_clock(self) -> None:
        """No thread can move: the clock advances to the next deadline. Without one, the plan is deadlocked."""
        deadline_us = self.clock.next_deadline_us()
        if deadline_us is None:
            is_steps = not self.threads[0].name
            raise RunStopped(
                self._blocked.deadlock("if it is meant to block, write `=> blocks` at the step" if is_steps else None)
            )
        self.clock.advance_to(deadline_us)
        self.trace.add(ClockAdvanced(now_us=deadline_us))
        if self._blocked.pending:
            self._blocked.poll_until_quiescent(self._operation_ended)

    def _check_invariants(self) -> None:
        """Check the invariants if this is a quiescent point: no operation is pending, no transaction is open."""
        if not self._invariants.code or self._blocked.pending:
            return
        if self.connections.are_idle():
            for failure in self._invariants.failures(self._shared, self.labels):
                self._fail(failure)

    # What verbs ask about connections: see ``Runtime``

    def evaluation_context(self, thread: TaskThread) -> RunEvaluationContext:
        """See ``Runtime``."""
        return RunEvaluationContext(
            env=thread.env, labels=self.labels, pools=self.connections.pools, counts=self.errors, clock=self.clock
        )

    def check_out(self, thread: TaskThread, op: Instruction, pool: str) -> None:
        """See ``Runtime``."""
        connection = self.connections.all[op.connection]
        ticket = self.connections.request(connection, pool)
        answer = ticket.poll()
        if answer is None:
            self._block(thread, PendingOperation(op=op, connection=connection, thread=thread, ticket=ticket, pool=pool))
        elif isinstance(answer, Failed):
            self._complete(thread, op, (), answer, None)
        else:
            self.connections.assign(connection, pool, answer)
            self._complete(thread, op, (), DONE, connection.session)
