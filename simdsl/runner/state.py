"""What the machine keeps while a plan runs: actors, strands, and statements that wait.

Each of them is itself and equal to no other, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum

from simdsl.backends.protocol import Lease, Session, Ticket
from simdsl.core.clock import Timer
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner.program import Attempts, Code, Instruction


class Ready(Enum):
    """Whether a strand may move, and if not, what it waits for."""

    READY = "ready"
    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    AWAIT = "await"
    DONE = "done"


@dataclass(slots=True, kw_only=True, eq=False)
class Actor:
    """A task as the database sees it: its connection, and a statement of it that nobody has collected yet."""

    name: str
    index: int
    pooled: bool
    session: Session | None = None
    lease: Lease | None = None
    pool: str = ""
    uncollected: Pending | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Round:
    """A loop that a strand is in."""

    head: int
    variable: str
    following: Iterator[Value]


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """A retry that a strand is in, and what its next attempt starts from."""

    head: int
    attempts: Attempts
    actor: Actor | None  # the one task that the retry uses
    number: int
    bindings: Mapping[str, Value]
    was_idle: bool  # no transaction was open when the attempt began
    had_lease: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Strand:
    """A list of instructions and a position in it: a task of ``tasks:``, or the whole of ``steps:``."""

    index: int
    name: str
    code: Code
    env: dict[str, Value]
    pc: int = 0
    state: Ready = Ready.READY
    blocks: list[Round | Attempt] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Pending:
    """A statement or a checkout that was begun and has not ended. ``strand`` is None once ``=> blocks`` let it go."""

    op: Instruction
    actor: Actor
    strand: Strand | None
    arguments: tuple[Value, ...]
    session: Session | None = None
    ticket: Ticket | None = None
    timer: Timer | None = None
    refusal: Failed | None = None  # simdsl's own answer, once it has cancelled
    outcome: Outcome | None = None
