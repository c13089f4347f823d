"""``checkout: a from main``: take a connection from a pool."""

from __future__ import annotations

from typing import Final

from simdsl.core.verdicts import FailureKind
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import Expectation
from simdsl.plan.plan import WORKLOAD_TASK
from simdsl.plan.steps import NO_OPTIONS, ExpectingStep, StepOptions
from simdsl.syntax.printer import with_expectation
from simdsl.syntax.problems import ParseError, ParseIssue, did_you_mean
from simdsl.verbs.base import BlockedTasks, Lowering, Overrides, Verb
from simdsl.verbs.base.parsing import SessionArguments, StepReader, VerbSource, report_missing_pools, session_task
from simdsl.verbs.base.runtime import Instruction, RunStopped, Runtime, TaskThread, at_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout(ExpectingStep):
    """``checkout: a from main``. ``pool`` is always resolved."""

    task: str
    pool: str
    expect: Expectation | None = None
    options: StepOptions = NO_OPTIONS


class CheckoutVerb(Verb[Checkout]):
    """See ``Checkout``."""

    name = "checkout"
    step = Checkout
    summary = (
        "Take a connection from a pool: `a from main`, and perhaps `=> error pool_timeout` or `=> blocks`. "
        "`from` may be left out with one pool."
    )
    takes_label = True
    takes_timeout = True
    overrides = Overrides.EXPECTATION

    def parse(self, source: VerbSource, reader: StepReader) -> Checkout | None:
        """``a from main``; the pool may be left out if there is only one, the task in a list of its own."""
        arguments = reader.session_arguments.parse(self.name, source)
        # Both are looked at before either may give up, so that two mistakes are reported at once.
        task = session_task(arguments, self.name, source, reader)
        pool = self._pool(arguments, source, reader)
        if task is None or pool is None:
            return None
        return Checkout(task=task, pool=pool, expect=arguments.expect, options=source.options)

    def _pool(self, arguments: SessionArguments, source: VerbSource, reader: StepReader) -> str | None:
        if not reader.pools:
            report_missing_pools(self.name, source, reader)
            return None
        if arguments.pool is None:
            if len(reader.pools) == 1:
                return reader.pools[0]
            names = ", ".join(f"`{name}`" for name in reader.pools)
            message = f"from which pool: {names}?"
            reader.problems.add(Code.R041, message, (*source.path, self.name), help="for example `a from main`")
            return None
        name, start, end = arguments.pool
        if name not in reader.pools:
            help_ = did_you_mean(name, reader.pools)
            raise ParseError(
                ParseIssue(code=Code.N011, message=f"there is no pool `{name}`", start=start, end=end, help=help_)
            )
        return name

    def text(self, step: Checkout) -> str:
        """The pool is always written out. In an action the task is whichever does it, so it has no name."""
        task = "" if step.task == WORKLOAD_TASK else f"{step.task} "
        return with_expectation(f"{task}from {step.pool}", step.expect)

    def check_blocked(self, step: Checkout, path: Path, tasks: BlockedTasks) -> None:
        """A task whose statement is blocked cannot ask for a connection."""
        tasks.acts(step, self.name, path)

    def lower(self, step: Checkout, path: Path, code: list[Instruction], lowering: Lowering) -> None:
        """One instruction."""
        expected = lowering.expectation(step)
        code.append(
            CheckoutInstruction(
                task=step.task,
                path=path,
                what=f"checkout {step.pool}",
                connection=lowering.connection(step.task),
                has_expectation=expected.expectation is not None,
                judge=expected.judge,
                expectation=expected.expectation,
                may_block=expected.may_block,
                override=expected.override,
                label=step.options.label,
                timeout_us=step.options.timeout_us,
                pool=step.pool,
            )
        )


@dataclass(slots=True, kw_only=True, eq=False)
class CheckoutInstruction(Instruction):
    """Runs the pool's own checkout. If the pool makes it wait, so is the thread until the pool has decided."""

    verb = "checkout"
    pool: str

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """A task has one connection at a time. Raises ``RunStopped`` if it has one already."""
        runtime.connections.require_awaited(self)
        # A second connection would leave the first without an owner: `return: a` could mean either.
        if runtime.connections.has_lease(self.connection):
            message = f"{self.task} holds a connection already"
            help_ = f"one connection a task: `return: {self.task}` first"
            raise RunStopped(at_step(self, FailureKind.ERROR, message, help_))
        runtime.check_out(thread, self, self.pool)


VERB: Final = CheckoutVerb()
