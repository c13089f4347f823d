"""A campaign gives out every seed once, whatever becomes of its workers, and stores the same bugs in every order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from simdsl.campaign.campaign import SHRUNK_OF_A_KIND
from simdsl.campaign.jobs import Job, Position, SeedBatch, ShrinkJob, WorkerPoolError
from simdsl.campaign.progress import BugFound, BugShrunk, EndReason, WorkerDied
from simdsl.workers.processes import ProcessExit
from tests.campaign.planted import URL
from tests.campaign.pools import ABORTED, KILLED, Here, covered, run, shrunk, work

WRONG = f"{URL}wrong&one_of=20"


def test_every_seed_is_done_once(tmp_path: Path) -> None:
    about = work()
    pool = Here(about)
    ran = run(tmp_path, about, 40, pool)
    assert covered(pool.done) == list(range(1, 41))
    assert ran.ended.why is EndReason.DONE
    assert (ran.ended.totals.plans, ran.ended.totals.failed, ran.ended.done_now) == (40, 0, 40)
    assert ran.ended.totals.assertions > 40
    assert not ran.store.directory.exists()


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_bugs_do_not_depend_on_how_many_work(tmp_path: Path, size: int) -> None:
    about = work(WRONG)
    ran = run(tmp_path, about, 50, Here(about, size=size))
    entries, problems = ran.store.entries()
    assert not problems
    assert ran.counts() == run(tmp_path / "again", about, 50, Here(about, size=4)).counts()
    assert {entry.name: entry.record.count for entry in entries} == {name: n for name, (_, n) in ran.counts().items()}
    assert sum(n for _, n in ran.counts().values()) == ran.ended.totals.failed > 3
    assert {entry.name: entry.config.seed for entry in entries} == {name: seed for name, (seed, _) in ran.counts().items()}
    seeds = [event.seen.seed for event in ran.events if isinstance(event, BugFound)]
    assert seeds == sorted(seeds)


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    about = work(WRONG)
    whole = run(tmp_path / "whole", about, 50)
    first = Here(about, size=1)
    stopped = run(tmp_path, about, 50, first, stop_asked=lambda: [EndReason.INTERRUPTED])
    assert stopped.ended.why is EndReason.INTERRUPTED
    assert 0 < stopped.ended.totals.seeds < 50
    second = Here(about)
    ran = run(tmp_path, about, 50, second)
    assert covered([*first.done, *second.done]) == list(range(1, 51))
    assert ran.counts() == whole.counts()
    assert ran.ended.totals.health == whole.ended.totals.health
    third = Here(about)
    assert run(tmp_path, about, 50, third).ended.totals.health == whole.ended.totals.health
    assert third.done == []
    again = run(tmp_path, about, 50, fresh=True)
    assert again.ended.done_now == 50


@pytest.mark.slow
@pytest.mark.parametrize("at", [Position(0, 1), Position(0, 20), Position(0, 32), None])
def test_a_process_that_somebody_killed_is_no_bug(tmp_path: Path, at: Position | None) -> None:
    about = work()
    whole = run(tmp_path / "whole", about, 40)
    lost: list[Job] = []

    def once(job: Job) -> tuple[Position | None, ProcessExit] | None:
        if lost or not isinstance(job, SeedBatch) or job.first != 1:
            return None
        lost.append(job)
        return at, KILLED

    pool = Here(about, lose=once)
    ran = run(tmp_path, about, 40, pool)
    assert covered(pool.done) == list(range(1, 41))
    assert ran.ended.totals.health == whole.ended.totals.health
    assert ran.ended.totals.lost == 1
    assert [event.how.word for event in ran.events if isinstance(event, WorkerDied)] == ["SIGKILL"]
    assert not ran.ended.totals.bugs
    assert not ran.ended.totals.internal_failures


def losing(jobs: list[Job], how: ProcessExit, times: int) -> Callable[[Job], tuple[Position | None, ProcessExit] | None]:
    """The process that is at seed 20 ends, so many times."""

    def lose(job: Job) -> tuple[Position | None, ProcessExit] | None:
        if not isinstance(job, SeedBatch) or not job.first <= 20 <= job.last or len(jobs) >= times:
            return None
        jobs.append(job)
        return Position(0, 20), how

    return lose


def test_a_process_that_ended_by_itself_is_a_bug_though_it_does_not_again(tmp_path: Path) -> None:
    about = work()
    pool = Here(about, lose=losing([], ABORTED, 1))
    ran = run(tmp_path, about, 40, pool)
    assert covered(pool.done) == list(range(1, 41))
    (entry,) = ran.store.entries()[0]
    assert (entry.record.bug.fingerprint, entry.record.count, entry.config.seed) == ("crash/SIGABRT/-", 1, 20)
    assert entry.checked().plan is not None


def test_seeds_of_which_nothing_is_ever_known_are_no_pass(tmp_path: Path) -> None:
    about = work()
    lost: list[Job] = []
    ran = run(tmp_path, about, 40, Here(about, lose=losing(lost, KILLED, 99)))
    assert [(job.first, job.last) for job in lost if isinstance(job, SeedBatch)] == [(1, 32), (20, 20), (20, 20), (20, 20)]
    (failure,) = ran.ended.totals.internal_failures
    assert (failure.generator, failure.seed) == ("quick", 20)
    assert (ran.ended.totals.plans, ran.ended.totals.seeds) == (39, 40)


def test_an_error_in_a_plan_costs_that_plan_alone(tmp_path: Path) -> None:
    ran = run(tmp_path, work(f"{URL}raise&one_of=20"), 30)
    totals = ran.ended.totals
    assert totals.internal_failures
    assert all("ZeroDivisionError: a mistake in a backend" in failure.message for failure in totals.internal_failures)
    assert totals.plans + len(totals.internal_failures) == totals.seeds == 30
    assert not totals.bugs


def test_a_backend_that_is_not_there_ends_it(tmp_path: Path) -> None:
    ran = run(tmp_path, work("postgresql://nobody@127.0.0.1:1/x"), 10)
    assert ran.ended.why is EndReason.REFUSED
    assert ran.ended.is_unavailable
    assert ran.ended.message
    assert ran.ended.totals.seeds == 0


@pytest.mark.slow
def test_each_bug_is_shrunk_once_and_never_again(tmp_path: Path) -> None:
    about = work(WRONG)
    pool = Here(about)
    ran = run(tmp_path, about, 20, pool, shrink_us=60_000_000)
    told = [event for event in ran.events if isinstance(event, BugShrunk)]
    assert sorted(event.name for event in told) == shrunk(pool.done) == sorted(ran.counts())
    assert all(event.after is not None and event.after < event.before for event in told)
    assert all(entry.shrunk is not None for entry in ran.store.entries()[0])
    assert not ran.ended.unshrunk
    pool = Here(about)
    again = run(tmp_path, about, 20, pool, shrink_us=60_000_000, fresh=True)
    assert shrunk(pool.done) == []
    assert not any(event.is_new for event in again.events if isinstance(event, BugFound))


def test_a_bug_that_was_not_shrunk_in_time_is_shrunk_next_time(tmp_path: Path) -> None:
    about = work(WRONG)
    first = run(tmp_path, about, 15)
    assert first.counts()
    pool = Here(about)
    run(tmp_path, about, 15, pool, shrink_us=60_000_000)
    assert shrunk(pool.done) == sorted(first.counts())


def test_a_process_that_dies_while_it_shrinks_costs_the_shrinking(tmp_path: Path) -> None:
    about = work(WRONG)
    pool = Here(about, lose=lambda job: (None, KILLED) if isinstance(job, ShrinkJob) else None)
    ran = run(tmp_path, about, 15, pool, shrink_us=60_000_000)
    notes = [event.note for event in ran.events if isinstance(event, BugShrunk)]
    assert set(notes) == {"the process that shrank it ended by SIGKILL"}
    assert all(entry.shrunk is None for entry in ran.store.entries()[0])


def test_a_crew_that_is_no_more(tmp_path: Path) -> None:
    def gone(job: Job) -> None:
        raise WorkerPoolError("nobody is left")

    ran = run(tmp_path, work(), 10, Here(work(), lose=gone))
    assert (ran.ended.why, ran.ended.message) == (EndReason.REFUSED, "nobody is left")


def test_properties_are_judged_and_counted_each(tmp_path: Path) -> None:
    names = ("tx-commit-visible", "select-limit")
    ran = run(tmp_path, work(properties=names), 6)
    assert [(one.name, one.generated) for one in ran.ended.totals.health.of] == [(name, 6) for name in names]
    assert all(one.assertions for one in ran.ended.totals.health.of)


def test_a_difference_is_found_on_two(tmp_path: Path) -> None:
    ran = run(tmp_path, work("sqlite", WRONG), 20)
    assert ran.counts()
    for entry in ran.store.entries()[0]:
        assert entry.config.how == "differential"
        assert entry.record.bug.fingerprint.startswith("backends_differ/")
        assert len(entry.config.backends) == 2
        assert json.loads((entry.folder / "trace.jsonl").read_text().splitlines()[0])["record"] == "run"


def test_of_bugs_that_look_alike_a_few_are_shrunk(tmp_path: Path) -> None:
    about = work(f"{URL}wild&one_of=3")
    pool = Here(about, lose=lambda job: (None, KILLED) if isinstance(job, ShrinkJob) else None)
    ran = run(tmp_path, about, 30, pool, shrink_us=1)
    kinds = Counter(seen.fingerprint for seen in ran.ended.totals.bugs.values())
    tried = [event.name for event in ran.events if isinstance(event, BugShrunk)]
    assert max(kinds.values()) > SHRUNK_OF_A_KIND
    assert Counter(ran.ended.totals.bugs[name].fingerprint for name in tried) == {
        kind: min(count, SHRUNK_OF_A_KIND) for kind, count in kinds.items()
    }


def test_a_range_that_nobody_could_list(tmp_path: Path) -> None:
    about = work()
    ran = run(tmp_path, about, 10**18, Here(about, size=1), first=10**17, stop_asked=lambda: [EndReason.TIME])
    assert (ran.ended.why, ran.ended.totals.failed) == (EndReason.TIME, 0)
    assert 0 < ran.ended.totals.seeds <= 32
