"""The story of a failed run, told from reports that are made by hand."""

from __future__ import annotations

import pytest

from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    RaceDetected,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    Trace,
    TraceEvent,
)
from simdsl.core.verdicts import BackendOutput, Failure, FailureKind, RunReport, Verdict
from simdsl.language.load import check
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Param
from simdsl.plan.values import Value
from simdsl.report import transcript
from simdsl.report.context import PlanSource, reproduce_command
from simdsl.report.failure_text import failure_span, render_failure
from simdsl.report.screen import Screen, cell_width
from simdsl.syntax.files import read_text

TEXT = """\
simdsl: 1
plan: p
pools:
  main: {size: 1}
setup:
  - CREATE TABLE t (id INTEGER)
steps:
  - checkout: a from main => ok
  - a: SELECT id FROM t WHERE v <=> 'a => b' => (1, 'x')
    postgres: => (2, 'x')
    duckdb: SELECT 5 => 5
  - a: |
      SELECT 漢字
      FROM t => 3
  - a: SELECT 1
  - check: 1 >= 2
  - for: i in 1..3
    do:
      - a: SELECT $i => 2
"""


def told(text: str = TEXT) -> PlanSource:
    checked = check(read_text(text, "p.yaml"))
    assert checked.plan is not None, checked.diagnostics
    return PlanSource(file="p.yaml", plan=checked.plan, document=checked.document)


def failure(path: tuple[str | int, ...] = (), **more: object) -> Failure:
    fields: dict[str, object] = {"kind": FailureKind.EXPECTATION, "message": "column 1 is 3", "path": path} | more
    return Failure(**fields)  # type: ignore[arg-type]


def step(what: str, outcome: Outcome, arguments: tuple[Value, ...] = (), names: tuple[str, ...] = ()) -> StepCompleted:
    return StepCompleted(
        task="a",
        path=("steps", 0),
        what=what,
        arguments=arguments,
        names=names,
        outcome=outcome,
        in_transaction=False,
        now_us=0,
        session=1,
        has_expectation=False,
        ordered=False,
    )


def report(*events: TraceEvent, **more: object) -> RunReport:
    trace = Trace(between=[(0, event) for event in events])
    fields: dict[str, object] = {
        "plan": "p",
        "backend": "sqlite",
        "params": (),
        "run": 3,
        "choices": (),
        "verdict": Verdict.FAIL,
        "assertions": 1,
        "steps": 1,
        "digest": "0" * 16,
        "trace": trace,
    }
    return RunReport(**(fields | more))  # type: ignore[arg-type]


def parked(task: str, blocker: str) -> TaskBlocked:
    return TaskBlocked(
        task=task,
        path=("steps", 1),
        what=f"UPDATE {task}",
        wait=BlockReason.LOCK,
        until_us=None,
        now_us=0,
        blockers=(blocker,),
    )


@pytest.mark.parametrize(
    ("path", "override", "marked"),
    [
        (("steps", 0), None, "ok"),
        (("steps", 1), None, "(1, 'x')"),
        (("steps", 1), "postgres", "(2, 'x')"),
        (("steps", 1), "duckdb", "5"),
        (("steps", 1), "mysql", "(1, 'x')"),
        (("steps", 2), None, "3"),
        (("steps", 3), None, "SELECT 1"),
        (("steps", 4), None, "1 >= 2"),
        (("steps", 5, "do", 0), None, "2"),
        (("setup", 0), None, "CREATE TABLE t (id INTEGER)"),
    ],
)
def test_the_caret_stands_under_the_expectation_or_the_step(
    path: tuple[str | int, ...], override: str | None, marked: str
) -> None:
    found = failure_span(failure(path, override=override), told())
    assert found is not None
    span, line = found
    assert line[span.column - 1 : span.column - 1 + span.length] == marked


def test_a_failure_of_the_whole_run_has_no_line() -> None:
    lines = render_failure(report(), failure(kind=FailureKind.POOL, message="counts"), told(), Screen())
    assert lines[:2] == ["pool invariant: counts", " --> p.yaml"]


def test_where_what_and_with_which_values() -> None:
    missed = failure(("steps", 5, "do", 0), expected=("2",), got=("(3)",), arguments=(("i", "3"), ("n", "4")))
    run = report(choices=(1, 2, 1), params=(Param(name="n", value=4),))
    assert render_failure(run, missed, told(), Screen())[4:] == [
        "   |                         ^",
        "   in run 3 on sqlite, params n = 4, schedule 1-2-1",
        "   with $i = 3",
        "   expected  2",
        "   got       3",
    ]


def test_an_override_is_named() -> None:
    lines = render_failure(report(), failure(("steps", 1), override="postgres"), told(), Screen())
    assert "   = for postgres" in lines


def test_a_deadlock_says_who_waits_for_whom_and_with_what() -> None:
    dead = failure(
        kind=FailureKind.DEADLOCK,
        message="everybody waits",
        got=("a waits for b: UPDATE a", "b waits for a: UPDATE b"),
        help="commit",
    )
    lines = render_failure(report(parked("a", "b"), parked("b", "a")), dead, told(), Screen())
    text = "\n".join(lines)
    assert "plan deadlock: everybody waits" in text
    assert "   a waits for b: UPDATE a\n   b waits for a: UPDATE b\n   help: commit" in text


def test_a_check_shows_what_its_sides_came_to() -> None:
    lines = render_failure(report(), failure(("steps", 4), kind=FailureKind.CHECK, got=("$x is 1",)), told(), Screen())
    assert "   $x is 1" in lines


def test_consequences_are_told_as_such() -> None:
    later = failure(("setup", 0), message="and this")
    lines = render_failure(report(consequences=(later,)), failure(("steps", 0)), told(), Screen())
    assert "as a consequence: and this" in lines


def test_the_order_so_far_names_first_and_last_steps_of_many() -> None:
    events = [step(f"SELECT {i}", Rows(1, [(i,)])) for i in range(100)]
    lines = render_failure(report(*events), failure(("steps", 0)), told(), Screen())
    assert "     1 a SELECT 0   (0)" in lines
    assert "   ... 88 more" in lines
    assert lines[-1] == "   100 a SELECT 99  (99)"


def test_setup_is_told_only_where_it_failed() -> None:
    event = StepCompleted(
        task="setup",
        path=("setup", 0),
        what="CREATE",
        arguments=(),
        outcome=Affected(),
        in_transaction=False,
        now_us=0,
        session=1,
        has_expectation=False,
        ordered=False,
    )
    assert not any("CREATE  " in line for line in render_failure(report(event), failure(("steps", 0)), told(), Screen()))
    broken = failure(("setup", 0), kind=FailureKind.SETUP)
    assert any("CREATE  ok" in line for line in render_failure(report(event), broken, told(), Screen()))


def test_60_columns() -> None:
    events: list[TraceEvent] = [step("SELECT " + "漢" * 100, Rows(1, [("x" * 100,)])), parked("b" * 40, "a")]
    missed = failure(
        ("steps", 1),
        message="this message is so long that it has to be wrapped on such a narrow screen",
        expected=("(1, 'x')",),
        got=("(" + "1" * 80 + ", 'x')",),
        help="this help is so long that it has to be wrapped on such a narrow screen",
        arguments=tuple((f"name{i}", "1") for i in range(20)),
    )
    lines = render_failure(report(*events, choices=(1, 2) * 3), missed, told(), Screen(width=60))
    assert max(cell_width(part) for line in lines for part in line.split("\n")) <= 60


def test_every_kind_of_line_of_the_order() -> None:
    events: list[TraceEvent] = [
        step("BEGIN", Affected()),
        step("INSERT INTO t VALUES ($i, '$i', $s)", Affected(1), (7, "x"), ("i", "s")),
        step("SELECT 1", Failed(ErrorClass.BUSY, "database is locked")),
        parked("b", "a"),
        TaskBlocked(task="c", path=("steps", 0), what="sleep", wait=BlockReason.SLEEP, until_us=5000, now_us=0),
        ClockAdvanced(now_us=60_000_000),
        CheckEvaluated(task=None, path=("steps", 4), held=False, readings=(), now_us=0),
        SessionRolledBack(task="a", why="retry"),
        RaceDetected(tasks=("a", "b")),
    ]
    lines = transcript.render_transcript(transcript.transcript(events), Screen(), indent=0)
    assert [" ".join(line.split()) for line in lines] == [
        "1 a BEGIN ok",
        "2 a INSERT INTO t VALUES (7, '$i', 'x') 1 affected",
        "3 a SELECT 1 error busy",
        "b UPDATE b waits for a",
        "c sleep sleeps, until 5ms",
        "(virtual clock advances to 1m)",
        "4 check does not hold",
        "a (rolled back: retry)",
        "a, b (raced: the engine chose)",
    ]


def test_the_command_that_reproduces() -> None:
    plan = told().plan
    assert reproduce_command("a b.yaml:3", plan, report(choices=(1, 2)), backend_urls=["x://u:***@h"], seed=7) == (
        "simdsl run 'a b.yaml:3' --backend 'x://u:***@h' --seed 7 --schedule 1-2"
    )


def test_what_each_backend_said_and_what_was_sent_to_it() -> None:
    def shown(*beside: BackendOutput, width: int = 80, **more: object) -> list[str]:
        found = failure(("steps", 3), kind=FailureKind.DIFFERENCE, backend_outputs=beside, **more)
        lines = render_failure(report(), found, told(), Screen(width=width))
        start = next(i for i, line in enumerate(lines) if line.startswith("   in run"))
        return lines[start + 1 :]

    same = (BackendOutput("sqlite", "(1)", "SELECT 1"), BackendOutput("postgres", "(2)", "SELECT 1"))
    assert shown(*same) == ["   sqlite    (1)", "   postgres  (2)", "   sent      SELECT 1"]
    assert shown(*same, expected=("1",)) == [
        "   expected  1",
        "   sqlite    (1)",
        "   postgres  (2)",
        "   sent      SELECT 1",
    ]
    assert shown(same[0], BackendOutput("postgres", "(2)", "SELECT 1::int")) == [
        "   sqlite    (1)",
        "   postgres  (2)",
        "   was sent",
        "   sqlite    SELECT 1",
        "   postgres  SELECT 1::int",
    ]
    assert shown(same[0], BackendOutput("postgres", "did not run", None)) == [
        "   sqlite    (1)",
        "   postgres  did not run",
        "   sent      SELECT 1",
    ]
    assert shown(BackendOutput("a", "has 1 row", None), BackendOutput("b", "has 2 rows", None)) == [
        "   a     has 1 row",
        "   b     has 2 rows",
    ]
    narrow = shown(BackendOutput("a", "x " * 30, None), BackendOutput("b", "y", None), width=40)
    assert all(cell_width(line) <= 40 for text in narrow for line in text.splitlines())
