"""What verbs see of the interpreter: instructions, the threads that execute them, the services of a run, and its failures.

A verb is lowered to instructions and an instruction executes itself on a ``Runtime``, so that the interpreter knows no
verb and no verb imports the interpreter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import ClassVar, Final, Protocol, TypeAlias

from simdsl.core.clock import Clock
from simdsl.core.evaluation import EvaluationContext
from simdsl.core.matcher import Matcher, describe
from simdsl.core.trace import BlockReason, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.outcomes import Affected, Failed, Outcome
from simdsl.plan.values import Value, literal
from simdsl.syntax.expectations import read_names
from simdsl.syntax.printer import expectation_text

NO_CONNECTION: Final = -1
"""The index of an instruction that uses no task's connection, or every task's."""


DONE: Final = Affected()
"""The outcome of a step that succeeded and has neither rows nor a count."""


@dataclass(slots=True, kw_only=True, eq=False)
class Instruction(ABC):
    """One instruction of a program. Verbs derive their own, with fields for what only they need.

    Nothing changes an instruction after lowering. It is not frozen, because a frozen class sets each field by
    ``object.__setattr__``: with this many fields that made up more than half of the time that lowering takes.
    """

    verb: ClassVar[str]  # part of a failure's fingerprint, and so stable
    is_free: ClassVar[bool] = False  # True: executing it takes no entry of a schedule (rules.md 34)

    task: str
    path: Path
    what: str  # the step in reports and in the digest: its SQL, or words such as `checkout main`
    connection: int = NO_CONNECTION
    has_expectation: bool = False  # the step has an expectation of its own
    ordered: bool = False
    parameters: tuple[str, ...] = ()
    judge: Matcher | None = None
    expectation: Expectation | None = None
    may_block: bool = False
    nondeterministic: bool = False  # its outcome, or what it binds, may differ in each run
    is_plain: bool = False  # of this statement's outcome nothing is wanted but to record and to check it
    override: str | None = None
    label: str | None = None
    timeout_us: int | None = None
    target: int = -1  # where a jump goes: an index in the same list of instructions

    @property
    def kind(self) -> str:
        """What a fingerprint calls the step: the verb, or the kind of a statement."""
        return self.verb

    def iterations(self, env: Mapping[str, Value]) -> int | None:
        """How often the block that this opens will run, one at least; None where it opens none that repeats."""
        return None

    @abstractmethod
    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """Do it, and either move ``thread.pc`` on or leave the thread blocked. Raises ``RunStopped``."""


Instructions: TypeAlias = tuple[Instruction, ...]


class ThreadState(Enum):
    """Whether a thread can move; if not, what it waits for."""

    READY = "ready"
    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    AWAIT = "await"
    DONE = "done"


class Frame(ABC):
    """A block that a thread is inside of, such as a loop."""

    __slots__ = ()

    @abstractmethod
    def recover(self, runtime: Runtime, thread: TaskThread, outcome: Outcome | None) -> bool:
        """Take over a failure inside of the block; False passes it on to the block around.

        ``outcome`` is that of the step that failed, None for a check.
        """


@dataclass(slots=True, kw_only=True, eq=False)
class TaskThread:
    """A list of instructions and a position in it: one task of ``tasks:``, or the whole of ``steps:``.

    Not a thread of the operating system: the scheduler picks one of these for every step, and nothing runs in parallel.
    """

    index: int
    name: str  # empty for `steps:` and the sections
    code: Instructions
    env: dict[str, Value]
    pc: int = 0
    state: ThreadState = ThreadState.READY
    frames: list[Frame] = field(default_factory=list)  # innermost last


class PendingResult(Protocol):
    """A statement or a checkout that ``=> blocks`` left behind, until an ``await`` takes its outcome."""

    @property
    def task(self) -> str:
        """The task that started it."""

    @property
    def op(self) -> Instruction: ...
    @property
    def arguments(self) -> tuple[Value, ...]: ...
    @property
    def outcome(self) -> Outcome | None:
        """None while it is still blocked."""


class Connections(Protocol):
    """The connections of a run, by the index of their task. Sessions themselves stay with the interpreter."""

    def require_awaited(self, op: Instruction) -> None:
        """Raises ``RunStopped`` if a statement of the instruction's task was left blocked and not awaited."""

    def has_lease(self, connection: int) -> bool:
        """Whether the task has a connection of a pool."""

    def check_in(self, connection: int) -> Outcome:
        """Give the task's connection back to its pool as it is; the outcome is the pool's."""

    def is_idle(self, connection: int) -> bool:
        """Whether the task has no open transaction, or no connection at all."""

    def roll_back(self, connection: int, why: str) -> None:
        """Roll back the task's open transaction, if there is one; ``why`` goes into the trace."""

    def results(self, connection: int) -> Sequence[PendingResult]:
        """The operations of a task, or of all for ``NO_CONNECTION``, that nothing has awaited yet."""

    def take_results(self, results: Sequence[PendingResult]) -> None:
        """These are awaited now: their tasks may take further steps."""


class Runtime(Protocol):
    """The services of a run that verbs execute with. The interpreter implements it, and tests may."""

    @property
    def trace(self) -> Trace: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def labels(self) -> dict[str, Outcome]: ...
    @property
    def boolean_type(self) -> bool:
        """Whether the backend has booleans, or 0 and 1 stand for them."""

    def evaluation_context(self, thread: TaskThread) -> EvaluationContext:
        """What an expression may read at this moment."""

    def count_assertion(self) -> None:
        """An expectation or a check was evaluated."""

    # How a step ends

    def complete_step(
        self, thread: TaskThread, op: Instruction, outcome: Outcome, arguments: tuple[Value, ...] = ()
    ) -> None:
        """The step has this outcome: trace it, check it against its expectation, and let the thread move on."""

    def fail_step(self, thread: TaskThread, failure: Failure, outcome: Outcome | None) -> None:
        """The step failed: the innermost frame that recovers takes over; else the run ends with this failure."""

    def check_out(self, thread: TaskThread, op: Instruction, pool: str) -> None:
        """Ask a pool for a connection for the instruction's task: the step completes, or the thread blocks."""

    def suspend(
        self,
        thread: TaskThread,
        op: Instruction,
        reason: BlockReason,
        duration_us: int,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Block the thread for a virtual while. ``then`` is called when the time has come, before the thread is ready."""


class RunStopped(Exception):
    """The run ends with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def step_failed(
    op: Instruction,
    kind: FailureKind,
    message: str,
    outcome: Outcome | None,
    arguments: tuple[Value, ...] = (),
    env: Mapping[str, Value] | None = None,
) -> Failure:
    """The outcome of a step is not what the plan expects, or is an error where the plan expects none.

    ``arguments`` are the statement's; ``env`` holds the variables that the expectation reads.
    """
    expected = expectation_text(op.expectation) if op.expectation is not None else "ok"
    variables = dict(zip(op.parameters, arguments, strict=False))
    for name in read_names(op.expectation or ()):
        if env is not None and name in env:
            variables[name] = env[name]
    return Failure(
        kind=kind,
        message=message,
        path=op.path,
        override=op.override,
        task=op.task or None,
        expected=(expected,),
        got=describe(outcome) if outcome is not None else (),
        arguments=tuple((name, literal(value)) for name, value in variables.items()),
        fingerprint=fingerprint(kind, op, outcome),
    )


def at_step(op: Instruction, kind: FailureKind, message: str, help: str | None = None) -> Failure:  # noqa: A002 - the diagnostic's word
    """The run cannot go on at this step."""
    return Failure(
        kind=kind,
        message=message,
        path=op.path,
        override=op.override,
        task=op.task or None,
        help=help,
        fingerprint=fingerprint(kind, op, None),
    )


def of_run(kind: FailureKind, message: str, help: str | None = None, got: Sequence[str] = ()) -> Failure:  # noqa: A002 - the same
    """A failure of the run as a whole, at no step."""
    return Failure(kind=kind, message=message, path=(), help=help, got=tuple(got), fingerprint=str(kind))


def unbound(op: Instruction, name: str) -> Failure:
    """A step reads a variable that has no value."""
    return at_step(op, FailureKind.ERROR, f"${name} has no value here", f"a step before this one must bind it with ?{name}")


def fingerprint(kind: FailureKind, op: Instruction, outcome: Outcome | None) -> str:
    """The identity of a failure: its kind, the error class, the kind of statement.

    Texts of the engine are left out: they hold names and values, which shrinking changes.
    """
    error = str(outcome.error_class) if isinstance(outcome, Failed) else "-"
    return f"{kind}/{error}/{op.kind}"
