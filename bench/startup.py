"""Whole processes: what it takes to say --help and to run a small plan, in starts of a bare interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import Result
from simdsl.plan.codes import path


def results(rounds: int, others: Sequence[str] = ()) -> Iterator[Result]:
    """Wall time, as the median of the ratios to `python -c pass` right before; here and in the environments of others.

    A ratio is compared between machines and under load, where milliseconds are not.
    """
    plan = str(path("plans/first.yaml"))
    for python in (sys.executable, *others):
        command = _command(python)
        version = _version(python)
        yield _measure(python, f"start-up, `simdsl --help`, {version}", [*command, "--help"], rounds, budget=6, stretch=5)
        yield _measure(
            python,
            f"start-up, `simdsl run` of a small plan, {version}",
            [*command, "run", plan],
            rounds,
            budget=13,
            stretch=11,
        )


def _command(python: str) -> list[str]:
    """The console script of an environment, which is what people call; `-m` costs four milliseconds more."""
    script = Path(python).with_name("simdsl")
    return [str(script)] if script.exists() else [python, "-m", "simdsl"]


def _version(python: str) -> str:
    asked = [python, "-c", "import platform; print(platform.python_implementation(), platform.python_version())"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _measure(python: str, what: str, command: Sequence[str], rounds: int, *, budget: float, stretch: float) -> Result:
    bare = [python, "-c", "pass"]
    _wall_ms(command)  # writes the bytecode, as an installation does
    pairs = [(_wall_ms(bare), _wall_ms(command)) for _ in range(rounds)]
    ratio = statistics.median(ours / base for base, ours in pairs)
    ours = statistics.median(ours for _, ours in pairs)
    base = statistics.median(base for base, _ in pairs)
    detail = f"{ours:.0f} ms; a bare interpreter takes {base:.0f} ms"
    return Result(what=what, value=ratio, unit="x", budget=budget, stretch=stretch, detail=detail)


def _wall_ms(command: Sequence[str]) -> float:
    env = dict(os.environ, CI="true")
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    for result in results(15, sys.argv[1:]):
        print(f"{result.what}: {result.value:.1f}{result.unit} (budget {result.budget:g}x; {result.detail})")
