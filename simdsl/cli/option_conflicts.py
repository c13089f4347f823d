"""Options of ``simdsl run`` that cannot be combined, and plans that a backend cannot run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.cli.commands import RunRequest
from simdsl.cli.errors import usage
from simdsl.cli.exits import Stop
from simdsl.cli.option_groups import GENERATION
from simdsl.cli.options import Request
from simdsl.plan.codes import Code
from simdsl.plan.plan import Plan
from simdsl.plan.steps import SqlStep

_PAIRS: Final = (
    ("quiet", "verbose"),
    ("paths", "properties"),
    ("paths", "generate"),
    ("accept", "properties"),
    ("accept", "generate"),
    ("accept", "dump"),
    ("json", "verbose"),
    ("json", "quiet"),
    ("accept", "differential"),
    ("accept", "doublecheck"),
    ("differential", "doublecheck"),
    ("accept", "shrink"),
    ("isolated", "doublecheck"),
)
_NOT_REPEATED: Final = ("accept", "list_only", "trace", "junit", "html", "dump", "unroll")
"""What a repeated call cannot have: each repetition would rewrite the same file."""


def check_options(request: RunRequest) -> None:
    """Raises ``Stop`` with U008 if two options contradict each other, or one has no effect without another."""
    for one, other in _PAIRS:
        if getattr(request, one) and getattr(request, other):
            raise conflict(_name(request, one), _name(request, other))
    repeated = "loop" if request.loop is not None else "runs"
    if request.is_repeated:
        for one in _NOT_REPEATED:
            if getattr(request, one):
                raise conflict(_name(request, repeated), _name(request, one))
    if not request.shrink and (request.shrink_rounds or request.shrink_for) is not None:
        one = "shrink_rounds" if request.shrink_rounds is not None else "shrink_for"
        raise usage(
            Code.U008,
            f"{_name(request, one)} has no effect without --shrink-on-failure",
            help="give `--shrink-on-failure` too",
        )
    if request.html_passing is not None and request.html is None:
        raise usage(Code.U008, "--html-passing has no effect without --html", help="give `--html FILE` too")
    if request.is_generated:
        return
    for name, field in request.fields.items():
        if field.option.panel == GENERATION and request.is_given(name):
            raise usage(
                Code.U008,
                f"{field.option.name} is about generated plans, and the plans of this call are in files",
                help="give `--generate` or `--property NAME` instead of PATHS",
            )


def conflict(one: str, other: str) -> Stop:
    """Two options that exclude each other (U008)."""
    return usage(Code.U008, f"{one} and {other} cannot be combined")


def _name(request: Request, field: str) -> str:
    return request.fields[field].option.name


def check_snapshots(plans: Iterable[Plan], backends: Iterable[Backend]) -> None:
    """Raises ``Stop`` with U010 if plans of a profile have several tasks and writers of a backend block its readers.

    Such plans predict the result of every statement, and the prediction assumes that reads never wait for writes.
    """
    several = any(len(_tasks(plan)) > 1 for plan in plans)
    for backend in backends:
        if several and not backend.capabilities.snapshot_reads:
            raise usage(
                Code.U010,
                "generated plans with several tasks need a backend where writers do not block readers",
                about=mask(backend.url),
                help="`--backend sqlite` is one, and so is a file with `?journal_mode=wal`; or give `--tasks 1`",
            )


def _tasks(plan: Plan) -> set[str]:
    """The tasks of a plan that have anything to do."""
    if plan.tasks is not None:
        return {task.name for task in plan.tasks}
    return {step.task for step in plan.steps or () if isinstance(step, SqlStep)}
