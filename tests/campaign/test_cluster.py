"""A pool of real workers of a real scheduler, some of which are killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from distributed import Client

from simdsl.campaign.cluster import ClusterPool
from simdsl.campaign.cluster_task import PYTHON, ClusterAnswer, ClusterJob, UnfitWorker, do
from simdsl.campaign.jobs import BatchResult, JobResult, LostJob, SeedBatch, WorkerPoolUnavailable
from simdsl.campaign.local_pool import LocalPool
from simdsl.campaign.progress import BugShrunk, EndReason, WorkerDied
from simdsl.cli.campaign import start_workers
from simdsl.cli.output import Exit, Stop
from simdsl.workers.processes import ProcessExit
from tests.campaign.clusters import HERE, Cluster, cluster, hired, seeds_of
from tests.campaign.planted import URL
from tests.campaign.pools import Ran, run, work
from tests.patience import PATIENCE_US

pytestmark = pytest.mark.slow

SECRET = "geheimnis"
WRONG = f"python:tests.campaign.clusters:guarded?fault=wrong&password={SECRET}"
HARMED = "python:tests.campaign.clusters:harmed?harm="
SEEDS = 120
NANNY, ALONE = ("--nanny",), ("--no-nanny",)
WAIT_US = PATIENCE_US


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, one of them with a nanny, which makes it a process that `multiprocessing` lets start no others."""
    with cluster(tmp_path_factory.mktemp("dask"), NANNY, ALONE) as made:
        yield made


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What a campaign comes to that has no cluster."""
    return run(tmp_path_factory.mktemp("expected"), work(WRONG), SEEDS)


def when(condition: Callable[[], bool], then: Callable[[], object]) -> Callable[[], Sequence[EndReason]]:
    """Asks to stop never, and does something once, as soon as it is time for it."""
    left = [then]

    def asked() -> Sequence[EndReason]:
        if left and condition():
            left.pop()()
        return ()

    return asked


def reports(pool: ClusterPool) -> list[JobResult | LostJob]:
    found: list[JobResult | LostJob] = []
    while pool.busy:
        found += pool.reports(WAIT_US)
    return found


def test_a_cluster_finds_and_counts_what_this_machine_does(two: Cluster, expected: Ran, tmp_path: Path) -> None:
    about = work(WRONG)
    pool = ClusterPool(two.address, about)
    assert pool.size == 2
    ran = run(tmp_path, about, SEEDS, pool)
    assert ran.ended.why is EndReason.DONE
    assert ran.counts() == expected.counts() != {}
    assert ran.ended.totals.health == expected.ended.totals.health
    assert seeds_of(tmp_path / "journal.jsonl") == list(range(1, SEEDS + 1))
    assert two.tasks() == []
    assert two.processes() == []
    assert SECRET not in two.log()


def test_it_shrinks_what_it_finds(two: Cluster, tmp_path: Path) -> None:
    about = work(f"{URL}wrong&one_of=20")
    ran = run(tmp_path, about, 10, ClusterPool(two.address, about), shrink_us=WAIT_US)
    [shrunk] = [event for event in ran.events if isinstance(event, BugShrunk)]
    assert shrunk.after is not None
    assert shrunk.after < shrunk.before


def test_a_plan_that_ends_its_process_is_a_bug_and_ends_no_worker(two: Cluster, tmp_path: Path) -> None:
    about = work(f"{URL}abort&one_of=40")
    addresses = two.addresses()
    here = run(tmp_path / "here", about, 20, LocalPool(about, 2))
    there = run(tmp_path / "there", about, 20, ClusterPool(two.address, about))
    assert there.counts() == here.counts()
    assert [seen.fingerprint for seen in there.ended.totals.bugs.values()] == ["crash/SIGABRT/dml"]
    lost = [event.how.word for event in there.events if isinstance(event, WorkerDied)]
    assert lost
    assert set(lost) == {"SIGABRT"}
    assert seeds_of(tmp_path / "there" / "journal.jsonl") == list(range(1, 21))
    assert two.addresses() == addresses


def test_a_worker_that_is_killed_loses_and_doubles_no_seed(expected: Ran, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    about = work(f"{HARMED}worker&mark={mark}")
    with cluster(tmp_path, ALONE, ALONE) as falling:
        ran = run(tmp_path, about, SEEDS, ClusterPool(falling.address, about))
        assert mark.exists()
        assert len(falling.addresses()) == 1
        assert falling.tasks() == []
    assert ran.ended.why is EndReason.DONE
    assert ran.counts() == expected.counts() != {}
    assert ran.ended.totals.health == expected.ended.totals.health
    assert seeds_of(tmp_path / "journal.jsonl") == list(range(1, SEEDS + 1))


def test_a_process_beside_a_worker_that_is_killed_loses_its_job(two: Cluster) -> None:
    with closing(ClusterPool(two.address, work())) as pool:
        for number in (1, 2):
            pool.submit(SeedBatch(number=number, first=1, last=1, alone=True))
        reports(pool)
        processes = two.processes()
        assert len(processes) == 2
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        pool.submit(SeedBatch(number=3, first=1, last=1))
        [lost] = reports(pool)
        assert isinstance(lost, LostJob)
        assert (lost.job, lost.at, lost.how.word) == (SeedBatch(number=3, first=1, last=1), None, "SIGKILL")
        pool.submit(lost.job)
        pool.submit(lost.job)
        assert len(reports(pool)) == 2


def test_who_is_asked_to_stop_gives_back_what_it_has(two: Cluster) -> None:
    with closing(ClusterPool(two.address, work())) as pool:
        for number in range(6):
            pool.submit(SeedBatch(number=number, first=1, last=10_000, alone=True))
        while len(two.processes()) < 2:
            assert list(pool.reports(10_000)) == []
        pool.stop()
        assert pool.busy <= 2
        for done in reports(pool):
            assert isinstance(done, BatchResult)
            assert done.last < 1_000
    assert two.tasks() == []
    assert two.processes() == []


def test_who_closes_ends_everything_at_once(two: Cluster) -> None:
    pool = ClusterPool(two.address, work())
    for number in range(6):
        pool.submit(SeedBatch(number=number, first=1, last=10_000, alone=True))
    while len(two.processes()) < 2:
        assert list(pool.reports(10_000)) == []
    pool.close()
    pool.close()
    assert two.tasks() == []
    assert two.processes() == []


def test_a_campaign_that_was_killed_goes_on(two: Cluster, expected: Ran, tmp_path: Path) -> None:
    mark, journal = tmp_path / "mark", tmp_path / "journal"
    small = ("--set", "steps=12", "--set", "tasks=1", "--no-shrink", "--hang-after", "600s")
    where = ("--backend", f"{HARMED}hang&mark={mark}", "--cluster", two.address, "--json")
    files = ("--journal", str(journal), "--bugbase-dir", str(tmp_path / "bugs"))
    call = (sys.executable, "-m", "simdsl", "campaign", "--seeds", str(SEEDS), *small, *where, *files)
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=HERE) as killed:
        assert killed.stdout is not None
        next(line for line in killed.stdout if mark.exists() and seeds_of(journal))
        killed.kill()
    assert 0 < len(seeds_of(journal)) < SEEDS
    assert any(not is_alive(int(mark.read_text())) for _ in range(5_000) if two.addresses())
    again = subprocess.run(call, stdout=subprocess.PIPE, text=True, cwd=HERE, check=False)
    *_, ended = map(json.loads, again.stdout.splitlines())
    assert again.returncode == Exit.FAILURE
    assert ended["done_now"] < SEEDS
    assert seeds_of(journal) == list(range(1, SEEDS + 1))
    assert {bug["name"]: (bug["seed"], bug["count"]) for bug in ended["bugs"]} == expected.counts()
    assert two.tasks() == []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_waits_for_workers_and_keeps_what_is_done_when_the_scheduler_goes(tmp_path: Path) -> None:
    about = work()
    with cluster(tmp_path) as lonely:
        call = (sys.executable, "-m", "simdsl", "campaign", "--seeds", "40", "--cluster", lonely.address)
        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as waiting:
            assert waiting.stdout is not None
            said, line = [], ""
            for line in waiting.stdout:  # ends with the process, should it say something else
                if line.startswith("waiting for workers"):
                    break
                said.append(line)
            assert line == "waiting for workers: the cluster has none; Ctrl-C ends it\n"
            assert " ".join("".join(said).split()).endswith(f", 0 workers of {lonely.address}")
            waiting.send_signal(signal.SIGINT)
            *_, last = waiting.stdout
            assert last == "interrupted; the same command resumes the campaign\n"
        assert waiting.returncode == Exit.INTERRUPTED
        assert lonely.tasks() == []

        pool = ClusterPool(lonely.address, about)
        journal = tmp_path / "journal.jsonl"
        with ExitStack() as stack:
            hiring = when(lambda: True, lambda: stack.enter_context(hired(lonely.address, tmp_path, ALONE)))
            going = when(lambda: bool(seeds_of(journal)), lambda: lonely.scheduler.end(signal.SIGKILL))
            ran = run(tmp_path, about, 400, pool, stop_asked=lambda: [*hiring(), *going()])
    assert (ran.ended.why, ran.ended.is_unavailable) == (EndReason.REFUSED, True)
    assert ran.ended.message == f"the scheduler {lonely.address} is gone"
    assert 0 < ran.ended.done_now == len(seeds_of(journal)) < 400
    rest = run(tmp_path, about, 400, LocalPool(about, 2))
    assert rest.ended.done_now == 400 - ran.ended.done_now
    assert seeds_of(journal) == list(range(1, 401))


def test_a_job_that_the_scheduler_gives_up_is_divided(expected: Ran, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    about = work(f"{HARMED}worker&mark={mark}")
    with cluster(tmp_path, ALONE, allowed_failures="0") as hasty, ExitStack() as stack:
        pool = ClusterPool(hasty.address, about)
        asked = when(mark.exists, lambda: stack.enter_context(hired(hasty.address, tmp_path, ALONE)))
        ran = run(tmp_path, about, SEEDS, pool, stop_asked=asked)
    assert ran.ended.why is EndReason.DONE
    lost = [event.how for event in ran.events if isinstance(event, WorkerDied)]
    assert set(lost) == {ProcessExit("lost", "was lost")}  # the one under way, and maybe the one that was to be next
    assert ran.counts() == expected.counts()
    assert ran.ended.totals.internal_failures == []
    assert seeds_of(tmp_path / "journal.jsonl") == list(range(1, SEEDS + 1))


def test_a_worker_of_another_version_is_refused(two: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "simdsl-0.0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: simdsl\nVersion: 0.0.1\n", encoding="utf-8")
    with (
        hired(two.address, tmp_path, ALONE, PYTHONPATH=str(tmp_path)),
        pytest.raises(WorkerPoolUnavailable, match=r"the worker tcp://\S+ has simdsl 0\.0\.1 and Python .* the same$"),
    ):
        ClusterPool(two.address, work())


def test_a_worker_of_another_version_that_comes_later_does_nothing(two: Cluster) -> None:
    order = ClusterJob(key="other", campaign="none", simdsl="0.0.1", python=PYTHON, work=b"", job=pickle.dumps(SECRET))

    def ask(client: Client) -> ClusterAnswer:
        answer: ClusterAnswer = client.submit(do, order, key=order.key).result()  # type: ignore[assignment]
        return answer

    found = two.tried(ask)
    assert isinstance(found, UnfitWorker)
    assert found.worker in two.addresses()
    assert SECRET not in repr(order)


def test_where_nobody_listens_there_is_no_campaign() -> None:
    with pytest.raises(Stop, match=r"no scheduler answers at tcp://127\.0\.0\.1:9: ") as refused:
        start_workers(work(), None, "tcp://127.0.0.1:9")
    assert refused.value.code is Exit.UNAVAILABLE


@pytest.mark.parametrize("address", ["here", "tcp://here", "carrier-pigeon://here:1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Stop, match=f"--cluster `{address}`: ") as refused:
        start_workers(work(), None, address)
    assert refused.value.code is Exit.BAD_INPUT


def test_jobs_are_for_this_machine() -> None:
    with pytest.raises(Stop, match="cannot be combined") as refused:
        start_workers(work(), 2, "tcp://127.0.0.1:9")
    assert refused.value.code is Exit.BAD_INPUT


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "simdsl.campaign.cluster")
    with pytest.raises(Stop, match=r"dask\.distributed, which is not installed") as refused:
        start_workers(work(), None, "tcp://127.0.0.1:9")
    assert refused.value.code is Exit.UNAVAILABLE
    assert refused.value.diagnostics[0].help == "pip install 'simdsl[dask]'"
