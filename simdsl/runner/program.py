"""Programs: what a plan is lowered to, and what the machine walks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final, TypeAlias

from simdsl.backends.protocol import Statement
from simdsl.core.evaluate import constant
from simdsl.core.matcher import Judge
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Action, Expectation, Expression, Items, Path, PoolSpec, Range, Var
from simdsl.plan.outcomes import Affected, ErrorClass
from simdsl.plan.values import Value


class Kind(IntEnum):
    """What an instruction does; the machine's table of handlers is indexed by it."""

    SQL = 0
    CHECKOUT = 1
    RETURN = 2
    AWAIT = 3
    CHECK = 4
    SLEEP = 5
    FOR = 6  # enter a loop, or jump to ``target`` if it is empty
    NEXT = 7  # the next round: jump behind ``target``, or fall through
    TRY = 8  # enter a retry
    TRIED = 9  # an attempt succeeded
    DRAWN = 10  # an action begins: its variables have these values


FREE: Final = frozenset({Kind.FOR, Kind.NEXT, Kind.TRY, Kind.TRIED, Kind.DRAWN})
"""Heads and ends of blocks, and values that are drawn: they cost no word of a schedule (rules.md 34)."""


SECTIONS: Final = frozenset({"setup", "finally", "invariants"})
"""Names that stand for a section's own connection, which no pool counts. No task may have one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What a retry says."""

    times: int
    classes: frozenset[ErrorClass]
    every_us: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class Instruction:
    """One instruction. ``actor`` is the index of the task whose connection it uses; -1 means none, or all of them.

    Nothing changes one, but it is not frozen: freezing its two dozen fields costs more than all the rest of lowering.
    """

    kind: Kind
    task: str
    path: Path
    what: str
    actor: int = -1
    judged: bool = False
    ordered: bool = False
    statement: Statement | None = None
    parameters: tuple[str, ...] = ()
    sole: str | None = None  # the only one of them
    bind: Callable[[Mapping[str, Value]], tuple[Value, ...]] | None = None  # the arguments; None: there are none
    judge: Judge | None = None
    wanted: Affected | None = None  # what need not be judged, for it is what is expected
    expectation: Expectation | None = None
    may_block: bool = False
    volatile: bool = False  # its answer, or what it binds, is another one every time
    moves_tx: bool = False  # the statement may begin or end a transaction
    is_plain: bool = False  # a statement of whose outcome nothing is wanted but that it be recorded and judged
    expression: Expression | None = None
    override: str | None = None
    label: str | None = None
    timeout_us: int | None = None
    pool: str = ""
    duration_us: int = 0
    variable: str = ""
    over: Range | Items | None = None
    attempts: Attempts | None = None
    target: int = -1
    values: tuple[tuple[str, Value], ...] = ()


Code: TypeAlias = tuple[Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A plan ready to run. ``strands`` holds one list of instructions a task under ``tasks:``, else a single one.

    Of a workload it holds one list with every action of every task, which is not for running: ``drawn`` makes those.
    """

    tasks: tuple[str, ...]  # the actors: every task that the plan names in the order of appearance, and its sections
    strands: tuple[Code, ...]
    strand_names: tuple[str, ...]  # empty for `steps:`
    setup: Code
    finally_: Code
    invariants: Code
    env: Mapping[str, Value]
    pools: tuple[PoolSpec, ...]
    drawn: Callable[[int], tuple[Code, ...]] | None = None  # of a workload: its strands, from the seed of a run

    @property
    def scheduled(self) -> bool:
        """Whether a scheduler has something to choose."""
        return bool(self.strand_names)

    def actions(self) -> dict[Path, Action]:
        """Which steps control transactions, and how."""
        return {
            op.path: op.statement.transaction.action
            for code in (*self.strands, self.setup, self.finally_)
            for op in code
            if op.statement is not None and op.statement.transaction is not None
        }


def schedule_length(code: Sequence[Instruction], env: Mapping[str, Value]) -> int:
    """How many words of a schedule these instructions cost, retries counted once, loops as often as is known."""

    def count(start: int, end: int) -> int:
        total, i = 0, start
        while i < end:
            op = code[i]
            if op.kind is Kind.FOR:
                total += max(_known_rounds(op, env), 1) * count(i + 1, op.target - 1)
                i = op.target
            else:
                total += op.kind not in FREE
                i += 1
        return total

    return count(0, len(code))


def _known_rounds(op: Instruction, env: Mapping[str, Value]) -> int:
    """How often a loop goes round, 0 where that is for a step to decide that has not run."""
    try:
        return len(rounds(op, env))
    except (KeyError, TypeError):
        return 0


def rounds(op: Instruction, env: Mapping[str, Value]) -> Sequence[Value]:
    """The values that a loop runs through. Raises ``KeyError`` for an unbound variable, ``TypeError`` for a bad bound."""
    assert op.over is not None
    if isinstance(op.over, Items):
        return tuple(env[item.name] if isinstance(item, Var) else constant(item) for item in op.over.items)
    first, last = (env[end.name] if isinstance(end, Var) else end for end in (op.over.first, op.over.last))
    if type(first) is not int or type(last) is not int:
        raise TypeError("the ends of a range are integers")
    return range(first, last + 1)
