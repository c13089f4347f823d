"""Loading plans of 10,000 steps: one line a step, a block mapping a step, and JSON; ruamel's round trip beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator

from ruamel.yaml import YAML

from bench.measure import Result, cpu_seconds, side_by_side
from simdsl.language.load import load
from simdsl.language.read import read_text


def results(rounds: int, steps: int) -> Iterator[Result]:
    """Microseconds a step, whole loading: read, parsed, checked, names resolved."""
    head = "simdsl: 1\nplan: bench\nsetup:\n  - CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)\nsteps:\n"
    lines = [f"INSERT INTO t VALUES ({i}, 'x{i}') => 1 affected" for i in range(steps)]
    one_line = head + "".join(f"  - a: {line}\n" for line in lines)
    block = head + "".join(
        f"  - a: {line}\n    label: l{i}\n    why: it is new\n    postgres: => 1 affected\n" for i, line in enumerate(lines)
    )
    data = {"simdsl": 1, "plan": "bench", "steps": [{"a": line} for line in lines]}
    yield _measure("loading, one-line steps", one_line, rounds, steps, budget=10, stretch=5)
    yield _measure("loading, block mappings", block, rounds, steps, budget=30, stretch=20)
    yield _measure("loading, JSON", json.dumps(data), rounds, steps, budget=5, stretch=2)


def _measure(what: str, text: str, rounds: int, steps: int, *, budget: float, stretch: float) -> Result:
    ours, peers, _ = side_by_side(lambda: cpu_seconds(_loader(text)), lambda: cpu_seconds(_peer(text)), rounds)
    detail = f"ruamel's round trip takes {peers / steps * 1e6:.0f} us a step, CPU, {steps} steps"
    value = ours / steps * 1e6
    return Result(what=what, value=value, unit=" us", budget=budget, stretch=stretch, detail=detail)


def _loader(text: str) -> Callable[[], None]:
    def run() -> None:
        reading = read_text(text, "bench")
        assert reading.document is not None
        loaded = load(reading.document)
        assert loaded.plan is not None, loaded.problems[:1]

    return run


def _peer(text: str) -> Callable[[], object]:
    return lambda: YAML(typ="rt").load(io.StringIO(text))
