"""What people see of a campaign, on a narrow terminal too."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

from simdsl.campaign.jobs import Position
from simdsl.campaign.progress import (
    BugFound,
    BugShrunk,
    BugSighting,
    CampaignEnded,
    CampaignEvent,
    CampaignProgress,
    CampaignStarted,
    CampaignStopping,
    CampaignTotals,
    EndReason,
    WorkerDied,
)
from simdsl.campaign.views import CampaignSubject, JsonLinesView, TerminalView, rate_text, span
from simdsl.properties.registry import PlanGenerator
from simdsl.report.context import secrets_of
from simdsl.report.screen import Screen, cell_width
from simdsl.workers.processes import ProcessExit
from tests.campaign.test_score import part

SECRET = "postgresql://ann:hunter22@there/x"
NAMES = tuple(f"property-with-quite-a-long-name-{number}" for number in range(6))
SUBJECT = CampaignSubject(
    generators=tuple(PlanGenerator(name=name, options=("--property", name, "--runs", "1")) for name in NAMES),
    urls=("sqlite", "postgresql://ann:***@there/x"),
    backend="sqlite (SQLite 3, stdlib) against postgres (PostgreSQL 18, psycopg)",
    workers=2,
    directory="some/bugs",
    default_directory=".simdsl/bugs",
    journal="j.jsonl",
)


def seen(number: int) -> BugSighting:
    return BugSighting(
        name=f"bug-{number}",
        fingerprint=f"property_violated/{NAMES[0]}/{number}/with/a/very/long/end/of/many/words",
        message="hunter22 \x1b[31m is what came",
        generator=NAMES[0],
        seed=number,
        count=number,
    )


def totals(bugs: int = 8) -> CampaignTotals:
    found = CampaignTotals(generators=NAMES, floor=9)
    one = part(1, 400, *map(seen, range(1, bugs + 1)), assertions=7)
    of = tuple(replace(one.health.of[0], name=name) for name in NAMES)
    found.add(replace(one, health=replace(one.health, of=of)))
    return found


def shown(screen: Screen, *events: CampaignEvent, every_ns: int = 0) -> str:
    out = io.StringIO()
    view = TerminalView(out, screen, SUBJECT, secrets_of(SECRET), every_ns=every_ns)
    for event in events:
        view.tell(event)
    return out.getvalue()


def went() -> CampaignProgress:
    return CampaignProgress(totals=totals(), ahead=3, busy=4, shrinking=1, workers=2)


def ended(why: EndReason = EndReason.DONE, message: str | None = None) -> CampaignEnded:
    return CampaignEnded(
        totals=totals(), seeds=(1, 1_000), why=why, elapsed_us=65_000_000, done_now=130, unshrunk=("bug-1",), message=message
    )


BEGAN = CampaignStarted(seeds=(1, 1_000), done=270, totals=totals())
FOUND = BugFound(seen=seen(3), place="some/bugs/bug-3", is_new=True)
LIVE = Screen(width=60, color=True, live=True)


def test_the_live_lines_fit_and_are_written_over() -> None:
    text = shown(LIVE, BEGAN, went(), went(), FOUND, went())
    assert "403/1,000 seeds" in text
    drawn = re.findall(r"\x1b\[(\d+)F\x1b\[J", text)
    assert len(drawn) == 2  # the second time, and for the line of the bug
    live = text.split("\x1b[J")[1].splitlines()
    assert len(live) - 1 == int(drawn[0]) == 11
    assert all(0 < cell_width(line) < 60 for line in live)
    assert live[1].startswith("      8x property_violated/")
    assert "and 3 more" in live[6]
    assert "7 assertions property-with" in live[7]


def test_the_newest_bug_comes_first() -> None:
    text = shown(LIVE, replace(BEGAN, totals=totals(2)), FOUND, went())
    assert [line[:9] for line in text.splitlines()[-7:-4]] == ["      3x ", "      2x ", "      1x "]


def test_it_is_not_drawn_all_the_time() -> None:
    text = shown(LIVE, BEGAN, *[went()] * 50, every_ns=3_600_000_000_000)
    assert "403/1,000" not in text


def test_without_a_terminal_there_are_plain_lines() -> None:
    text = shown(Screen(), BEGAN, went(), FOUND, ended())
    assert "\x1b" not in text
    assert "resumed: 270 of 1,000 seeds are done" in text
    assert "403/1,000 seeds, " in text
    assert f"new bug {seen(3).fingerprint} at {NAMES[0]} seed 3: some/bugs/bug-3" in text


def test_secrets_and_control_characters_stay_where_they_are() -> None:
    text = shown(Screen(), BEGAN, ended(EndReason.REFUSED, "no password hunter22"))
    assert "hunter22" not in text
    assert "could not continue: no password ***" in text
    assert "\\x1b[31m" in text


def test_the_summary_says_how_each_is_run_again() -> None:
    lines = shown(Screen(), BEGAN, ended(EndReason.INTERRUPTED)).splitlines()
    again = f"  simdsl run --property {NAMES[0]} --runs 1 --backend sqlite --differential 'postgresql://ann:***@there/x'"
    assert f"{again} --seed 8" in lines
    assert "replay: simdsl bugs replay --bugbase-dir some/bugs" in lines
    assert "not shrunk for lack of time: bug-1" in lines
    assert any(line.startswith(f"too few assertions: {NAMES[5]} has 7, and the floor is 9") for line in lines)
    assert lines[-2].startswith("400 of 1,000 seeds: 2,400 plans, 42 assertions, 0 failed, 8 bugs; 1 min 05 s, 2.0 seeds/s")
    assert lines[-1] == "interrupted; the same command resumes the campaign"


def test_other_events_have_a_line_each() -> None:
    lost = WorkerDied(generator=NAMES[1], at=Position(1, 7), how=ProcessExit("SIGSEGV", "ended by SIGSEGV"))
    nobody = WorkerDied(generator=None, at=None, how=ProcessExit("exit 1", "ended with code 1"))
    text = shown(
        Screen(),
        lost,
        nobody,
        BugShrunk(name="bug-1", before=1_412, after=6, tries=131, note=None),
        BugShrunk(name="bug-2", before=12, after=None, tries=0, note="no"),
        CampaignStopping(why=EndReason.TIME),
    )
    assert text.splitlines() == [
        f"a worker ended by SIGSEGV at {NAMES[1]} seed 7; that plan is re-run in a process of its own",
        "a worker ended with code 1; that plan is re-run in a process of its own",
        "shrunk 1,412 -> 6 steps (131 tries): bug-1",
        "not shrunk: bug-2: no",
        "time is over: waiting for the plans that are running; Ctrl-C ends them",
    ]


def test_every_event_is_an_object() -> None:
    out = io.BytesIO()
    lines = JsonLinesView(out, SUBJECT, secrets_of(SECRET), every_ns=0)
    for event in (BEGAN, went(), FOUND, CampaignStopping(why=EndReason.TIME), ended()):
        lines.tell(event)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["event"] for one in told] == [
        "campaign_started",
        "campaign_progress",
        "bug_found",
        "campaign_stopping",
        "campaign_ended",
    ]
    assert b"hunter22" not in out.getvalue()
    assert told[-1]["bugs"][0]["reproduce"].endswith("--seed 8")
    assert told[-1]["health"]["of"][0]["assertions"] == 7


def test_durations_and_rates_are_for_people() -> None:
    assert [span(us) for us in (1_250_000, 65_000_000, 3_600_000_000 + 720_000_000)] == ["1.2 s", "1 min 05 s", "1 h 12 min"]
    assert [rate_text(*one) for one in ((10, 1_000_000), (5, 2_000_000), (12_345, 1_000_000), (3, 0))] == [
        "10",
        "2.5",
        "12,345",
        "0.0",
    ]
