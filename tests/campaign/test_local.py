"""A pool of real processes, some of which die, are killed or hang."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, forkserver
from pathlib import Path

import pytest

from simdsl.campaign.jobs import BatchResult, CampaignSpec, JobRefused, JobResult, LostJob, SeedBatch
from simdsl.campaign.local_pool import LocalPool
from tests.campaign.planted import URL
from tests.campaign.pools import run, work
from tests.patience import PATIENCE_US

pytestmark = pytest.mark.slow

WAIT_US = PATIENCE_US


@contextmanager
def crew_of(about: CampaignSpec, size: int = 1) -> Iterator[LocalPool]:
    pool = LocalPool(about, size)
    try:
        yield pool
    finally:
        pool.close()
    assert not [process for process in active_children() if process.name == "simdsl worker"]


def reports(pool: LocalPool) -> list[JobResult | LostJob]:
    found: list[JobResult | LostJob] = []
    while pool.busy:
        found += pool.reports(WAIT_US)
    return found


def test_jobs_are_done_by_other_processes(tmp_path: Path) -> None:
    with crew_of(work(), 2) as pool:
        for number in range(4):
            pool.submit(SeedBatch(number=number, first=number * 2 + 1, last=number * 2 + 2))
        assert pool.busy == 4
        done = reports(pool)
    assert sorted(one.batch.first for one in done if isinstance(one, BatchResult)) == [1, 3, 5, 7]


def test_nothing_comes_of_nothing() -> None:
    with crew_of(work()) as pool:
        assert list(pool.reports(0)) == []
        assert list(pool.reports(1_000)) == []


@pytest.mark.parametrize(
    ("fault", "word", "said"),
    [
        ("abort", "SIGABRT", "ended by SIGABRT"),
        ("exit", "exit 3", "ended with code 3"),
        ("kill", "SIGKILL", "ended by SIGKILL"),
        ("spin", "timeout", "did nothing for 4 s and was killed"),
    ],
)
def test_a_process_that_ends_says_where_and_how(fault: str, word: str, said: str) -> None:
    about = work(f"{URL}{fault}&one_of=20", limit_us=4_000_000)
    with crew_of(about) as pool:
        pool.submit(SeedBatch(number=1, first=2, last=3))
        pool.submit(SeedBatch(number=2, first=1, last=1))
        lost, done = reports(pool)
    assert isinstance(lost, LostJob)
    assert (lost.at, lost.how) == ((0, 2), (word, said))
    assert isinstance(done, BatchResult)


def test_who_is_asked_to_stop_gives_back_what_it_has() -> None:
    with crew_of(work()) as pool:
        pool.submit(SeedBatch(number=1, first=1, last=10_000))
        pool.submit(SeedBatch(number=2, first=20_001, last=20_002))
        assert list(pool.reports(300_000)) == []
        pool.stop()
        (done,) = reports(pool)
    assert isinstance(done, BatchResult)
    assert 0 <= done.last < 10_000
    assert done.health.of[0].generated == done.seeds == done.last


def test_a_job_for_which_there_is_no_backend() -> None:
    with crew_of(work("postgresql://nobody:secret@127.0.0.1:1/x")) as pool:
        pool.submit(SeedBatch(number=1, first=1, last=1))
        (refused,) = reports(pool)
    assert isinstance(refused, JobRefused)
    assert refused.is_unavailable
    assert "secret" not in refused.message


@pytest.mark.parametrize(("fault", "fingerprint"), [("abort", "crash/SIGABRT/dml"), ("hang", "crash/timeout/dml")])
def test_a_plan_that_ends_processes_is_found_stored_and_shrunk(tmp_path: Path, fault: str, fingerprint: str) -> None:
    about = work(f"{URL}{fault}&one_of=20", limit_us=4_000_000)
    ran = run(tmp_path, about, 3, LocalPool(about, 2), shrink_us=None if fault == "hang" else 60_000_000)
    (entry,) = ran.store.entries()[0]
    assert (entry.record.bug.fingerprint, entry.record.count, entry.config.seed) == (fingerprint, 1, 2)
    assert (ran.ended.totals.seeds, ran.ended.totals.plans, ran.ended.totals.failed) == (3, 3, 1)
    assert ran.ended.totals.lost == 1
    assert (entry.shrunk is not None) is (fault == "abort")
    assert not ran.ended.totals.internal_failures


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    about = work()
    whole = run(tmp_path / "whole", about, 40, LocalPool(about, 1))
    pool = LocalPool(about, 2)
    killed: list[int] = []

    def kill_one() -> tuple[()]:
        workers = [process for process in active_children() if process.name == "simdsl worker"]
        if not killed and pool.busy and workers and workers[0].pid is not None:
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)
        return ()

    ran = run(tmp_path / "killed", about, 40, pool, stop_asked=kill_one)
    assert killed
    assert ran.ended.totals.health == whole.ended.totals.health
    assert not ran.ended.totals.bugs


def test_who_ends_the_process_that_forks_ours_does_not_end_the_crew() -> None:
    """Whoever ends a whole group of processes does that: the next one may not start, and the one after it does."""
    with crew_of(work()) as pool:
        for number in range(4):
            pool.submit(SeedBatch(number=number, first=number + 1, last=number + 1))
            assert [type(one) for one in reports(pool)] == [BatchResult]
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGTERM)  # type: ignore[attr-defined]
            for process in active_children():
                process.kill()
                process.join()
            pool.submit(SeedBatch(number=number, first=number + 1, last=number + 1))
            assert {type(one) for one in reports(pool)} <= {LostJob, BatchResult}
        pool.submit(SeedBatch(number=9, first=9, last=9))
        assert [type(one) for one in reports(pool)] == [BatchResult]
