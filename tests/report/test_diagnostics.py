"""Diagnostics as text, JSON and annotations."""

from __future__ import annotations

import json

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic, SourceSpan
from simdsl.report.diagnostics import (
    MOST_DIAGNOSTICS,
    DiagnosticFormat,
    count_severities,
    diagnostic_text,
    render_diagnostics,
)
from simdsl.report.screen import Screen, cell_width

TYPO = Diagnostic(
    code=Code.G201,
    message="unexpected `affectd` in a plan line",
    file="plans/typo.yaml",
    span=SourceSpan(line=4, column=32, length=7),
    line="  - a: UPDATE t SET v = 2 => 3 affectd",
    help="did you mean `affected`?",
)
WHOLE = Diagnostic(code=Code.F001, message="no such file or directory", file="x.yaml")


def test_text_as_the_language_page_shows_it() -> None:
    assert diagnostic_text(TYPO, Screen()) == (
        "error[G201]: unexpected `affectd` in a plan line\n"
        " --> plans/typo.yaml:4:32\n"
        "  |\n"
        "4 |   - a: UPDATE t SET v = 2 => 3 affectd\n"
        "  |                                ^^^^^^^\n"
        "  = help: did you mean `affected`?"
    )


def test_the_gutter_grows_with_the_number_of_the_line() -> None:
    lines = diagnostic_text(
        Diagnostic(code=Code.W001, message="m", file="f", span=SourceSpan(line=1234, column=1), line="x"), Screen()
    ).split("\n")
    assert lines == ["warning[W001]: m", "    --> f:1234:1", "     |", "1234 | x", "     | ^"]


def test_a_whole_file_has_no_line() -> None:
    assert diagnostic_text(WHOLE, Screen()) == "error[F001]: no such file or directory\n --> x.yaml"


def test_a_mistake_made_ten_thousand_times_is_shown_a_hundred_times() -> None:
    shown = render_diagnostics([TYPO] * (MOST_DIAGNOSTICS + 1234) + [WHOLE], DiagnosticFormat.TEXT, Screen()).split("\n\n")
    assert shown[:MOST_DIAGNOSTICS] == [diagnostic_text(TYPO, Screen())] * MOST_DIAGNOSTICS
    assert shown[MOST_DIAGNOSTICS:] == [
        "... and 1,234 more of plans/typo.yaml; `simdsl check --output-format json` has them all",
        diagnostic_text(WHOLE, Screen()),
    ]
    assert len(json.loads(render_diagnostics([TYPO] * 1234, DiagnosticFormat.JSON, Screen()))) == 1234


def test_60_columns() -> None:
    long = Diagnostic(
        code=Code.G201,
        message="unexpected word " * 8,
        file="x.yaml",
        span=SourceSpan(line=4, column=150, length=7),
        line="  - a: " + "漢" * 150 + " => 3 affectd",
        help="this help is long enough to be wrapped on a screen that has only sixty columns",
    )
    assert max(map(cell_width, diagnostic_text(long, Screen(width=60)).split("\n"))) <= 60


def test_wide_characters_and_tabs() -> None:
    line = "\t- a: SELECT '漢字' => 3 affectd"
    at = line.index("affectd")
    diagnostic = Diagnostic(
        code=Code.G201, message="m", file="f", span=SourceSpan(line=1, column=at + 1, length=7), line=line
    )
    source, carets = diagnostic_text(diagnostic, Screen()).split("\n")[-2:]
    assert cell_width(source[: source.index("affectd")]) == cell_width(carets[: carets.index("^")])


def test_colour() -> None:
    painted = diagnostic_text(TYPO, Screen(color=True))
    assert painted.startswith("\x1b[1;31merror[G201]\x1b[0m")


def test_json_and_github() -> None:
    assert [item["code"] for item in json.loads(render_diagnostics([TYPO, WHOLE], DiagnosticFormat.JSON, Screen()))] == [
        "G201",
        "F001",
    ]
    assert json.loads(render_diagnostics([WHOLE], DiagnosticFormat.JSON, Screen()))[0]["line"] is None
    assert render_diagnostics([], DiagnosticFormat.JSON, Screen()) == "[]"
    assert (
        render_diagnostics([WHOLE], DiagnosticFormat.GITHUB, Screen())
        == "::error file=x.yaml,title=simdsl F001::no such file or directory"
    )
    warning = Diagnostic(code=Code.W001, message="100%\nmore", file="a:b.yaml")
    assert (
        render_diagnostics([warning], DiagnosticFormat.GITHUB, Screen())
        == "::warning file=a%3Ab.yaml,title=simdsl W001::100%25%0Amore"
    )


def test_counting() -> None:
    assert count_severities([TYPO, WHOLE, Diagnostic(code=Code.W001, message="m", file="f")]) == (2, 1)
