"""Verbs: the steps that are no SQL. Each is taken by one function of the machine, the strand and the instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simdsl.core.evaluation import CheckError, Evaluation
from simdsl.core.matcher import Mismatch, compile_expectation
from simdsl.core.trace import BlockReason, CheckEvaluated
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.expectations import Ok
from simdsl.plan.outcomes import Affected, ErrorClass, Failed
from simdsl.runner import failures
from simdsl.runner.failures import RunStopped
from simdsl.runner.program import Instruction
from simdsl.runner.state import PendingOperation, RunEvaluationContext, TaskConnection, TaskThread, ThreadState

if TYPE_CHECKING:
    from simdsl.runner.interpreter import Interpreter

DONE: Final = Affected()


def checkout(machine: Interpreter, strand: TaskThread, op: Instruction) -> None:
    """A connection of a pool, by the pool's own code."""
    actor = machine.actors[op.actor]
    must_be_free(actor, op)
    if actor.lease is not None:
        message = f"{actor.name} holds a connection already"
        help_ = f"one connection a task: `return: {actor.name}` first"
        raise RunStopped(failures.at_step(op, FailureKind.ERROR, message, help_))
    ticket = machine.leases.request(op.pool, actor)
    answer = ticket.poll()
    if answer is None:
        machine.begin_to_wait(PendingOperation(op=op, actor=actor, strand=strand, arguments=(), ticket=ticket))
    elif isinstance(answer, Failed):
        machine.ended(strand, op, (), answer, None)
    else:
        machine.leases.lend(actor, op.pool, answer)
        machine.ended(strand, op, (), DONE, actor.session)


def release(machine: Interpreter, strand: TaskThread, op: Instruction) -> None:
    """``return``: the connection goes back as it is."""
    actor = machine.actors[op.actor]
    must_be_free(actor, op)
    outcome = no_connection(actor) if actor.lease is None else machine.leases.give_back(actor) or DONE
    machine.ended(strand, op, (), outcome, None)


def await_result(machine: Interpreter, strand: TaskThread, op: Instruction) -> None:
    """``await``: what waited has its outcome, and that is judged."""
    targets = machine.actors if op.actor < 0 else [machine.actors[op.actor]]
    collected = [actor.uncollected for actor in targets if actor.uncollected is not None]
    if any(pending.outcome is None for pending in collected):
        strand.state = ThreadState.AWAIT
        return
    for pending in collected:
        pending.actor.uncollected = None
    for pending in collected:
        failure = _judge_awaited(machine, strand, op, pending)
        if failure is not None:
            machine.miss(strand, failure, pending.outcome)
            return
    strand.pc += 1


def _judge_awaited(machine: Interpreter, strand: TaskThread, op: Instruction, pending: PendingOperation) -> Failure | None:
    outcome = pending.outcome
    assert outcome is not None
    if op.label is not None:
        machine.labels[op.label] = outcome
    judge = compile_expectation(op.expectation or (Ok(),), ordered=pending.op.ordered, boolean_type=machine.boolean_type)
    try:
        judgement = judge(outcome, strand.env, machine.labels)
    except KeyError as error:
        raise RunStopped(failures.unbound(op, error.args[0])) from None
    machine.judgements += op.has_expectation
    if isinstance(judgement, Mismatch):
        kind = FailureKind.EXPECTATION if op.has_expectation else FailureKind.ERROR
        message = f"{pending.actor.name}: {judgement.message}"
        return failures.step_failed(op, kind, message, outcome, pending.arguments, strand.env)
    strand.env.update(judgement or {})
    return None


def check(machine: Interpreter, strand: TaskThread, op: Instruction) -> None:
    """An expression is evaluated, and must hold."""
    assert op.expression is not None
    around = RunEvaluationContext(
        env=strand.env, labels=machine.labels, pools=machine.leases.pools, counts=machine.errors, clock=machine.clock
    )
    evaluation = Evaluation(around)
    reason = None
    try:
        held = evaluation.holds(op.expression)
    except CheckError as error:
        held, reason = False, str(error)
    except KeyError as error:
        raise RunStopped(failures.unbound(op, error.args[0])) from None
    readings, now_us = tuple(evaluation.readings), machine.clock.now_us
    machine.trace.add(CheckEvaluated(task=op.task or None, path=op.path, held=held, readings=readings, now_us=now_us))
    machine.judgements += 1
    if held:
        strand.pc += 1
    else:
        machine.miss(strand, failures.check_failed(op, reason, around), None)


def sleep(machine: Interpreter, strand: TaskThread, op: Instruction) -> None:
    """The strand is parked for a virtual while."""
    strand.pc += 1
    machine.park(strand, op, BlockReason.SLEEP, op.duration_us)


def must_be_free(actor: TaskConnection, op: Instruction) -> None:
    """Stop the run if a statement of this task waited and was not collected."""
    if actor.uncollected is not None:
        message = f"{actor.name} has a statement that waited and was not collected yet"
        raise RunStopped(failures.at_step(op, FailureKind.ERROR, message, f"write `await: {actor.name}` before this step"))


def no_connection(actor: TaskConnection) -> Failed:
    """What comes of a statement without a connection."""
    return Failed(ErrorClass.CONNECTION_CLOSED, f"{actor.name} has checked out no connection", by="simdsl")
