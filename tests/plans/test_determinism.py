"""The same digests in every process, and every executed schedule can be written down and run again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simdsl.core.trace import Event, PoolMoved, RolledBack, Stepped
from simdsl.core.verdicts import RunReport, Verdict
from simdsl.language.load import load_text
from simdsl.language.write import dump
from simdsl.modes.pin import pinned, unrolled
from simdsl.plan.ir import Choices
from simdsl.plan.outcomes import Affected, Outcome, Rows
from simdsl.plan.values import sorted_rows
from tests.plans.bundled import NAMES, SKIPPED, plan_of, ran
from tests.running import run_loaded

CHECKOUT = Path(__file__).parents[2]
BOUND = 20
SCHEDULED = [name for name in NAMES if plan_of(name).tasks is not None and name not in SKIPPED]

scheduled = pytest.mark.parametrize("name", SCHEDULED)


def test_digests_are_the_same_in_two_processes() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.plans.bundled"],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "20261123")
    ]
    first, second = (process.communicate()[0].splitlines() for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(first) > 300
    assert first == second


@scheduled
def test_a_pin_replays_to_the_same_digest(name: str) -> None:
    for report in _some(ran(name).reports):
        pin = pinned(plan_of(name), report, 1)
        assert isinstance(pin.schedule, Choices)
        again = run_loaded(load_text(dump(pin)))
        assert again.ended.verdict is Verdict.PASS, again.ended.failed
        assert (again.last.digest, again.last.choices) == (report.digest, report.choices)


@scheduled
def test_an_unrolled_view_holds_and_does_the_same(name: str) -> None:
    for report in _some(ran(name).reports):
        view = unrolled(plan_of(name), report)
        again = run_loaded(load_text(dump(view)))
        assert again.ended.verdict in (Verdict.PASS, Verdict.WARN), (again.ended.failed, dump(view))
        assert _said(again.last, "steps") == _said(report, "tasks"), dump(view)


def _some(reports: tuple[RunReport, ...]) -> tuple[RunReport, ...]:
    """At most ``BOUND`` runs, spread over all of them."""
    return reports[:: -(-len(reports) // BOUND)]


_Said = tuple[str, str, tuple[object, ...], Outcome]


def _said(report: RunReport, section: str) -> list[_Said]:
    """(task, statement, arguments, outcome), with what simdsl itself undid before a further attempt of a retry.

    Names of variables are left out: a view has to call two values of one variable by two names.
    """
    events = list(report.trace)
    return [said for event, after in zip(events, [*events[1:], None], strict=True) if (said := _one(event, after, section))]


def _one(event: Event, after: Event | None, section: str) -> _Said | None:
    match event:
        case Stepped(task=task, path=path, outcome=outcome) if path[0] == section:
            if isinstance(outcome, Rows) and not event.ordered:
                outcome = outcome._replace(rows=sorted_rows(outcome.rows))
            return (task, re.sub(r"\$\w+", "$", event.what), event.arguments, outcome)
        case RolledBack(task=task):
            return (task, "ROLLBACK", (), Affected())
        case PoolMoved(lent=False, task=task) if not (isinstance(after, Stepped) and after.what == "return"):
            return (task, "return", (), Affected())
        case _:
            return None
