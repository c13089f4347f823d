"""Running a plan on several backends: what their runs add up to."""

from __future__ import annotations

import pytest

from simdsl.backends.registry import resolve
from simdsl.core.verdicts import FailureKind, Verdict
from simdsl.report.context import reproduce_command
from simdsl.runs.differential import labels
from tests.running import THREADED
from tests.runs.comparing import differential
from tests.runs.faulty_sqlite import install

TABLE = "setup:\n  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)\n  - INSERT INTO t VALUES (1, 10), (2, 20)\n"


def faulty(fault: str) -> str:
    return f"sqlite?driver={install(fault)}"


# Verdicts


def test_backends_that_agree_pass() -> None:
    ran = differential(TABLE + "steps:\n  - a: SELECT id FROM t => 1, 2\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.backend == "sqlite, libsql"
    assert [report.backend for report in ran.reports] == ["sqlite", "libsql"]
    assert [report.verdict for report in ran.reports] == [Verdict.PASS, Verdict.PASS]


def test_what_is_compared_is_judged() -> None:
    """A plan without expectations runs two statements of setup, a step and one table on the second backend."""
    ran = differential(TABLE + "steps:\n  - a: SELECT v FROM t\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.assertions == 4
    assert ran.reports[1].verdict is Verdict.PASS


def test_backends_that_differ_fail() -> None:
    ran = differential(TABLE + "steps:\n  - a: SELECT 1\n  - a: SELECT id, v FROM t\n", "sqlite", faulty("drops_a_row"))
    failure = ran.failure
    assert ran.ended.verdict is Verdict.FAIL
    assert failure.kind is FailureKind.DIFFERENCE
    assert failure.path == ("steps", 1)
    assert failure.task == "a"
    assert failure.message == f"sqlite and {faulty('drops_a_row')} differ at step 2 (rows)"
    assert failure.fingerprint == "backends_differ/rows/SELECT/fewer"
    assert [said.said for said in failure.backend_outputs] == ["2 rows, (2, 20) among them", "1 row"]
    assert {said.sent for said in failure.backend_outputs} == {"SELECT id, v FROM t"}
    assert failure.help is not None
    assert ran.ended.failed is ran.reports[1]


def test_a_table_that_differs_has_no_step() -> None:
    text = TABLE + "steps:\n  - a: BEGIN\n  - a: DELETE FROM t\n  - a: ROLLBACK\n"
    failure = differential(text, "sqlite", faulty("ignores_a_rollback")).failure
    assert failure.path == ()
    assert failure.message.endswith("differ at table t (table)")
    assert failure.help is None
    assert [(said.said, said.sent) for said in failure.backend_outputs] == [
        ("has 2 rows, (1, 10) among them", None),
        ("has no rows", None),
    ]


def test_what_follows_is_counted() -> None:
    text = TABLE + "steps:\n  - a: UPDATE t SET v = 1\n  - a: SELECT v FROM t\n  - a: UPDATE t SET v = 1\n"
    failure = differential(text, "sqlite", faulty("miscounts")).failure
    assert failure.path == ("steps", 0)
    assert failure.message.endswith("(affected); 1 further one follows")


def test_the_first_backend_fails_by_itself() -> None:
    ran = differential(TABLE + "steps:\n  - a: SELECT v FROM t => 3\n", "sqlite", "libsql")
    assert ran.failure.kind is FailureKind.EXPECTATION
    assert len(ran.reports) == 1


def test_what_only_the_second_one_misses_is_a_difference_that_says_what_was_expected() -> None:
    ran = differential(TABLE + "steps:\n  - a: SELECT id FROM t => 1, 2\n", "sqlite", faulty("drops_a_row"))
    failure = ran.failure
    assert failure.kind is FailureKind.DIFFERENCE
    assert failure.message.endswith("differ at step 1 (rows), and the plan expects what sqlite says")
    assert failure.expected == ("1, 2",)
    assert ran.last.consequences == ()  # it is not told a second time


def test_what_it_misses_later_is_a_consequence() -> None:
    text = TABLE + "steps:\n  - a: SELECT id FROM t\n  - a: SELECT v FROM t => 10, 20\n"
    ran = differential(text, "sqlite", faulty("drops_a_row"))
    assert ran.failure.path == ("steps", 0)
    assert ran.failure.expected == ()
    assert [(one.kind, one.path) for one in ran.last.consequences] == [(FailureKind.EXPECTATION, ("steps", 1))]


def test_an_error_is_told_with_its_text() -> None:
    text = "setup:\n  - CREATE TABLE t (id INTEGER PRIMARY KEY)\nsteps:\n  - a: INSERT INTO t VALUES (1), (1) => error\n"
    failure = differential(text, "sqlite", faulty("raises_the_wrong_error")).failure
    assert [said.said for said in failure.backend_outputs] == [
        "error unique_violation native 1555: UNIQUE constraint failed: t.id",
        "error check_violation native 275: CHECK constraint failed",
    ]


def test_a_setup_that_fails_on_the_second_is_a_difference() -> None:
    text = "setup:\n  - CREATE TABLE t (id INTEGER REFERENCES nope (id))\nsteps:\n  - a: SELECT 1\n"
    ran = differential(text, "sqlite", "postgres")
    assert ran.failure.kind is FailureKind.DIFFERENCE
    assert ran.failure.path == ("setup", 0)
    assert ran.failure.backend_outputs[1].said.startswith("error undefined_table")
    assert ran.last.consequences == ()


def test_finally_is_compared_too() -> None:
    text = TABLE + "steps:\n  - a: SELECT 1\nfinally:\n  - SELECT id FROM t\n"
    assert differential(text, "sqlite", faulty("drops_a_row")).failure.path == ("finally", 0)


# Who takes part


def test_three_backends() -> None:
    text = TABLE + "steps:\n  - a: SELECT id FROM t\n"
    ran = differential(text, "sqlite", "libsql", "turso")
    assert ran.ended.verdict is Verdict.PASS
    assert [report.backend for report in ran.reports] == ["sqlite", "libsql", "turso"]
    ran = differential(text, "sqlite", "libsql", faulty("drops_a_row"))
    assert ran.failure.backend_outputs[0].backend == "sqlite"
    assert ran.failure.backend_outputs[1].backend == faulty("drops_a_row")
    assert len(ran.reports) == 3


def test_those_of_one_name_are_called_by_their_urls() -> None:
    def called(*urls: str) -> tuple[str, ...]:
        return labels([resolve(url) for url in urls])

    assert called("sqlite", "libsql") == ("sqlite", "libsql")
    assert called("sqlite", "sqlite?journal_mode=delete") == ("sqlite", "sqlite?journal_mode=delete")
    assert called("sqlite", "sqlite") == ("sqlite #1", "sqlite #2")
    assert called("mine=sqlite", "sqlite") == ("mine", "sqlite")


def test_passwords_are_masked() -> None:
    urls = ["postgresql://me:geheim@one/db", "postgresql://me:geheim@two/db"]
    assert labels([resolve(url) for url in urls]) == ("postgresql://me:***@one/db", "postgresql://me:***@two/db")


def test_a_plan_for_one_of_them_is_skipped() -> None:
    ran = differential("backends: [sqlite]\nsteps:\n  - a: SELECT 1 => 1\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.SKIP
    assert ran.ended.reason == "on libsql: it is meant for sqlite"


def test_what_one_of_them_lacks_skips_the_plan() -> None:
    ran = differential(
        "steps:\n  - a: BEGIN ISOLATION LEVEL REPEATABLE READ\n  - a: SELECT 1 => 1\n  - a: COMMIT\n", "postgres", "sqlite"
    )
    assert ran.ended.verdict is Verdict.SKIP
    assert (ran.ended.reason or "").startswith("on sqlite: ")
    assert ran.ended.runs == 0


def test_properties_are_not_silently_left_out() -> None:
    ran = differential("properties: [tx-commit-visible]\nsteps:\n  - a: SELECT 1 => 1\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.WARN


# Params and schedules

TASKS = TABLE + (
    "tasks:\n  a:\n    - UPDATE t SET v = v + 1\n    - SELECT sum(v) FROM t\n"
    "  b:\n    - DELETE FROM t WHERE v = 11\nschedule: "
)


def test_each_entry_of_params_is_compared() -> None:
    text = "params:\n  - {n: 1}\n  - {n: 30}\n" + TABLE + "steps:\n  - a: SELECT id + $n FROM t WHERE id = 1\n"
    ran = differential(text, "sqlite", "libsql")
    assert [(report.backend, len(report.params)) for report in ran.reports] == [("sqlite", 1), ("libsql", 1)] * 2
    failure = differential(text, "sqlite", faulty("gives_text_for_integers")).failure
    assert [said.said for said in failure.backend_outputs] == ["(31)", "('31')"]


def test_the_others_follow_the_schedules_of_the_first() -> None:
    ran = differential(TASKS + "all\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.runs == 6
    for left, right in zip(ran.reports[::2], ran.reports[1::2], strict=True):
        assert left.choices == right.choices
        assert left.run == right.run
    assert len({report.choices for report in ran.reports}) == 3


def test_a_bound_that_cut_warns_once() -> None:
    ran = differential(TASKS + "{all: 2}\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings == ("the bound of 2 runs cut the exploration: there are more interleavings",)


def test_the_first_run_that_differs_is_the_last_and_can_be_repeated() -> None:
    text = TASKS + "all\n"
    backends = ["sqlite", faulty("miscounts")]
    ran = differential(text, *backends)
    failed = ran.ended.failed
    assert failed is not None
    assert ran.failure.path == ("tasks", "a", 0)
    line = reproduce_command("p.yaml", ran.plan, failed, backend_urls=backends, seed=3)
    choices = "-".join(map(str, failed.choices))
    assert line == (f"simdsl run p.yaml --backend sqlite --differential '{backends[1]}' --seed 3 --schedule {choices}")
    again = differential(TASKS + f"{choices}\n", *backends)
    assert again.failure == ran.failure


# Known differences


def test_a_documented_difference_warns_with_its_reason_and_link() -> None:
    text = "setup:\n  - CREATE TABLE t (name VARCHAR(2))\nsteps:\n  - a: INSERT INTO t VALUES ('long') => ok or error\n"
    ran = differential(text, "sqlite", "postgres")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings == (
        "known difference: a: INSERT INTO t VALUES ('long'): sqlite 1 affected, postgres error "
        "string_data_right_truncation: SQLite does not enforce the length of VARCHAR(n) (length-of-text, "
        "https://www.sqlite.org/datatype3.html)",
        "later differences may follow from this one",
    )


def test_a_plan_declares_a_difference_and_says_why() -> None:
    step = "  - a: SELECT id FROM t => 1, 2\n    libsql: SELECT 5 => 5\n"
    ran = differential(TABLE + "steps:\n" + step + "    why: it is only a test\n", "sqlite", "libsql")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings == (
        "known difference: a: SELECT id FROM t: sqlite 2 rows, (1) among them, libsql 1 row, (5) among them: "
        "it is only a test",
    )
    ran = differential(TABLE + "steps:\n" + step, "sqlite", "libsql")
    assert ran.ended.warnings[0].endswith(": the plan has an override for it, without `why:`")


def test_an_override_for_somebody_else_declares_nothing() -> None:
    text = TABLE + "steps:\n  - a: SELECT id FROM t\n    postgres: SELECT 5\n"
    assert differential(text, "sqlite", faulty("drops_a_row")).ended.verdict is Verdict.FAIL


def test_an_override_that_changes_nothing_is_no_difference() -> None:
    text = TABLE + "steps:\n  - a: SELECT id FROM t\n    libsql: SELECT id + 0 FROM t\n"
    assert differential(text, "sqlite", "libsql").ended.verdict is Verdict.PASS


def test_behind_a_known_difference_of_a_read_everything_still_counts() -> None:
    """It left nothing behind, so nothing else can follow from it."""
    text = TABLE + "steps:\n  - a: SELECT 1\n    sqlite: SELECT 2\n    why: a test\n  - a: SELECT id FROM t\n"
    ran = differential(text, "libsql", faulty("drops_a_row"))
    assert ran.failure.path == ("steps", 1)
    assert ran.failure.message == "libsql and sqlite differ at step 2 (rows)"
    assert ran.last.warnings == ("known difference: a: SELECT 1: libsql (1), sqlite (2): a test",)


@pytest.mark.parametrize(
    "first",
    [
        "  - a: SELECT 1 => ?x\n    sqlite: SELECT 2\n",  # what it binds may be read
        "  - a: UPDATE t SET v = 0\n    sqlite: UPDATE t SET v = 1 WHERE id = 1\n",
    ],
)
def test_behind_one_that_left_something_others_may_follow_from_it(first: str) -> None:
    text = TABLE + "steps:\n" + first + "  - a: SELECT id FROM t\n"
    ran = differential(text, "libsql", faulty("drops_a_row"))
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings[1:] == ("later differences may follow from this one",)


def test_a_known_difference_is_told_once_a_plan() -> None:
    text = TABLE + (
        "tasks:\n  a:\n    - UPDATE t SET v = v + 1\n  b:\n    - sql: SELECT v FROM t WHERE id = 1\n"
        "      libsql: SELECT v + 1 FROM t WHERE id = 1\n      why: a test\nschedule: all\n"
    )
    ran = differential(text, "sqlite", "libsql")
    assert ran.ended.runs == 4
    assert len(ran.ended.warnings) == 1
    assert all(report.warnings == ran.ended.warnings for report in ran.reports[1::2])


def test_an_expectation_that_the_second_misses_fails_it_beside_a_known_difference() -> None:
    text = TABLE + "steps:\n  - a: SELECT id FROM t WHERE id = 1\n    libsql: SELECT 5 => 6\n"
    ran = differential(text, "sqlite", "libsql")
    assert ran.failure.kind is FailureKind.EXPECTATION
    assert ran.failure.override == "libsql"
    assert len(ran.last.warnings) == 1


# Locks that differ by design


def test_a_refused_lock_parts_the_two() -> None:
    text = TABLE + (
        "steps:\n  - a: BEGIN\n  - a: UPDATE t SET v = 0 WHERE id = 1\n"
        "  - b: UPDATE t SET v = 1 WHERE id = 1 => error busy\n    own: => blocks\n    why: the whole file is locked\n"
        "  - a: COMMIT\n  - a: SELECT id FROM t\n"
    ).replace("    own:", "    postgres:")
    ran = differential(text, "sqlite", "postgres")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings == (
        "known difference: b: UPDATE t SET v = 1 WHERE id = 1: sqlite error busy, postgres waits: the whole file is locked; "
        "after that step nothing was compared",
    )


def test_after_a_retry_both_committed_the_same() -> None:
    text = TABLE + (
        "tasks:\n  a:\n    - BEGIN\n    - UPDATE t SET v = v + 1 WHERE id = 1\n    - COMMIT\n"
        "  b:\n    - retry: 5 times on busy or snapshot_conflict\n      do:\n        - UPDATE t SET v = v + 5 WHERE id = 1\n"
        "schedule: a a b a b\n"
    )
    ran = differential(text, "sqlite", "postgres")
    assert ran.ended.verdict is Verdict.WARN
    assert any(warning.endswith("only what both committed was compared") for warning in ran.ended.warnings)


def test_two_that_wait_are_compared_to_the_end() -> None:
    """Of two backends with the same locks nothing parts."""
    text = TABLE + (
        "steps:\n  - a: BEGIN\n  - a: UPDATE t SET v = 0 WHERE id = 1\n"
        "  - b: UPDATE t SET v = 1 WHERE id = 1 => blocks\n  - a: COMMIT\n  - await: b => 1 affected\n"
    )
    ran = differential(text, f"one={THREADED}", f"two={THREADED}")
    assert ran.ended.verdict is Verdict.PASS, ran.ended


def test_a_server_against_itself() -> None:
    """Two databases on one server: the same locks, the same waits, no rule of equivalence."""
    text = TABLE + (
        "backends: [postgres]\nsteps:\n  - a: BEGIN\n  - a: UPDATE t SET v = 0 WHERE id = 1\n"
        "  - b: UPDATE t SET v = 1 WHERE id = 1 => blocks\n  - a: COMMIT\n  - await: b => 1 affected\n"
    )
    ran = differential(text, "postgres", "postgres")
    assert ran.ended.verdict is Verdict.PASS, ran.ended
    assert ran.ended.backend == "postgres #1, postgres #2"


def test_of_an_answer_that_is_always_another_one_only_the_form_counts() -> None:
    text = "backends: [postgres]\nsteps:\n  - a: SELECT pg_backend_pid()\n  - a: SELECT 1\n"
    ran = differential(text, "postgres", "postgres")
    assert ran.ended.verdict is Verdict.WARN
    assert ran.ended.warnings[0].endswith(": the statement is nondeterministic, so only the number of its rows was compared")
    assert len(ran.ended.warnings) == 1
