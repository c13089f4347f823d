"""``retry: 3 times on busy``: repeat steps until they succeed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from simdsl.core.trace import BlockReason
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.steps import NO_OPTIONS, BlockStep, ExpectingStep, Step, StepOptions
from simdsl.plan.values import Value
from simdsl.syntax.expressions import duration_us, error_class, integer, issue_at
from simdsl.syntax.grammar import parse
from simdsl.syntax.printer import duration_text
from simdsl.syntax.problems import ParseError, Problems
from simdsl.verbs.base import Lowering, Verb
from simdsl.verbs.base.parsing import StepReader, VerbSource
from simdsl.verbs.base.runtime import NO_CONNECTION, Frame, Instruction, Runtime, TaskThread


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(BlockStep):
    """``retry: 3 times on busy or serialization_failure every 5ms`` with ``do:``. ``times`` counts all attempts."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None
    body: tuple[Step, ...]
    options: StepOptions = NO_OPTIONS


class RetryVerb(Verb[Retry]):
    """See ``Retry``."""

    name = "retry"
    step = Retry
    summary = "Attempts: `3 times on busy or serialization_failure every 5ms`. The steps of one task stand under `do`."

    def parse(self, source: VerbSource, reader: StepReader) -> Retry:
        """The body is read even where the head cannot be, so that everything wrong is reported at once."""
        body = reader.body(source)
        times, classes, every_us = parse_retry(source.text)
        return Retry(times=times, classes=classes, every_us=every_us, body=body, options=source.options)

    def text(self, step: Retry) -> str:
        """``3 times on busy or deadlock_detected every 5ms``."""
        classes = f" on {' or '.join(step.classes)}" if step.classes else ""
        every = f" every {duration_text(step.every_us)}" if step.every_us is not None else ""
        return f"{step.times} times{classes}{every}"

    def check(self, step: Retry, path: Path, problems: Problems) -> None:
        """An attempt undoes the transaction of one task, so that a retry of several cannot be undone."""
        tasks = dict.fromkeys(_tasks(step.body))
        if len(tasks) > 1:
            names = ", ".join(f"`{task}`" for task in tasks)
            problems.add(Code.R038, f"a retry is one task's, and this one has {names}", (*path, self.name))

    def lower(self, step: Retry, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """The head, the body, and the end that an attempt reaches only if nothing in it failed."""
        head = EnterRetry(
            task="",
            path=path,
            what="retry",
            times=step.times,
            classes=frozenset(step.classes),
            every_us=step.every_us,
        )
        index = len(code)
        code.append(head)
        lowering.steps(code, step.body, (*path, "do"))
        code.append(LeaveRetry(task="", path=path, what="retry", target=index))
        # Which task an attempt rolls back: the one that it is of. The loader has seen to it that there is one at most.
        connections = {op.connection for op in code[index:] if op.connection != NO_CONNECTION}
        head.connection = connections.pop() if len(connections) == 1 else NO_CONNECTION
        head.target = len(code)


class RetryArguments(NamedTuple):
    """``3 times on busy every 5ms``."""

    times: int
    classes: tuple[ErrorClass, ...]
    every_us: int | None


def parse_retry(text: str) -> RetryArguments:
    """What stands behind ``retry:``. Raises ``ParseError`` with offsets into the text."""
    tokens = [child for child in parse("retry_head", text).children if isinstance(child, str)]
    times = integer(tokens[0])
    if times < 1:
        raise ParseError(issue_at(Code.G207, "a retry makes one attempt at least", tokens[0]))
    classes = tuple(dict.fromkeys(error_class(token) for token in tokens if token.type == "NAME"))
    every_us = next((duration_us(token) for token in tokens if token.type == "DURATION"), None)
    return RetryArguments(times, classes, every_us)


def _tasks(steps: tuple[Step, ...]) -> Iterator[str]:
    """Every task that a step of the list is of, or waits for. A step that could not be read has none."""
    for step in steps:
        if isinstance(step, BlockStep):
            yield from _tasks(step.body)
        elif isinstance(step, ExpectingStep) and step.task:
            yield step.task


@dataclass(slots=True, kw_only=True, eq=False)
class RetryFrame(Frame):
    """A retry that a thread is inside of, and what its next attempt starts from."""

    op: EnterRetry
    head: int
    attempt: int = 1
    bindings: Mapping[str, Value]
    was_idle: bool  # no transaction was open when the attempt began
    had_lease: bool

    def recover(self, runtime: Runtime, thread: TaskThread, outcome: Outcome | None) -> bool:
        """Undo what the attempt did - its transaction, its checkout, its bindings - and go back to its first step.

        Bug-free applications do exactly this: a serialization failure asks for the whole transaction again
        (PostgreSQL manual, 13.5), and a connection kept across attempts is a leak.
        """
        op = self.op
        is_retried = not op.classes or (isinstance(outcome, Failed) and outcome.error_class in op.classes)
        if not is_retried or self.attempt >= op.times:
            return False
        self._roll_back(runtime)
        if op.connection != NO_CONNECTION and runtime.connections.has_lease(op.connection) and not self.had_lease:
            runtime.connections.check_in(op.connection)
        thread.env = dict(self.bindings)  # a copy: the next attempt may bind, fail, and start from here again
        thread.pc = self.head + 1
        self.attempt += 1
        if op.every_us is not None:
            # Once more when the time has come: SQLite with a shared cache cannot even roll back while another session
            # changes the schema, so the first rollback may have been refused.
            runtime.suspend(thread, op, BlockReason.RETRY, op.every_us, lambda: self._roll_back(runtime))
        return True

    def _roll_back(self, runtime: Runtime) -> None:
        # A transaction that was open before the attempt is for the plan to end, not for the retry.
        if self.op.connection != NO_CONNECTION and self.was_idle:
            runtime.connections.roll_back(self.op.connection, "a further attempt")


@dataclass(slots=True, kw_only=True, eq=False)
class EnterRetry(Instruction):
    """Begins the first attempt and remembers what every further one starts from."""

    verb = "try"
    is_free = True
    times: int
    classes: frozenset[ErrorClass]
    every_us: int | None

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """A copy of the bindings: what a failed attempt has bound must not be there in the next."""
        has_connection = self.connection != NO_CONNECTION
        thread.frames.append(
            RetryFrame(
                op=self,
                head=thread.pc,
                bindings=dict(thread.env),
                was_idle=not has_connection or runtime.connections.is_idle(self.connection),
                had_lease=has_connection and runtime.connections.has_lease(self.connection),
            )
        )
        thread.pc += 1


@dataclass(slots=True, kw_only=True, eq=False)
class LeaveRetry(Instruction):
    """The end of an attempt in which nothing failed."""

    verb = "tried"
    is_free = True

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """On to what follows."""
        thread.frames.pop()
        thread.pc += 1


VERB: Final = RetryVerb()
