"""Failures of a run: what went wrong in the plan's terms, with a fingerprint that survives renaming and shrinking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simdsl.core.matcher import describe
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.outcomes import Failed, Outcome
from simdsl.plan.values import Value, literal
from simdsl.syntax.expectations import read_names
from simdsl.syntax.printer import expectation_text
from simdsl.verbs.base.runtime import Instruction


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
