"""Options of ``simdsl run`` that do not go together."""

from __future__ import annotations

from typing import Final

from simdsl.cli.failing import usage
from simdsl.cli.request import Request
from simdsl.plan.codes import Code

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
    ("doublecheck", "shrink"),
)
_NAMES: Final = {
    "dump": "--dump-plan-on-failure",
    "paths": "PATHS",
    "properties": "--property",
    "shrink": "--shrink-on-failure",
}


def check_options(request: Request) -> None:
    """Raises ``Stop`` with U008 where two options contradict each other, or one has nothing to speak of."""
    for one, other in _PAIRS:
        if getattr(request, one) and getattr(request, other):
            options = " and ".join(_NAMES.get(name, f"--{name}") for name in (one, other))
            raise usage(Code.U008, f"{options} do not go together")
    if not request.shrink and (request.shrink_rounds or request.shrink_time) is not None:
        raise usage(Code.U008, "nothing says that anything is shrunk", help="give `--shrink-on-failure` too")
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
