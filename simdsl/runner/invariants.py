"""Invariants of a plan, checked at quiescent points on a connection of their own (rules.md 27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simdsl.backends.protocol import Database, Session
from simdsl.core.matcher import Matcher, Mismatch, compile_expectation
from simdsl.core.trace import InvariantEvaluated, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.expectations import Ok
from simdsl.plan.outcomes import Outcome
from simdsl.plan.values import Value
from simdsl.runner import failures
from simdsl.runner.blocked import RealTimeLimits
from simdsl.runner.failures import RunStopped
from simdsl.runner.program import Code, Instruction


class InvariantChecker:
    """Observes; its connection is opened at the first quiet point."""

    def __init__(
        self, *, world: Database, trace: Trace, invariants: Code, boolean_type: bool, limits: RealTimeLimits
    ) -> None:
        self.invariants = invariants
        self.assertions = 0
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
                raise RunStopped(failures.unbound(op, error.args[0])) from None
            self.assertions += 1
            self._trace.add(InvariantEvaluated(path=op.path, outcome=outcome, held=not isinstance(judgement, Mismatch)))
            if isinstance(judgement, Mismatch):
                yield failures.step_failed(op, FailureKind.INVARIANT, judgement.message, outcome)

    def close(self) -> None:
        """Close the observer's connection."""
        if self._observer is not None:
            self._observer.close()
            self._observer = None

    def _judge(self, op: Instruction) -> Matcher:
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
            raise RunStopped(failures.at_step(op, FailureKind.STUCK, message))
        return outcome
