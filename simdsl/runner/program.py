"""Programs: the flat lists of instructions that a plan is lowered to and that the interpreter executes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, cast

from simdsl.backends.protocol import Statement
from simdsl.core.choices import sample_actions
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected
from simdsl.plan.plan import PoolSpec, Workload
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction
from simdsl.plan.values import Value
from simdsl.verbs.base.runtime import Instruction, Instructions, Runtime, TaskThread

SECTION_NAMES: Final = frozenset({"setup", "finally", "invariants"})
"""Names that stand for a section's own connection, which no pool counts. No task may have one of them."""


class StatementRuntime(Runtime, Protocol):
    """A runtime that also runs SQL: the interpreter."""

    def run_statement(self, thread: TaskThread, op: StatementInstruction) -> None:
        """Send the statement on its task's connection: the step completes, or the thread blocks."""


@dataclass(slots=True, kw_only=True, eq=False)
class StatementInstruction(Instruction):
    """A statement, compiled for the backend's driver."""

    verb = "sql"
    statement: Statement
    sole: str | None = None  # the name of the parameter if there is exactly one
    bind: Callable[[Mapping[str, Value]], tuple[Value, ...]] | None = None  # the arguments; None: there are none
    exact: Affected | None = None  # an outcome equal to this needs no check: it is what is expected
    moves_transaction: bool = False  # the statement may begin or end a transaction

    @property
    def kind(self) -> str:
        """What the statement is: a query, DML, ..."""
        return str(self.statement.kind)

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """The interpreter's work: statements need sessions, which verbs know nothing about."""
        cast(StatementRuntime, runtime).run_statement(thread, self)


@dataclass(slots=True, kw_only=True, eq=False)
class BeginAction(Instruction):
    """An action of a workload begins: its variables have the values that were drawn for it."""

    verb = "drawn"
    is_free = True
    values: tuple[tuple[str, Value], ...]

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """What an earlier action of the task has bound stays bound."""
        thread.env.update(self.values)
        thread.pc += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A plan ready to run. ``threads`` holds one list of instructions a task under ``tasks:``, else a single one.

    Of a workload it holds one list with every action of every task, which is not for running. ``sample_threads`` makes
    the threads of a run from its seed.
    """

    tasks: tuple[str, ...]  # with a connection: every task that the plan names, in the order of the text, and sections
    threads: tuple[Instructions, ...]
    thread_names: tuple[str, ...]  # empty for `steps:`
    setup: Instructions
    finally_: Instructions
    invariants: Instructions
    env: Mapping[str, Value]
    pools: tuple[PoolSpec, ...]
    sample_threads: Callable[[int], tuple[Instructions, ...]] | None = None

    @property
    def scheduled(self) -> bool:
        """Whether a scheduler has something to choose."""
        return bool(self.thread_names)

    def statements(self, *, invariants: bool = True) -> tuple[StatementInstruction, ...]:
        """Every statement, in the order of sections that a run has."""
        codes = (self.setup, *self.threads, self.finally_, *((self.invariants,) if invariants else ()))
        return tuple(op for code in codes for op in code if isinstance(op, StatementInstruction))

    def transaction_actions(self) -> dict[Path, TransactionAction]:
        """Which steps control transactions, and how."""
        return {
            op.path: op.statement.transaction.action
            for op in self.statements(invariants=False)
            if op.statement.transaction is not None
        }


def schedule_length(code: Sequence[Instruction], env: Mapping[str, Value]) -> int:
    """How many entries of a schedule these instructions take; an upper estimate of PCT's number of steps.

    Retries count once, loops as often as is known before the run.
    """

    def count(start: int, end: int) -> int:
        total, i = 0, start
        while i < end:
            op = code[i]
            iterations = op.iterations(env)
            if iterations is not None:
                total += iterations * count(i + 1, op.target - 1)
                i = op.target
            else:
                total += not op.is_free
                i += 1
        return total

    return count(0, len(code))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredWorkload:
    """The actions of a workload, each lowered once for each task; every run puts them together.

    ``codes`` holds for each task, in the order of the workload, the instructions of each action by its name.
    """

    workload: Workload
    codes: tuple[Mapping[str, Instructions], ...]

    @property
    def everything(self) -> Instructions:
        """Every instruction that a run may have."""
        return tuple(op for codes in self.codes for code in codes.values() for op in code)

    def threads(self, seed: int) -> tuple[Instructions, ...]:
        """What each task does in the run with this seed."""
        return tuple(self._thread(index, seed) for index in range(len(self.codes)))

    def _thread(self, index: int, seed: int) -> Instructions:
        task = self.workload.tasks[index]
        thread: list[Instruction] = []
        for sampled in sample_actions(self.workload, seed, task):
            name = sampled.action.name
            if sampled.values:
                path = ("workload", "actions", name)
                thread.append(BeginAction(task=task, path=path, what="with", values=sampled.values))
            thread += _moved(self.codes[index][name], len(thread))
        return tuple(thread)


def _moved(code: Instructions, by: int) -> Instructions:
    """The same instructions ``by`` places later: jumps are copied with their new target.

    All others stay the same objects, because the digest numbers statements by their instruction: a copy would count as
    another statement.
    """
    return tuple(op if op.target < 0 else replace(op, target=op.target + by) for op in code)
