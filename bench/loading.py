"""Loading plans of 10,000 steps: one line a step, a block mapping a step, and JSON; ruamel's round trip beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator

from ruamel.yaml import YAML

from bench.measure import Result, cpu_seconds, side_by_side
from simdsl.language.load import load
from simdsl.syntax.files import read_text

_HEAD = "simdsl: 1\nplan: bench\nsetup:\n  - CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)\nsteps:\n"


def results(rounds: int, steps: int) -> Iterator[Result]:
    """Microseconds a step, whole loading: read, parsed, checked, names resolved."""
    yield _measure("loading, one-line steps", _one_line, rounds, steps, budget=10, stretch=5)
    yield _measure("loading, block mappings", _block, rounds, steps, budget=30, stretch=20)
    yield _measure("loading, JSON", _json, rounds, steps, budget=5, stretch=2)


def _one_line(steps: int) -> str:
    return _HEAD + "".join(f"  - a: {line}\n" for line in _lines(steps))


def _block(steps: int) -> str:
    return _HEAD + "".join(
        f"  - a: {line}\n    label: l{i}\n    why: it is new\n    postgres: => 1 affected\n"
        for i, line in enumerate(_lines(steps))
    )


def _json(steps: int) -> str:
    return json.dumps({"simdsl": 1, "plan": "bench", "steps": [{"a": line} for line in _lines(steps)]})


def _lines(steps: int) -> list[str]:
    return [f"INSERT INTO t VALUES ({i}, 'x{i}') => 1 affected" for i in range(steps)]


def _measure(what: str, text: Callable[[int], str], rounds: int, steps: int, *, budget: float, stretch: float) -> Result:
    few = steps // 10  # ruamel's round trip is a hundred times slower, and superlinear
    ours, peers = _loader(text(steps)), _peer(text(few))
    sides = side_by_side(lambda: cpu_seconds(ours), lambda: cpu_seconds(peers), rounds)
    detail = f"ruamel's round trip takes {sides.peers / few * 1e6:.0f} us a step of {few}; CPU, {steps} steps"
    return Result(what=what, value=sides.ours / steps * 1e6, unit=" us", budget=budget, stretch=stretch, detail=detail)


def _loader(text: str) -> Callable[[], None]:
    def run() -> None:
        reading = read_text(text, "bench")
        assert reading.document is not None
        loaded = load(reading.document)
        assert loaded.plan is not None, loaded.problems[:1]

    return run


def _peer(text: str) -> Callable[[], object]:
    return lambda: YAML(typ="rt").load(io.StringIO(text))
