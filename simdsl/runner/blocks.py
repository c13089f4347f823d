"""Loops, attempts and actions: the blocks that a strand is in, innermost last. Entering and leaving them takes no time."""

from __future__ import annotations

from simdsl.backends.protocol import Tx
from simdsl.core.verdicts import FailureKind
from simdsl.plan.outcomes import Failed, Outcome
from simdsl.runner import failures
from simdsl.runner.failures import RunStopped
from simdsl.runner.program import Instruction, loop_values
from simdsl.runner.state import LoopFrame, RetryFrame, TaskConnection, TaskThread


def enter_loop(strand: TaskThread, op: Instruction) -> None:
    """``for``: the first round, or past the end of an empty loop."""
    try:
        following = iter(loop_values(op, strand.env))
    except KeyError as error:
        raise RunStopped(failures.unbound(op, error.args[0])) from None
    except TypeError as error:
        raise RunStopped(failures.at_step(op, FailureKind.ERROR, str(error))) from None
    for first in following:
        strand.blocks.append(LoopFrame(head=strand.pc, variable=op.variable, following=following))
        strand.env[op.variable] = first
        strand.pc += 1
        return
    strand.pc = op.target


def next_round(strand: TaskThread, op: Instruction) -> None:
    """The end of a loop's body: the next round, or out of the loop."""
    block = strand.blocks[-1]
    assert type(block) is LoopFrame
    for value in block.following:
        strand.env[block.variable] = value
        strand.pc = block.head + 1
        return
    strand.blocks.pop()
    del strand.env[block.variable]
    strand.pc += 1


def enter_retry(strand: TaskThread, op: Instruction, actor: TaskConnection | None) -> None:
    """``retry``: the first attempt, and what every further one starts from."""
    assert op.attempts is not None
    strand.blocks.append(
        RetryFrame(
            head=strand.pc,
            attempts=op.attempts,
            actor=actor,
            number=1,
            bindings=dict(strand.env),
            was_idle=actor is None or actor.session is None or actor.session.tx() is Tx.IDLE,
            had_lease=actor is not None and actor.lease is not None,
        )
    )
    strand.pc += 1


def leave_retry(strand: TaskThread, op: Instruction) -> None:
    """An attempt came to its end without a miss."""
    strand.blocks.pop()
    strand.pc += 1


def begin_action(strand: TaskThread, op: Instruction) -> None:
    """The values that were drawn for an action of a workload."""
    strand.env.update(op.values)
    strand.pc += 1


def takes(block: RetryFrame, outcome: Outcome | None) -> bool:
    """Whether a miss with this outcome (None: of a check) makes a further attempt."""
    classes = block.attempts.classes
    is_meant = not classes or (isinstance(outcome, Failed) and outcome.error_class in classes)
    return is_meant and block.number < block.attempts.times
