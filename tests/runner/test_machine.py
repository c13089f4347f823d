"""The interpreter: waiting, timeouts, retries, loops, pools, the end of a run (rules.md 22-45)."""

from __future__ import annotations

from simdsl.core.trace import (
    BlockReason,
    ClockAdvanced,
    PoolChanged,
    RaceDetected,
    ScheduleEntrySkipped,
    SessionRolledBack,
    TaskBlocked,
)
from simdsl.core.verdicts import FailureKind, Verdict
from tests.running import THREADED, run

TABLE = """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0), (2, 0)
"""


def test_rule_22_an_unexpected_error_fails_the_run() -> None:
    ran = run("steps:\n  - a: SELECT * FROM nowhere\n  - a: SELECT 1 => 1\n")
    assert ran.ended.verdict is Verdict.FAIL
    assert ran.failure.kind is FailureKind.ERROR
    assert ran.failure.path == ("steps", 0)
    assert ran.failure.fingerprint == "unexpected_error/undefined_table/query"
    assert len(ran.steps()) == 1


def test_rule_22_a_step_without_an_expectation_is_not_judged() -> None:
    ran = run("steps:\n  - a: SELECT 1\n")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.assertions == 0
    assert "nothing was asserted" in ran.ended.warnings[0]


def test_rule_23_the_first_failed_step_ends_the_run_and_finally_runs() -> None:
    ran = run("steps:\n  - a: SELECT 1 => 2\n  - a: SELECT 3 => 3\nfinally:\n  - SELECT 4 => 5\n")
    assert ran.failure.message == "expected 2, got 1"
    assert [what for _, what, _ in ran.steps()] == ["SELECT 1", "SELECT 4"]
    assert [consequence.message for consequence in ran.last.consequences] == ["expected 5, got 4"]


def test_rule_23_accept_goes_on() -> None:
    ran = run("steps:\n  - a: SELECT 1 => 2\n  - a: SELECT 3 => 3\n", keep_going=True)
    assert len(ran.steps()) == 2
    assert ran.ended.verdict is Verdict.FAIL


def test_rule_24_params_are_runs_of_their_own_and_the_first_failing_one_stops_the_plan() -> None:
    ran = run("params:\n  - {n: 1}\n  - {n: 2}\n  - {n: 3}\nsteps:\n  - a: CREATE TABLE t (x)\n  - a: SELECT $n <> 2 => 1\n")
    assert [report.verdict for report in ran.reports] == [Verdict.PASS, Verdict.FAIL]
    assert ran.failure.arguments == (("n", "2"),)


def test_rule_25_a_setup_that_fails_is_told_apart_and_runs_no_step() -> None:
    ran = run("setup:\n  - SELECT 1 => 2\nsteps:\n  - a: SELECT 1 => 1\nfinally:\n  - SELECT 2\n")
    assert ran.failure.kind is FailureKind.SETUP
    assert ran.failure.fingerprint == "setup/missed_expectation/-/query"
    assert [what for _, what, _ in ran.steps()] == ["SELECT 1", "SELECT 2"]


def test_rule_26_commit_without_a_transaction() -> None:
    assert (
        run("steps:\n  - a: COMMIT => error no_active_transaction\n  - a: ROLLBACK => error 25P01\n").ended.assertions == 2
    )


def test_rule_27_invariants_run_at_quiet_points_only() -> None:
    ran = run(
        TABLE
        + """
steps:
  - a: BEGIN
  - a: UPDATE t SET v = v - 1 WHERE id = 1
  - a: UPDATE t SET v = v + 1 WHERE id = 2
  - a: COMMIT
invariants:
  - SELECT sum(v) FROM t => 0
"""
    )
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.assertions == 3  # after setup, after COMMIT, at the end


def test_rule_27_a_broken_invariant_names_its_line() -> None:
    ran = run(TABLE + "steps:\n  - a: UPDATE t SET v = 1 WHERE id = 1\ninvariants:\n  - SELECT sum(v) FROM t => 0\n")
    assert ran.failure.kind is FailureKind.INVARIANT
    assert ran.failure.path == ("invariants", 0)


WRITERS = """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
steps:
  - a: BEGIN IMMEDIATE
  - a: UPDATE t SET v = v + 1
"""


def test_rule_28_a_released_statement_ends_before_the_next_step_starts() -> None:
    ran = run(
        WRITERS + "  - b: UPDATE t SET v = v + 10 => blocks\n  - a: COMMIT\n  - c: SELECT v FROM t => 11\n  - await: b\n",
        THREADED,
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended
    assert [task for task, _, _ in ran.steps() if task != "setup"] == ["a", "a", "a", "b", "c"]


def test_rule_29_blocks_needs_a_backend_that_sees_locks() -> None:
    ran = run(WRITERS + "  - b: UPDATE t SET v = v + 10 => blocks\n  - a: COMMIT\n  - await: b => 1 affected\n")
    assert ran.ended.verdict is Verdict.SKIP
    assert "sqlite: => error busy" in (ran.ended.reason or "")


def test_rule_30_await_judges_what_the_statement_came_to() -> None:
    ran = run(WRITERS + "  - b: UPDATE t SET v = v + 10 => blocks\n  - a: COMMIT\n  - await: b => 2 affected\n", THREADED)
    assert ran.failure.path == ("steps", 4)
    assert ran.failure.message == "b: expected 2 affected, got 1"


def test_an_await_names_what_it_collects() -> None:
    steps = "  - b: UPDATE t SET v = v + 10 => blocks\n  - a: COMMIT\n  - await: b\n    label: late\n"
    ran = run(WRITERS + steps + "  - check: affected(late) = 1\n", THREADED)
    assert ran.ended.verdict is Verdict.PASS


def test_rule_31_a_task_with_an_uncollected_statement_must_await() -> None:
    # The loader refuses this where it is certain; behind a loop it is not.
    ran = run(
        WRITERS + "  - b: UPDATE t SET v = 1 => blocks or 1 affected\n  - a: COMMIT\n  - b: SELECT 1 => 1\n",
        THREADED,
    )
    assert ran.failure.help == "write `await: b` before this step"


def test_blocks_is_missed_by_a_statement_that_does_not_wait() -> None:
    ran = run("steps:\n  - a: SELECT 1 => blocks\n", THREADED)
    assert ran.failure.message == "the statement was not blocked"


def test_rule_32_a_statement_that_still_waits_at_the_end_is_released_by_the_rollback_of_its_blocker() -> None:
    ran = run(WRITERS + "  - b: UPDATE t SET v = v + 10 => blocks\nfinally:\n  - SELECT v FROM t => 10\n", THREADED)
    assert ran.ended.verdict is Verdict.PASS, ran.ended
    assert [event.task for event in ran.events(SessionRolledBack)] == ["a"]


def test_a_statement_that_nothing_can_serve_is_a_deadlock_of_the_plan_that_names_its_holder() -> None:
    ran = run(WRITERS + "  - b: UPDATE t SET v = v + 10 => 1 affected\n  - a: COMMIT\n", THREADED)
    assert ran.failure.kind is FailureKind.DEADLOCK
    assert ran.failure.got == ("b waits for a: UPDATE t SET v = v + 10",)
    assert ran.failure.path == ("steps", 2)
    assert "=> blocks" in (ran.failure.help or "")


def test_a_step_timeout_is_a_virtual_deadline() -> None:
    ran = run(
        WRITERS
        + "  - b: UPDATE t SET v = v + 10 => error statement_timeout\n    timeout: 1h\n  - check: now = 3600000000\n",
        THREADED,
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed
    assert [event.now_us for event in ran.events(ClockAdvanced)] == [3_600_000_000]


def test_the_session_that_closes_a_circle_is_the_victim() -> None:
    # Two readers of a rollback journal who both want to write: the second one's COMMIT closes the circle.
    ran = run(
        """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
steps:
  - a: BEGIN
  - b: BEGIN
  - a: SELECT v FROM t => 0
  - b: SELECT v FROM t => 0
  - a: UPDATE t SET v = 1 => 1 affected
  - a: COMMIT => blocks
  - b: UPDATE t SET v = 2 => error deadlock_detected
  - b: ROLLBACK
  - await: a => ok
  - check: errors.deadlock_detected = 1
  - c: SELECT v FROM t => 1
""",
        THREADED,
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_rule_37_two_waiters_and_one_release_are_a_race() -> None:
    ran = run(
        WRITERS
        + "  - b: UPDATE t SET v = v + 10 => blocks\n  - c: UPDATE t SET v = v + 100 => blocks\n"
        + "  - a: COMMIT\n  - await: all => 1 affected\n  - a: SELECT v FROM t => 111\n",
        THREADED,
    )
    assert ran.ended.verdict is Verdict.WARN
    assert ran.last.raced
    assert len(ran.events(RaceDetected)) == 1


def test_rule_33_an_hour_of_sleep_takes_no_time_and_a_sleeper_overtakes_nobody() -> None:
    ran = run(
        """
tasks:
  a:
    - sleep: 1h
    - SELECT 'a' => 'a'
  b:
    - SELECT 'b1' => 'b1'
    - sleep: 30m
    - SELECT 'b2' => 'b2'
schedule: a b a b b
"""
    )
    assert [task for task, _, _ in ran.steps()] == ["b", "b", "a"]
    assert [event.why for event in ran.events(ScheduleEntrySkipped)] == ["blocked: sleep"]


def test_rule_38_a_retry_takes_its_classes_and_rolls_back_what_it_began() -> None:
    ran = run(
        """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
tasks:
  a:
    - BEGIN IMMEDIATE
    - UPDATE t SET v = v + 1
    - COMMIT
  b:
    - retry: 2 times on busy every 5ms
      do:
        - BEGIN
        - SELECT v FROM t => ?v
        - UPDATE t SET v = $v + 10 => 1 affected
        - COMMIT
schedule: a b b b a a
finally:
  - SELECT v FROM t => 11
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed
    assert [event.why for event in ran.events(SessionRolledBack)] == ["a further attempt"]
    parked = ran.events(TaskBlocked)
    assert [(event.wait, event.until_us) for event in parked] == [(BlockReason.RETRY, 5_000)]


def test_rule_38_n_times_are_n_attempts_in_all() -> None:
    ran = run("steps:\n  - retry: 3 times\n    do:\n      - a: SELECT 1 => 2\n")
    assert len(ran.steps()) == 3
    assert ran.failure.path == ("steps", 0, "do", 0)


def test_rule_38_an_error_of_another_class_is_not_retried() -> None:
    ran = run("steps:\n  - retry: 3 times on busy\n    do:\n      - a: SELECT * FROM nowhere\n")
    assert len(ran.steps()) == 1
    assert ran.failure.kind is FailureKind.ERROR


def test_rule_38_a_failed_check_is_retried_too() -> None:
    ran = run(
        "steps:\n  - retry: 3 times\n    do:\n      - a: SELECT 1\n        label: l\n      - check: rows(l) = 2\n",
    )
    assert len(ran.steps()) == 3
    assert ran.failure.kind is FailureKind.CHECK


def test_a_retry_rolls_back_when_it_wakes_if_the_engine_would_not_before() -> None:
    """In memory SQLite shares its schema: while somebody changes it, nobody else can even roll back."""
    text = """
tasks:
  w:
    - BEGIN
    - CREATE TABLE u (id INTEGER)
    - COMMIT
  r:
    - SELECT 1 => 1
    - retry: 2 times on busy every 1ms
      do:
        - BEGIN
        - CREATE TABLE v (id INTEGER)
        - COMMIT
schedule: r w r w r w
finally:
  - SELECT count(*) FROM v => 0
"""
    ran = run(text, "sqlite:///:memory:")
    assert ran.ended.verdict is Verdict.PASS, ran.failure
    assert [event.why for event in ran.last.trace if isinstance(event, SessionRolledBack)] == ["a further attempt"]


def test_an_outer_retry_takes_what_an_inner_one_gives_up() -> None:
    ran = run(
        "steps:\n  - retry: 2 times\n    do:\n      - retry: 2 times\n        do:\n          - a: SELECT 1 => 2\n",
    )
    assert len(ran.steps()) == 4


def test_a_further_attempt_returns_the_connection_that_the_attempt_checked_out() -> None:
    ran = run(
        """
pools:
  main: {size: 1}
steps:
  - retry: 2 times
    do:
      - checkout: a
      - a: SELECT count(*) FROM sqlite_schema => 1
      - return: a
"""
    )
    assert ran.failure.message == "expected 1, got 0"
    assert [event.checked_out for event in ran.events(PoolChanged)] == [True, False, True, False]


def test_rule_48_ranges_are_inclusive_and_may_be_empty() -> None:
    ran = run(
        """
params:
  - {n: 0}
steps:
  - for: i in 1..3
    do:
      - a: SELECT $i => $i
  - for: i in 1..$n
    do:
      - a: SELECT 'never' => 'x'
  - for: x in ['a', 2, NULL]
    do:
      - a: SELECT $x => $x
"""
    )
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.assertions == 6


def test_loops_nest() -> None:
    ran = run(
        "steps:\n  - for: i in 1..2\n    do:\n      - for: j in 1..$i\n        do:\n          - a: SELECT $i * 10 + $j\n"
    )
    assert [outcome for _, _, outcome in ran.steps()] == ["[(11,)]", "[(21,)]", "[(22,)]"]


def test_rule_39_a_checkout_times_out_by_the_pool_or_by_the_step() -> None:
    ran = run(
        """
pools:
  main: {size: 1, timeout: 1s}
steps:
  - checkout: a
  - checkout: b => error pool_timeout
  - check: now = 1000000
  - checkout: b => error pool_timeout
    timeout: 10ms
  - check: now = 1010000
  - check: pool.main.waiting = 0
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_a_parked_checkout_is_served_by_a_return() -> None:
    ran = run(
        """
pools:
  main: {size: 1, timeout: 1s}
steps:
  - checkout: a
  - checkout: b => blocks
  - check: pool.main.waiting = 1
  - return: a
  - await: b
  - b: SELECT 1 => 1
  - check: now = 0 and pool.main.busy = 1
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_rule_41_a_plan_with_pools_needs_a_checkout() -> None:
    ran = run(
        "pools:\n  main: {size: 1}\nsteps:\n  - a: SELECT 1 => error connection_closed\n  - return: a => error 08003\n"
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_one_connection_a_task() -> None:
    ran = run("pools:\n  main: {size: 2}\nsteps:\n  - checkout: a\n  - checkout: a\n")
    assert ran.failure.message == "a holds a connection already"


def test_a_pool_that_waits_for_itself_is_a_deadlock_of_the_plan() -> None:
    # Without a timeout of its own the pool would wait for ever; with one, the deadline decides.
    ran = run(
        """
pools:
  main: {size: 1, timeout: 50ms}
tasks:
  a:
    - checkout: from main
    - sleep: 1h
    - return: a
  b:
    - checkout: from main => error pool_timeout
schedule: a b a a
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_a_variable_that_the_run_did_not_bind_is_told() -> None:
    ran = run(
        """
steps:
  - a: SELECT 1
    label: l
    skip: [sqlite]
  - a: SELECT 2 => ?x
    skip: [sqlite]
  - a: SELECT $x => 1
"""
    )
    assert ran.failure.message == "$x has no value here"
    assert ran.failure.path == ("steps", 2)


def test_a_miss_tells_the_variables_of_the_statement_and_of_the_expectation() -> None:
    ran = run("params:\n  - {x: 1, y: two}\nsteps:\n  - a: SELECT $x => $y\n")
    assert ran.failure.arguments == (("x", "1"), ("y", "'two'"))


def test_a_retry_takes_what_an_await_misses() -> None:
    ran = run(
        """
pools:
  main: {size: 1, timeout: 10ms}
steps:
  - checkout: a
  - retry: 3 times on pool_timeout
    do:
      - checkout: b => blocks
      - await: b
"""
    )
    assert ran.failure.kind is FailureKind.ERROR
    assert [outcome for task, what, outcome in ran.steps() if task == "b"] == ["pool_timeout"] * 3
