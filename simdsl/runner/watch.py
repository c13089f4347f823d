"""The invariants of a plan, judged at its quiet points on a connection that no task and no pool knows (rules.md 27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simdsl.backends.protocol import Session, World
from simdsl.core.matcher import Judge, Miss, compile_expectation
from simdsl.core.trace import InvariantHeld, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.ir import Ok
from simdsl.plan.outcomes import Outcome
from simdsl.plan.values import Value
from simdsl.runner import failures
from simdsl.runner.failures import Stopped
from simdsl.runner.program import Code, Instruction
from simdsl.runner.waiting import Limits


class Watch:
    """Observes; its connection is opened at the first quiet point."""

    def __init__(self, *, world: World, trace: Trace, invariants: Code, boolean_type: bool, limits: Limits) -> None:
        self.invariants = invariants
        self.judged = 0
        self._world = world
        self._trace = trace
        self._boolean_type = boolean_type
        self._limits = limits
        self._observer: Session | None = None

    def misses(self, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> Iterator[Failure]:
        """Judge every invariant once, in the order of the plan."""
        for op in self.invariants:
            try:
                outcome = self._observe(op, tuple(env[name] for name in op.parameters))
                judgement = self._judge(op)(outcome, env, labels)
            except KeyError as error:
                raise Stopped(failures.unbound(op, error.args[0])) from None
            self.judged += 1
            self._trace.add(InvariantHeld(path=op.path, outcome=outcome, held=not isinstance(judgement, Miss)))
            if isinstance(judgement, Miss):
                yield failures.missed(op, FailureKind.INVARIANT, judgement.message, outcome)

    def close(self) -> None:
        """Close the observer's connection."""
        if self._observer is not None:
            self._observer.close()
            self._observer = None

    def _judge(self, op: Instruction) -> Judge:
        return op.judge or compile_expectation((Ok(),), ordered=op.ordered, boolean_type=self._boolean_type)

    def _observe(self, op: Instruction, arguments: tuple[Value, ...]) -> Outcome:
        if self._observer is None:
            self._observer = self._world.open()
        assert op.statement is not None
        outcome = self._observer.start(op.statement, arguments)
        if outcome is None:
            self._world.settle([self._observer], self._limits.settle_us)
            outcome = self._observer.poll()
        if outcome is None:
            self._observer.quiesce()
            message = "the invariant waits at a point where nobody holds anything"
            raise Stopped(failures.at_step(op, FailureKind.STUCK, message))
        return outcome
