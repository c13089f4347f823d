"""Fitting text into a screen: wide and combining characters, tabs, controls, narrow terminals."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.report.screen import Screen, Style, cell_width, excerpt, fit, pad, screen_of, visible


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "color", "live"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm", "CI": "true"}, True, False),
    ],
)
def test_a_terminal_has_colour_and_progress(environment: dict[str, str], color: bool, live: bool) -> None:
    screen = screen_of(Terminal(), environment)
    assert (screen.color, screen.live) == (color, live)


def test_a_pipe_has_neither_and_no_edge() -> None:
    assert screen_of(io.StringIO(), {"TERM": "xterm"}) == Screen()


def test_columns_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert screen_of(io.StringIO()).width == 60


def test_paint() -> None:
    assert Screen(color=True).paint(Style.GOOD, "x") == "\x1b[32mx\x1b[0m"
    assert Screen().paint(Style.GOOD, "x") == "x"


def test_controls_are_shown_and_not_obeyed() -> None:
    assert visible("a\x1b[31m\x00\n\u202eb") == "a\\x1b[31m\\x00\\n\\u202eb"
    assert visible("a\tb") == "a   b"
    assert visible("é 漢\xa0字") == "é 漢\xa0字"


def test_cells() -> None:
    assert cell_width("abc") == 3
    assert cell_width("漢字") == 4
    assert cell_width("e\u0301") == 1
    assert pad("漢", 4) == "漢  "


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_what_is_fitted_fits(text: str, width: int) -> None:
    assert cell_width(fit(text, width)) <= width


@given(st.text(max_size=120), st.integers(1, 130), st.integers(1, 130), st.integers(20, 80))
def test_an_excerpt_fits_and_shows_its_mark(line: str, column: int, length: int, width: int) -> None:
    shown = excerpt(line, column, length, width)
    assert cell_width(shown.text) <= width
    assert shown.length >= 1
    assert shown.indent + shown.length <= width + 1
    marked = visible(line[column - 1 : column - 1 + length])
    if marked and cell_width(marked) < width // 2 and "\t" not in line:
        assert marked in shown.text


def test_the_mark_stands_under_what_it_means() -> None:
    assert excerpt("\tab => 1", 7, 1, 80).indent == 9
    assert excerpt("漢字 => 1", 7, 1, 80).indent == 8
    long = "x" * 100 + " => 12345 " + "y" * 100
    shown = excerpt(long, 105, 5, 40)
    assert shown.text[shown.indent : shown.indent + shown.length] == "12345"
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")


def test_wrapping() -> None:
    screen = Screen(width=20)
    assert screen.wrap("one two three four five", first="- ", rest="  ") == "- one two three four\n  five"
    assert screen.wrap("short") == "short"
