"""Options of ``simdsl run`` that do not go together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.cli.errors import usage
from simdsl.cli.request import Request
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
    ("loop", "accept"),
    ("loop", "list_only"),
    ("loop", "trace"),
    ("loop", "junit"),
    ("loop", "html"),
    ("loop", "dump"),
    ("loop", "unroll"),
)


_NAMES: Final = {
    "list_only": "--list",
    "dump": "--dump-plan-on-failure",
    "paths": "PATHS",
    "properties": "--property",
    "shrink": "--shrink-on-failure",
}


def check_snapshot_support(request: Request, plans: Iterable[Plan], backends: Iterable[Backend]) -> None:
    """Raises ``Stop`` with U010 where plans of a profile would meet locks that they know nothing of."""
    if request.generate and not request.properties:
        check_snapshots(plans, backends)


def check_snapshots(plans: Iterable[Plan], backends: Iterable[Backend]) -> None:
    """Raises ``Stop`` with U010 where these plans of a profile would meet locks that they know nothing of."""
    several = any(len(_tasks(plan)) > 1 for plan in plans)
    for backend in backends:
        if several and not backend.capabilities.snapshot_reads:
            raise usage(
                Code.U010,
                "generated plans of several tasks need readers who take no notice of writers",
                about=mask(backend.url),
                help="`--backend sqlite` has them, and so has a file with `?journal_mode=wal`; or give `--tasks 1`",
            )


def check_options(request: Request) -> None:
    """Raises ``Stop`` with U008 where two options contradict each other, or one has nothing to speak of."""
    for one, other in _PAIRS:
        if getattr(request, one) and getattr(request, other):
            options = " and ".join(_NAMES.get(name, f"--{name}") for name in (one, other))
            raise usage(Code.U008, f"{options} do not go together")
    if not request.shrink and (request.shrink_rounds or request.shrink_time) is not None:
        raise usage(Code.U008, "nothing says that anything is shrunk", help="give `--shrink-on-failure` too")
    if request.html_passing is not None and request.html is None:
        raise usage(Code.U008, "nothing says that a page is written", help="give `--html FILE` too")
    if request.makes:
        return
    for given, text in (
        (request.runs, "--runs says how many plans"),
        (request.min_judged, "--min-judged says how often they must be judged"),
        (request.profile, "--profile says what plans are made of"),
        (request.knobs or None, "a knob says what plans are made of"),
    ):
        if given is not None:
            raise usage(
                Code.U008,
                f"{text}, and nothing says that any are made",
                help="give `--generate` or `--property NAME` too",
            )


def _tasks(plan: Plan) -> set[str]:
    """Who does anything in a generated plan."""
    if plan.tasks is not None:
        return {task.name for task in plan.tasks}
    return {step.task for step in plan.steps or () if isinstance(step, SqlStep)}
