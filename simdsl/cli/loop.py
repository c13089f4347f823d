"""``simdsl run --loop N``: the same call again and again, each time with another seed."""

from __future__ import annotations

import sys
from typing import Final

from simdsl.cli.exits import Exit
from simdsl.cli.option_conflicts import check_options
from simdsl.cli.request import Request
from simdsl.cli.running import run_request
from simdsl.core.choices import SEED_BITS, choose_below, fresh_seed

_STOPPED: Final = (Exit.INTERRUPTED, Exit.TERMINATED)


def run_loop(request: Request) -> Exit:
    """Run it ``request.loop`` times, with a line before each that has its seed; the worst exit code of all.

    The seeds are drawn from the one that was given, else from one that nobody knew. Raises ``Stop`` for what keeps plans
    from running.
    """
    check_options(request)
    assert request.loop is not None
    first = fresh_seed() if request.seed is None else request.seed
    codes: dict[int, Exit] = {}
    for number in range(1, request.loop + 1):
        seed = choose_below(2**SEED_BITS, first, "loop", number)
        _say(request, f"loop {number} of {request.loop}, seed {seed}")
        codes[seed] = run_request(request._replace(loop=None, seed=seed))
        if codes[seed] in _STOPPED or (request.maxfail is not None and _failed(codes) >= request.maxfail):
            break
    _say(request, _summary(codes, request.loop))
    return next((code for code in codes.values() if code in _STOPPED), _worst(codes))


def _say(request: Request, line: str) -> None:
    """Tell people; events have the seed in them."""
    out = sys.stderr if request.json else sys.stdout
    out.write(f"{line}\n")
    out.flush()


def _summary(codes: dict[int, Exit], wanted: int) -> str:
    failed = [str(seed) for seed, code in codes.items() if code is Exit.FAILURE]
    nothing = sum(code is Exit.NOTHING for code in codes.values())
    line = f"looped {len(codes)} of {wanted} times: {len(failed)} failed"
    if nothing:
        line += f", {nothing} judged nothing or too little"
    return f"{line}; seed {', '.join(failed)}" if failed else line


def _failed(codes: dict[int, Exit]) -> int:
    return sum(code is Exit.FAILURE for code in codes.values())


def _worst(codes: dict[int, Exit]) -> Exit:
    """A failure before anything else that is not well."""
    return Exit.FAILURE if _failed(codes) else max(codes.values())
