"""Whole processes: what it takes to say --help and to run a small plan, beside a bare interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from bench.measure import Result
from simdsl.plan.resources import path


def results(rounds: int) -> Iterator[Result]:
    """Milliseconds of wall time, interleaved with `python -c pass`."""
    simdsl = [sys.executable, "-m", "simdsl"]
    plan = str(path("plans/first.yaml"))
    yield _measure("start-up, `simdsl --help`", [*simdsl, "--help"], rounds, budget=150, stretch=120)
    yield _measure("start-up, `simdsl run` of a small plan", [*simdsl, "run", plan], rounds, budget=400, stretch=250)


def _measure(what: str, command: Sequence[str], rounds: int, *, budget: float, stretch: float) -> Result:
    bare = [sys.executable, "-c", "pass"]
    _wall_ms(command)
    pairs = [(_wall_ms(command), _wall_ms(bare)) for _ in range(rounds)]
    ours = statistics.median(our for our, _ in pairs)
    python = statistics.median(other for _, other in pairs)
    detail = f"a bare interpreter takes {python:.0f} ms"
    return Result(what=what, value=ours, unit=" ms", budget=budget, stretch=stretch, detail=detail)


def _wall_ms(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, CI="true")
    )
    return (time.perf_counter() - start) * 1e3
