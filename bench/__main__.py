"""`python -m bench`: measure everything, print the ratios beside their budgets; `--write` keeps them in the docs."""

from __future__ import annotations

import argparse
import platform
import sqlite3
import sys
from itertools import chain
from pathlib import Path

from bench import (
    campaign,
    cluster,
    differential,
    expressions,
    generation,
    interpreter,
    loading,
    postgres,
    shrinking,
    startup,
    transpiling,
)
from bench.measure import Result, table
from simdsl import __version__

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "benchmarks.md"


def main() -> int:
    """Exit 0 whatever was measured: budgets are kept by people who read this, not by a test on a busy machine."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure simdsl against its budgets.")
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs of each measurement (default: 15)")
    parser.add_argument("--steps", type=int, default=20_000, help="steps of the interpreter's plans (default: 20000)")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {_PAGE.name} under docs/reference")
    parser.add_argument(
        "--start-up-with", action="append", default=[], metavar="PYTHON", help="measure start-up of another environment too"
    )
    options = parser.parse_args()
    results: list[Result] = []
    for result in chain(
        interpreter.results(options.rounds, options.steps),
        loading.results(options.rounds, 10_000),
        startup.results(options.rounds, options.start_up_with),
        transpiling.results(options.rounds),
        postgres.results(options.rounds, options.steps),
        differential.results(options.rounds, options.steps),
        expressions.results(options.rounds),
        generation.results(options.rounds),
        shrinking.results(),
        campaign.results(options.rounds),
        cluster.results(options.rounds),
    ):
        print(f"{result.what}: {result.value:.2f}{result.unit} (budget {result.amount(result.budget)}; {result.detail})")
        results.append(result)
    if options.write:
        _PAGE.write_text(_page(results), encoding="utf-8")
        print(f"written to {_PAGE}")
    return 0


def _page(results: list[Result]) -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{python}, SQLite {sqlite3.sqlite_version}, {platform.machine()}"
    return (
        "# Benchmarks\n\n"
        "Written by `python -m bench --write`; do not edit.\n\n"
        f"simdsl {__version__}, {where}. Medians of interleaved runs.\n\n"
        f"{table(results)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
