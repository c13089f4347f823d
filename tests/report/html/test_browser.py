"""The page in a real browser: what is seen, what keys and links do, and that the console is silent.

Skipped where there is no Chromium.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.html.browser import HOW_TO_GET, Browser, Page, executable
from tests.report.html.pages import AGAIN, page_of
from tests.report.html.test_page import DIFFERS, EVIL, FAILS, FAULTY, HOLDS
from tests.running import THREADED

pytestmark = [pytest.mark.slow, pytest.mark.skipif(executable() is None, reason=HOW_TO_GET)]

WAITS = """\
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
steps:
  - a: BEGIN
  - a: UPDATE t SET v = 1
  - b: UPDATE t SET v = 2 => blocks
  - sleep: 5ms
  - a: COMMIT
  - await: b => 1 affected
  - c: SELECT v FROM t => 1
"""
MANY = 10_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = executable()
    assert path is not None
    running = Browser(path, tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Open pages, and see that their consoles were silent."""
    visiting = Visit(browser, tmp_path)
    yield visiting
    for page in visiting.pages:
        assert page.complaints() == []
        page.close()


class Visit:
    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self.pages: list[Page] = []

    def __call__(self, text: str, *, width: int = 1280, dark: bool = False) -> Page:
        file = self._folder / f"{len(self.pages)}.html"
        file.write_text(text, encoding="utf-8")
        page = self._browser.open(file, width=width, dark=dark)
        self.pages.append(page)
        return page


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.evaluate(f"[...document.querySelectorAll({selector!r})].map(one => one.innerText.trim())")
    return found


def box(page: Page, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.evaluate(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
    return found


def test_the_lanes_stand_beside_each_other_and_time_goes_down(visit: Visit) -> None:
    page = visit(page_of(WAITS, backends=(THREADED,)))
    assert texts(page, ".lane") == ["a", "b", "c"]
    lefts = [box(page, f".lane.t{number}")["left"] for number in range(3)]
    assert lefts == sorted(lefts)
    steps = page.evaluate("[...document.querySelectorAll('.step')].map(one => one.getBoundingClientRect().top)")
    assert steps == sorted(steps)
    for number in range(3):
        lane, step = box(page, f".lane.t{number}"), box(page, f".step.t{number}")
        assert lane["left"] <= step["left"] < step["right"] <= lane["right"]


def test_a_wait_is_drawn_from_its_beginning_to_who_ended_it(visit: Visit) -> None:
    page = visit(page_of(WAITS, backends=(THREADED,)))
    bar, parked, woken, wake = (box(page, name) for name in (".bar.lock", ".park.t1", ".woken", ".wake"))
    assert parked["bottom"] <= bar["top"] + 4
    assert bar["bottom"] <= woken["top"]
    assert bar["height"] > 40
    first, second = box(page, ".lane.t0"), box(page, ".lane.t1")
    assert wake["left"] == pytest.approx((first["left"] + first["right"]) / 2, abs=2)
    assert wake["right"] == pytest.approx((second["left"] + second["right"]) / 2, abs=2)
    assert page.evaluate("document.querySelector('.wake').title") == "a unblocks b"


def test_keys_and_links_lead_to_what_failed(visit: Visit) -> None:
    page = visit(page_of(HOLDS, WAITS, FAILS, backends=(THREADED,)))
    page.press("f")
    assert page.is_in_view("#r2-hit")
    page.press("f")
    assert page.is_in_view("#r3-hit")
    page.press("F")
    assert page.is_in_view("#r2-hit")
    page.press("t")
    assert page.evaluate("scrollY") == 0
    page.click("#first")
    assert page.is_in_view("#r2-hit")
    page.press("k")
    assert page.evaluate("document.activeElement.innerText").startswith("UPDATE t SET v = 2")
    assert AGAIN in texts(page, ".again")[0]


def test_passing_runs_are_folded_until_somebody_asks(visit: Visit) -> None:
    page = visit(page_of(HOLDS, FAILS))
    assert page.evaluate("[...document.querySelectorAll('.run')].map(run => run.open)") == [False, True]
    page.click("nav a[href='#r1']")
    assert page.evaluate("[...document.querySelectorAll('.run')].map(run => run.open)") == [True, True]
    assert page.is_in_view("#r1 .step")


def test_a_task_can_be_left_out(visit: Visit) -> None:
    page = visit(page_of(WAITS, backends=(THREADED,)))
    before = box(page, ".lane.t0")["width"]
    page.press("1")
    assert texts(page, "button[aria-pressed='false']") == ["a"]
    assert page.evaluate("[...document.querySelectorAll('.step.t0')].some(step => step.checkVisibility())") is False
    assert page.evaluate("[...document.querySelectorAll('.step.t1')].every(step => step.checkVisibility())") is True
    assert page.evaluate("document.querySelector('.wake').checkVisibility()") is False
    assert box(page, ".lane.t0")["width"] < before / 2
    page.click("button.task")
    assert box(page, ".lane.t0")["width"] == before


def test_a_difference_shows_both_sides_in_one_row(visit: Visit) -> None:
    page = visit(page_of(DIFFERS, backends=("good=sqlite", f"bad={FAULTY}")))
    assert texts(page, ".side") == ["good", "bad"]
    page.press("f")
    left, right = box(page, "#r1-hit"), box(page, "#r1-hit1")
    assert left["top"] == right["top"]
    assert left["right"] < right["left"]
    assert page.is_in_view("#r1-hit")
    assert page.is_in_view("#r1-hit1")


def test_nothing_of_a_plan_runs(visit: Visit) -> None:
    quoted = EVIL.replace("'", "''")
    page = visit(page_of(f"steps:\n  - a: |-\n      SELECT '{quoted}' => ('{quoted}!')\n"))
    assert EVIL in texts(page, ".hit .came")[0].replace("''", "'")
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.images.length") == 0


def long_plan(steps: int) -> str:
    """Four tasks, of whose steps the last but some fails."""
    lines = ["setup:", "  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "steps:"]
    for number in range(steps // 4):
        task = "abcd"[number % 4]
        lines += [f"  - {task}: BEGIN", f"  - {task}: INSERT INTO t VALUES ({number}, 7)", f"  - {task}: COMMIT"]
        lines.append(f"  - b: SELECT v FROM t WHERE id = {number} => {7 if number < steps // 4 - 1 else 8}")
    return "\n".join(lines)


def test_ten_thousand_steps_are_there_and_few_are_laid_out(visit: Visit) -> None:
    text = page_of(long_plan(MANY))
    assert len(text) < 3_000_000
    page = visit(text)
    assert page.evaluate("document.querySelectorAll('.step').length") == MANY + 1
    laid_out = (
        "[...document.querySelectorAll('.step')].filter(one => one.checkVisibility({contentVisibilityAuto: true})).length"
    )
    assert page.evaluate(laid_out) < 500
    page.press("f")
    assert page.is_in_view("#r1-hit")
    assert texts(page, "#r1-hit code") == [f"SELECT v FROM t WHERE id = {MANY // 4 - 1}"]
    assert page.evaluate(laid_out) < 500


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_any_width_and_both_schemes_are_readable(visit: Visit, width: int, dark: bool) -> None:
    page = visit(page_of(WAITS, FAILS, backends=(THREADED,)), width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.press("f")
    assert page.is_in_view("#r1-hit")
    for selector in ("body", ".step code", ".step .came", ".evidence .kind", "small", ".hit .err, .hit .came"):
        assert page.evaluate(f"{CONTRAST}({selector!r})") >= 4.5, selector


# WCAG 2.2, 1.4.3: the ratio of the luminances of text and ground.
CONTRAST = """(selector => {
    const luminance = color => {
        const [r, g, b] = color.match(/[0-9.]+/g).map(Number).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const element = document.querySelector(selector);
    let ground = element;
    while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
    const pair = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(luminance);
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
})"""


def test_it_prints(visit: Visit) -> None:
    page = visit(page_of(long_plan(400)))
    printed = page.printed()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 3


def test_a_console_that_complains_is_heard(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<script>console.warn('w'); throw Error('e')</script><img src=none.png>")
    page = browser.open(tmp_path / "bad.html")
    assert len(page.complaints()) >= 3
    page.close()
