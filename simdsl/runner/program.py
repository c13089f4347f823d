"""Programs: the flat lists of instructions that a plan is lowered to and that the interpreter executes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Final, TypeAlias

from simdsl.backends.protocol import Statement
from simdsl.core.evaluation import constant_value
from simdsl.core.matcher import Matcher
from simdsl.core.sampling import sample_actions
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Expectation
from simdsl.plan.expressions import Expression
from simdsl.plan.outcomes import Affected, ErrorClass
from simdsl.plan.plan import PoolSpec
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction, Variable
from simdsl.plan.steps import IntegerBounds, ItemList
from simdsl.plan.values import Value
from simdsl.plan.workload import Workload


class Opcode(IntEnum):
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


FREE_OPCODES: Final = frozenset({Opcode.FOR, Opcode.NEXT, Opcode.TRY, Opcode.TRIED, Opcode.DRAWN})
"""Heads and ends of blocks, and values that are drawn: they cost no word of a schedule (rules.md 34)."""


SECTION_NAMES: Final = frozenset({"setup", "finally", "invariants"})
"""Names that stand for a section's own connection, which no pool counts. No task may have one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What a retry says."""

    times: int
    classes: frozenset[ErrorClass]
    every_us: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class Instruction:
    """One instruction. ``actor`` is the index of the task whose connection it uses; -1 means none, or all of them.

    Nothing changes one, but it is not frozen: freezing its two dozen fields costs more than all the rest of lowering.
    """

    kind: Opcode
    task: str
    path: Path
    what: str
    actor: int = -1
    has_expectation: bool = False
    ordered: bool = False
    statement: Statement | None = None
    parameters: tuple[str, ...] = ()
    sole: str | None = None  # the only one of them
    bind: Callable[[Mapping[str, Value]], tuple[Value, ...]] | None = None  # the arguments; None: there are none
    judge: Matcher | None = None
    wanted: Affected | None = None  # what need not be judged, for it is what is expected
    expectation: Expectation | None = None
    may_block: bool = False
    nondeterministic: bool = False  # its answer, or what it binds, is another one every time
    moves_tx: bool = False  # the statement may begin or end a transaction
    is_plain: bool = False  # a statement of whose outcome nothing is wanted but that it be recorded and judged
    expression: Expression | None = None
    override: str | None = None
    label: str | None = None
    timeout_us: int | None = None
    pool: str = ""
    duration_us: int = 0
    variable: str = ""
    over: IntegerBounds | ItemList | None = None
    attempts: RetryPolicy | None = None
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

    def actions(self) -> dict[Path, TransactionAction]:
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
            if op.kind is Opcode.FOR:
                total += max(_known_rounds(op, env), 1) * count(i + 1, op.target - 1)
                i = op.target
            else:
                total += op.kind not in FREE_OPCODES
                i += 1
        return total

    return count(0, len(code))


def _known_rounds(op: Instruction, env: Mapping[str, Value]) -> int:
    """How often a loop goes round, 0 where that is for a step to decide that has not run."""
    try:
        return len(loop_values(op, env))
    except (KeyError, TypeError):
        return 0


def loop_values(op: Instruction, env: Mapping[str, Value]) -> Sequence[Value]:
    """The values that a loop runs through. Raises ``KeyError`` for an unbound variable, ``TypeError`` for a bad bound."""
    assert op.over is not None
    if isinstance(op.over, ItemList):
        return tuple(env[item.name] if isinstance(item, Variable) else constant_value(item) for item in op.over.items)
    first, last = (env[end.name] if isinstance(end, Variable) else end for end in (op.over.first, op.over.last))
    if type(first) is not int or type(last) is not int:
        raise TypeError("the ends of a range are integers")
    return range(first, last + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredWorkload:
    """``codes`` holds for each task, in the order of the workload, the instructions of each action by its name."""

    workload: Workload
    codes: tuple[Mapping[str, Code], ...]

    @property
    def everything(self) -> Code:
        """Every instruction that a run may have."""
        return tuple(op for codes in self.codes for code in codes.values() for op in code)

    def strands(self, seed: int) -> tuple[Code, ...]:
        """What each task does in the run with this seed."""
        return tuple(self._strand(index, seed) for index in range(len(self.codes)))

    def _strand(self, index: int, seed: int) -> Code:
        task = self.workload.tasks[index]
        strand: list[Instruction] = []
        for act in sample_actions(self.workload, seed, task):
            if act.values:
                path = ("workload", "actions", act.action.name)
                strand.append(Instruction(kind=Opcode.DRAWN, task=task, path=path, what="with", values=act.values))
            strand += _moved(self.codes[index][act.action.name], len(strand))
        return tuple(strand)


def _moved(code: Code, by: int) -> Code:
    """The same instructions with the ends of their blocks where they are now. All others stay the same objects."""
    return tuple(op if op.target < 0 else replace(op, target=op.target + by) for op in code)
