"""Generating plans, and running them: a campaign of generated plans against the raw driver over the same statements."""

from __future__ import annotations

import sqlite3
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, Final, NamedTuple

from bench.measure import Result, cpu_seconds, side_by_side
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded, RunEnded, Verdict
from simdsl.generation.plans import generate
from simdsl.plan.plan import Plan
from simdsl.profiles.load import load_profile
from simdsl.properties import registry
from simdsl.properties.property import PlanSize
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

_PLANS: Final = {"quick": 40, "stress": 6}
_MEMORY: Final = "sqlite:///:memory:"
_ALONE: Final = ("tasks=1",)
_BUDGET: Final = 20_000
_STRETCH: Final = 50_000
_ASKED: Final = "where-true-false-null"


def results(rounds: int) -> Iterator[Result]:
    """Steps made a second; a campaign beside the raw driver; checks of a metamorphic property a second."""
    speeds = []
    for name, count in _PLANS.items():
        speed = _generating(name, count, rounds)
        speeds.append(speed)
        detail = f"{count} plans of the profile {name}; CPU, median of {rounds}"
        yield _per_second(f"generating, {name}", speed, detail, _BUDGET, _STRETCH)
    detail = f"the harmonic mean of {' and '.join(_PLANS)}"
    yield _per_second("generating, mean", statistics.harmonic_mean(speeds), detail, _BUDGET, _STRETCH)
    for name, count in _PLANS.items():
        yield _campaign(name, count, rounds)
    yield _metamorphic(rounds)


def _per_second(what: str, speed: float, detail: str, budget: float | None, stretch: float | None) -> Result:
    return Result(what=what, value=speed, unit="/s", budget=budget, stretch=stretch, detail=detail, at_least=True)


def _plans(name: str, count: int, knobs: Sequence[str] = ()) -> list[Plan]:
    profile = load_profile(name, knobs)
    return [generate(profile, seed) for seed in range(1, count + 1)]


def _generating(name: str, count: int, rounds: int) -> float:
    steps = sum(len(plan.setup) + len(plan.steps or ()) + len(plan.finally_) for plan in _plans(name, count))
    return steps / statistics.median(cpu_seconds(lambda: _plans(name, count)) for _ in range(rounds))


def _campaign(name: str, count: int, rounds: int) -> Result:
    # A database in memory is shared by its cache, where readers are refused what plans of several tasks rely on.
    plans = _plans(name, count, _ALONE)
    with _recording() as (url, recorded):
        recorder = resolve(url)
        recorded.clear()  # it tried the driver
        assertions = sum(_run(plan, recorder).assertions for plan in plans)
    statements = sum(isinstance(event, _Execute) for event in recorded)
    backend = resolve(_MEMORY)
    sides = side_by_side(
        lambda: cpu_seconds(lambda: [_run(plan, backend) for plan in plans]),
        lambda: cpu_seconds(lambda: _replay(recorded)),
        rounds,
    )
    making = statistics.median(cpu_seconds(lambda: _plans(name, count, _ALONE)) for _ in range(rounds))
    detail = (
        f"{statements / sides.ours:,.0f} statements/s and {assertions / sides.ours:,.0f} assertions/s "
        f"({assertions / (sides.ours + making):,.0f} with generating), against {statements / sides.peers:,.0f} statements/s "
        f"by the raw driver, best against best {sides.best:.2f}x; CPU, {count} plans of one task, {statements} statements"
    )
    return Result(
        what=f"campaign of generated plans, {name}, in memory",
        value=sides.ratio,
        unit="x",
        budget=None,
        stretch=None,
        detail=detail,
    )


def _metamorphic(rounds: int) -> Result:
    asked = registry.find(_ASKED)
    size = PlanSize.of(load_profile("stress"))
    backend = resolve(_MEMORY)
    plans = [asked.plan(seed, size) for seed in range(1, 4)]
    checks = sum(
        tried.assertions
        for plan in plans
        for event in run_plan(plan, "bench", backend, RunOptions(seed=1))
        if isinstance(event, RunEnded)
        for tried in event.report.properties
    )

    def work() -> None:
        for seed in range(1, 4):
            _run(asked.plan(seed, size), backend)

    seconds = statistics.median(cpu_seconds(work) for _ in range(rounds))
    detail = f"checks of {_ASKED} of the profile stress, generated and checked, in memory; CPU, {checks} checks"
    return _per_second("metamorphic campaign", checks / seconds, detail, None, None)


def _run(plan: Plan, backend: Backend) -> PlanEnded:
    *_, ended = run_plan(plan, "bench", backend, RunOptions(seed=1))
    assert isinstance(ended, PlanEnded)
    assert ended.verdict in (Verdict.PASS, Verdict.WARN), (plan.name, ended.failed.failure if ended.failed else ended.reason)
    return ended


class _Connect(NamedTuple):
    number: int
    target: str


class _Execute(NamedTuple):
    number: int
    sql: str
    parameters: Any


class _Close(NamedTuple):
    number: int


_Event = _Connect | _Execute | _Close


@contextmanager
def _recording() -> Iterator[tuple[str, list[_Event]]]:
    """A URL whose driver is the stdlib's, and notes what sessions have it do."""
    events: list[_Event] = []
    module = ModuleType("bench_recording")
    vars(module).update({name: getattr(sqlite3, name) for name in dir(sqlite3) if not name.startswith("__")})

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = ()) -> Any:
            events.append(_Execute(vars(self.connection)["number"], sql, parameters))
            return super().execute(sql, parameters)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def close(self) -> None:
            events.append(_Close(vars(self)["number"]))
            super().close()

    def connect(target: str, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.connect(target, factory=Connection, **options)
        vars(connection)["number"] = len(events)
        events.append(_Connect(len(events), target))
        return connection

    vars(module)["connect"] = connect
    sys.modules[module.__name__] = module
    try:
        yield f"{_MEMORY}?driver={module.__name__}", events
    finally:
        del sys.modules[module.__name__]


def _replay(events: Sequence[_Event]) -> None:
    """The same statements on the same connections, by hand. What is refused is refused again."""
    connections: dict[int, sqlite3.Connection] = {}
    for event in events:
        match event:
            case _Connect(number, target):
                is_uri = target.startswith("file:")
                connections[number] = sqlite3.connect(target, isolation_level=None, timeout=0, uri=is_uri)
            case _Execute(number, sql, parameters):
                with suppress(sqlite3.Error):
                    connections[number].execute(sql, parameters).fetchall()
            case _Close(number):
                connections[number].close()
    for connection in connections.values():
        connection.close()
