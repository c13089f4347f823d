"""Invariants of a plan, checked at quiescent points on a connection of their own (rules.md 27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simdsl.backends.protocol import Database, Session
from simdsl.core.matcher import Mismatch, compile_expectation
from simdsl.core.trace import InvariantEvaluated, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.expectations import Ok
from simdsl.plan.outcomes import Outcome
from simdsl.plan.values import Value
from simdsl.runner.blocked import RealTimeLimits
from simdsl.runner.program import StatementInstruction
from simdsl.verbs.base.runtime import Instructions, RunStopped, at_step, step_failed, unbound


class InvariantChecker:
    """Queries a database without taking part in its run.

    Its connection is opened at the first quiescent point, counts for no pool, and blocks no session: it only reads, and
    each query ends its own transaction.
    """

    def __init__(
        self, *, database: Database, trace: Trace, invariants: Instructions, boolean_type: bool, limits: RealTimeLimits
    ) -> None:
        self.code = tuple(op for op in invariants if isinstance(op, StatementInstruction))
        self.assertions = 0
        self._database = database
        self._trace = trace
        self._boolean_type = boolean_type
        self._limits = limits
        self._session: Session | None = None

    def failures(self, env: Mapping[str, Value], labels: Mapping[str, Outcome]) -> Iterator[Failure]:
        """Check every invariant once, in the order of the plan. Raises ``RunStopped`` for one that cannot be checked."""
        for op in self.code:
            judge = op.judge or compile_expectation((Ok(),), ordered=op.ordered, boolean_type=self._boolean_type)
            try:
                outcome = self._query(op, tuple(env[name] for name in op.parameters))
                answer = judge(outcome, env, labels)
            except KeyError as error:
                raise RunStopped(unbound(op, error.args[0])) from None
            self.assertions += 1
            held = not isinstance(answer, Mismatch)
            self._trace.add(InvariantEvaluated(path=op.path, outcome=outcome, held=held))
            if isinstance(answer, Mismatch):
                yield step_failed(op, FailureKind.INVARIANT, answer.message, outcome)

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _query(self, op: StatementInstruction, arguments: tuple[Value, ...]) -> Outcome:
        if self._session is None:
            self._session = self._database.open()
        outcome = self._session.start(op.statement, arguments)
        if outcome is None:
            self._database.settle([self._session], self._limits.settle_us)
            outcome = self._session.poll()
        if outcome is None:
            # No transaction of the plan is open, so something outside of it, or of the engine's own, holds a lock.
            self._session.quiesce()
            message = "the invariant is blocked at a point where no session of the plan holds a lock"
            raise RunStopped(at_step(op, FailureKind.STUCK, message))
        return outcome
