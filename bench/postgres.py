"""PostgreSQL: the interpreter against a cursor, how soon a wait is seen, how soon a throwaway server serves.

Client and server share one core, where a statement costs a third of what it costs across two: see performance in the docs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.measure import Result, side_by_side
from simdsl.backends.postgres import embedded_server, provisioner
from simdsl.backends.postgres.database import PostgresDatabase
from simdsl.backends.postgres.embedded_server import EmbeddedServer
from simdsl.backends.protocol import Statement
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded, Verdict
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.plan.sql import SqlKind
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

_TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)"


def results(rounds: int, steps: int) -> Iterator[Result]:
    """Everything about PostgreSQL. The throwaway server is started anew, so that it is on the core that we are on."""
    yield _start(rounds)
    with one_core():
        yield _interpreter(rounds, steps)
        yield _detection()
        yield _schedules("", rounds, budget=200, stretch=500)
        yield _schedules("pools: {main: {size: 2}}\n", rounds, budget=100, stretch=200)


def _interpreter(rounds: int, steps: int) -> Result:
    plan, backend = load_text(looped(steps // 4)), resolve("postgres")
    world = backend.create()
    assert isinstance(world, PostgresDatabase)
    try:
        with world.target.connect() as connection:
            sides = side_by_side(lambda: _seconds(plan), lambda: _by_hand(connection, steps // 4), rounds)
    finally:
        world.close()
    ours, theirs = (seconds / steps * 1e6 for seconds in (sides.ours, sides.peers))
    detail = f"{ours:.1f} us a step against {theirs:.1f} us by `Cursor.execute`, best against best {sides.best:.2f}x; wall"
    return Result(
        what="interpreter, PostgreSQL",
        value=sides.ratio,
        unit="x",
        budget=1.15,
        stretch=1.05,
        detail=f"{detail}, {steps} steps",
    )


def _seconds(plan: Plan) -> float:
    start = time.perf_counter()
    *_, ended = run_plan(plan, "bench", resolve("postgres"), RunOptions(seed=1))
    assert isinstance(ended, PlanEnded)
    assert ended.verdict is Verdict.PASS, ended
    return time.perf_counter() - start


def _by_hand(connection: psycopg.Connection[tuple[object, ...]], rounds: int) -> float:
    # What a run of ours does before and after its steps is done here too: a database is made and given up.
    start = time.perf_counter()
    made = provisioner.embedded_provisioner()
    home = made.make()
    with psycopg.connect(**home.parameters, autocommit=True) as own:
        own.execute(_TABLE.encode())
        cursor = own.cursor()
        execute = cursor.execute
        for i in range(1, rounds + 1):
            execute("INSERT INTO t VALUES (%s, 1)", (i,))
            execute("SELECT v FROM t WHERE id = %s", (i,))
            cursor.fetchall()
            execute("UPDATE t SET v = v + 1 WHERE id = %s", (i,))
            execute("SELECT id, v FROM t WHERE id = %s", (i,))
            cursor.fetchall()
    made.give_up(home)
    made.close()
    return time.perf_counter() - start


def looped(rounds: int) -> str:
    """A plan of four statements a round."""
    return f"""\
simdsl: 1
plan: bench
setup:
  - {_TABLE}
steps:
  - for: i in 1..{rounds}
    do:
      - a: INSERT INTO t VALUES ($i, 1) => 1 affected
      - a: SELECT v FROM t WHERE id = $i => 1
      - a: UPDATE t SET v = v + 1 WHERE id = $i => 1 affected
      - a: SELECT id, v FROM t WHERE id = $i => ($i, 2)
"""


def _detection() -> Result:
    """From the start of a statement that must wait to the verdict that it does, and for whom."""
    world = resolve("postgres").create()
    seconds: list[float] = []
    try:
        a, b = world.open(), world.open()
        for text in (_TABLE, "INSERT INTO t VALUES (1, 0)", "BEGIN", "UPDATE t SET v = 1"):
            a.start(_statement(text), ())
            world.settle([a], 10_000_000)
            a.poll()
        for _ in range(200):
            start = time.perf_counter()
            assert b.start(_statement("UPDATE t SET v = 2"), ()) is None
            settled = world.settle([b], 10_000_000)
            seconds.append(time.perf_counter() - start)
            assert settled.blockers == {b.id: {a.id}}, settled
            b.quiesce()
    finally:
        world.close()
    worst = sorted(seconds)[-len(seconds) // 20] * 1e3
    return Result(
        what="PostgreSQL, a lock wait is seen",
        value=statistics.median(seconds) * 1e3,
        unit=" ms",
        budget=2,
        stretch=0.3,
        detail=f"median of {len(seconds)}; 95 of 100 within {worst:.2f} ms",
    )


def _schedules(pools: str, rounds: int, *, budget: float, stretch: float) -> Result:
    """Every interleaving of two sessions with four steps each."""
    steps = ["BEGIN", "UPDATE t SET v = v + 1 WHERE id = {0} => 1 affected", "SELECT v FROM t WHERE id = {0} => 1", "COMMIT"]
    tasks = ""
    for number, name in ((1, "a"), (2, "b")):
        lines = [*(["checkout: " + name] if pools else []), *(step.format(number) for step in steps)]
        tasks += f"  {name}:\n" + "".join(f"    - {line}\n" for line in lines[: 4 if pools else None])
        if pools:
            tasks += f"    - return: {name}\n"
    setup = f"setup:\n  - {_TABLE}\n  - INSERT INTO t VALUES (1, 0), (2, 0)\n"
    plan = load_text(f"simdsl: 1\nplan: bench\n{pools}{setup}tasks:\n{tasks}schedule: all\n")
    runs, seconds = 0, []
    for _ in range(max(1, rounds // 5)):
        start = time.perf_counter()
        *_, ended = run_plan(plan, "bench", resolve("postgres"), RunOptions(seed=1))
        seconds.append(time.perf_counter() - start)
        assert isinstance(ended, PlanEnded)
        assert ended.verdict is Verdict.PASS, ended
        runs = ended.runs
    rate = runs / statistics.median(seconds)
    what = f"PostgreSQL, all schedules of two sessions{' with a pool' if pools else ''}"
    return Result(
        what=what, value=rate, unit="/s", budget=budget, stretch=stretch, detail=f"{runs} runs, wall", at_least=True
    )


def _start(rounds: int) -> Result:
    """A server that does not run yet, from a kept cluster, to the first answer."""
    EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user()).close()
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        server = EmbeddedServer(embedded_server.find_binaries(), embedded_server.choose_server_user())
        parameters = {"host": server.host, "port": server.port, "user": server.user, "dbname": "postgres"}
        made = provisioner.DatabaseProvisioner(parameters, server.names)
        with made.make().connect() as connection:
            connection.execute(b"SELECT 1").fetchall()
        seconds.append(time.perf_counter() - start)
        made.close()
        server.close()
    return Result(
        what="embedded PostgreSQL, to its first answer",
        value=statistics.median(seconds) * 1e3,
        unit=" ms",
        budget=250,
        stretch=150,
        detail=f"warm, median of {rounds}; wall",
    )


def _statement(text: str) -> Statement:
    kinds = {"CREATE": SqlKind.DDL, "SELECT": SqlKind.QUERY, "BEGIN": SqlKind.OTHER}
    return Statement(text=text, parameters=(), kind=kinds.get(text.split()[0], SqlKind.DML))


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and a server that it starts meanwhile, share one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
