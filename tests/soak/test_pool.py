"""Workers that work, refuse, die and hang."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.soak.parts import Unit
from bench.soak.pool import COMMAND, Answer, Did, Died, Refused, Workers
from bench.soak.records import counts_of
from bench.soak.work import do

UNIT = Unit(part="plans-sqlite", subject="quick", first=1, last=2)
DIES = (sys.executable, "-c", "import os; input(); print('{\"at\": 2}', flush=True); os.abort()")
SILENT = (sys.executable, "-c", "import sys; sys.stdin.readlines()")


@contextmanager
def workers(jobs: int, command: tuple[str, ...] = COMMAND, limit: float = 60.0) -> Iterator[Workers]:
    made = Workers(jobs, limit=limit, command=command)
    try:
        yield made
    finally:
        made.close()


def answer(made: Workers) -> Answer:
    while True:
        for one in made.answers(10):
            return one


def test_a_worker_comes_to_what_the_unit_comes_to_here() -> None:
    with workers(1) as made:
        for _ in range(2):
            made.give(UNIT)
            assert made.is_full
            said = answer(made)
            assert isinstance(said, Did)
            assert counts_of(said.counts) == do(UNIT)
            assert not made.busy


def test_two_work_at_the_same_time() -> None:
    units = [UNIT, Unit(part="plans-apsw", subject="quick", first=3, last=4)]
    with workers(2) as made:
        for unit in units:
            made.give(unit)
        assert {answer(made).unit for _ in units} == set(units)


def test_a_worker_that_dies_tells_where_and_another_takes_its_place() -> None:
    with workers(1, DIES) as made:
        for _ in range(2):
            made.give(UNIT)
            said = answer(made)
            assert isinstance(said, Died)
            assert (said.unit, said.seed, said.how) == (UNIT, 2, "ended by SIGABRT")


def test_a_worker_that_never_answers_is_ended() -> None:
    with workers(1, SILENT, limit=0.0) as made:
        made.give(UNIT)
        said = next(iter(made.answers(0)))
        assert isinstance(said, Died)
        assert (said.seed, said.how) == (1, "no answer within 0 s")
        assert not made.is_full


def test_what_cannot_begin_is_refused_and_no_result() -> None:
    with workers(1) as made:
        made.give(Unit(part="plans-sqlite", subject="quikc", first=1, last=1))
        said = answer(made)
        assert isinstance(said, (Did, Refused))
        if isinstance(said, Did):
            assert said.counts["alarms"]
        made.give(Unit(part="no-such-part", subject="quick", first=1, last=1))
        refused = answer(made)
        assert isinstance(refused, Refused)
        assert "no-such-part" in refused.why


def test_closed_with_work_under_way_nobody_is_left() -> None:
    with workers(2, SILENT) as made:
        made.give(UNIT)
    assert not made.busy
