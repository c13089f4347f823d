"""Running a plan: what its runs add up to."""

from __future__ import annotations

from simdsl.core.verdicts import Verdict
from tests.running import THREADED, run


def test_properties_are_not_silently_left_out() -> None:
    ran = run("properties: [tx-commit-visible]\nsteps:\n  - a: SELECT 1 => 1\n")
    assert ran.ended.verdict is Verdict.WARN
    assert "tx-commit-visible" in ran.ended.warnings[0]


def test_a_plan_for_other_backends_is_skipped_with_the_reason() -> None:
    ran = run("backends: [postgres, mssql]\nsteps:\n  - a: SELECT 1 => 1\n")
    assert ran.ended.verdict is Verdict.SKIP
    assert ran.ended.reason == "it is meant for postgres, mssql"
    assert ran.ended.runs == 0


def test_a_fault_names_the_backend_that_lacks_it() -> None:
    ran = run("steps:\n  - a: SELECT 1 => 1\n  - fault: io_error write 3\n")
    assert ran.ended.verdict is Verdict.SKIP
    assert ran.ended.reason == "step steps.2: sqlite cannot do `fault: io_error write 3`"


def test_a_level_that_the_backend_lacks_skips_the_plan() -> None:
    ran = run("steps:\n  - a: BEGIN ISOLATION LEVEL REPEATABLE READ\n  - a: SELECT 1 => 1\n")
    assert ran.ended.verdict is Verdict.SKIP
    assert "repeatable read" in (ran.ended.reason or "").lower()


def test_sql_of_another_dialect_is_translated_or_needs_an_override() -> None:
    carried = "dialect: postgres\nsteps:\n  - a: SELECT 1::text => '1'\n"
    assert run(carried).ended.verdict is Verdict.PASS
    text = "dialect: postgres\nsteps:\n  - a: SELECT pg_backend_pid() => 1 row\n"
    assert run(text).ended.verdict is Verdict.SKIP
    assert run(text + "    sqlite: SELECT 1\n").ended.verdict is Verdict.PASS


def test_transaction_control_is_every_dialects() -> None:
    ran = run("dialect: postgres\nsteps:\n  - a: BEGIN => ok\n  - a: COMMIT => ok\n")
    assert ran.ended.verdict is Verdict.PASS


def test_steps_can_be_skipped_by_backend() -> None:
    ran = run(
        "steps:\n  - a: SELECT 1 => 2\n    skip: [sqlite]\n"
        "  - a: SELECT 2 => 2\n  - a: SELECT 3 => 4\n    only: [postgres]\n"
    )
    assert ran.ended.verdict is Verdict.PASS
    assert ran.ended.assertions == 1


def test_params_that_name_things_are_quoted() -> None:
    ran = run(
        """
params:
  - {t: {identifier: 'odd "name'}, n: 1}
setup:
  - CREATE TABLE $t (x)
steps:
  - a: INSERT INTO $t VALUES ($n) => 1 affected
  - a: SELECT name FROM sqlite_schema => 'odd "name'
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed


def test_the_same_plan_gives_the_same_digest_and_another_outcome_another() -> None:
    text = "steps:\n  - a: SELECT {} => _\n"
    assert run(text.format(1)).ended.digest == run(text.format(1)).ended.digest
    assert run(text.format(1)).ended.digest != run(text.format(2)).ended.digest


def test_rows_without_an_order_are_a_bag_in_the_digest() -> None:
    def digest(rows: str, tail: str = "") -> str:
        # The same statement over tables that give their rows in another order.
        setup = f"setup:\n  - CREATE TABLE t (x)\n  - INSERT INTO t VALUES {rows}\n"
        ran = run(f"{setup}steps:\n  - a: SELECT x FROM t{tail} => 1, 2 in any order\n")
        trace = ran.last.trace
        del trace.ops[:2], trace.arguments[:2], trace.outcomes[:2]  # setup's own statements differ
        return trace.digest()

    assert digest("(1), (2)") == digest("(2), (1)")
    assert digest("(1), (2)", " ORDER BY rowid") != digest("(2), (1)", " ORDER BY rowid")


def test_digests_hold_values_that_marshal_cannot_write() -> None:
    text = "params:\n  - {{d: {{date: '{}'}}}}\nsteps:\n  - a: SELECT $d => $d\n"
    first, again, other = (run(text.format(day)) for day in ("2026-01-31", "2026-01-31", "2026-02-01"))
    assert first.ended.verdict is Verdict.PASS
    assert first.last.digest == again.last.digest != other.last.digest


def test_invariants_look_when_nobody_holds_a_lock() -> None:
    ran = run(
        """
setup:
  - CREATE TABLE t (x)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1)
  - a: COMMIT
invariants:
  - SELECT count(*) FROM t => >= 0 rows
""",
        THREADED,
    )
    assert ran.ended.verdict is Verdict.PASS
