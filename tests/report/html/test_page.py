"""The page as text: what is on it, what is left out, and that nothing gets through as it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from simdsl.core.verdicts import AllPlansEnded
from simdsl.language.load import check_text
from simdsl.report import html as page_module
from simdsl.report.context import NO_SECRETS, CallHeader, PlanSource, ReportContext, Secrets
from simdsl.report.html import LONG, LONGEST, MOST_ROWS, HtmlReport, PageTemplates
from tests.report.html.pages import AGAIN, page_of, plan_text, report_of
from tests.running import run
from tests.runs.faulty_sqlite import install

FAULTY = f"sqlite?driver={install('drops_a_row')}"
HOLDS = "steps:\n  - a: SELECT 1 => 1\n"
FAILS = "steps:\n  - a: SELECT 1 => 1\n  - b: SELECT 2 => 3\n"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" ' &amp; -->"


class Reading(HTMLParser):
    """The elements of a page, and the text in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_it_stands_alone() -> None:
    page = Reading(page_of(FAILS))
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert {"link", "img", "iframe", "object", "form"}.isdisjoint(page.tags)
    assert {"src", "style"}.isdisjoint(key for key, _ in page.attributes)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert all(href.startswith("#") for href in page.values("href"))
    [policy] = [value for value in page.values("content") if "default-src" in value]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; base-uri 'none'; form-action 'none'", policy
    )


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    page = Reading(page_of(FAILS, HOLDS, FAILS))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.values("href")} - set(ids) == {""}


def test_a_failure_is_shown_with_its_evidence() -> None:
    page = Reading(page_of(FAILS))
    assert "expectation failed" in page.text
    assert "1.yaml:5:20" in page.text
    assert AGAIN in page.text
    assert page.values("id").count("r1-hit") == 1
    assert "open" in [key for key, _ in page.attributes]


def test_nothing_of_a_plan_is_read_as_html() -> None:
    quoted = EVIL.replace("'", "''")
    text = f"""\
setup:
  - "CREATE TABLE t (v TEXT)"
steps:
  - a: |-
      INSERT INTO t VALUES ('{quoted}')
  - a: |-
      SELECT v, v FROM t => ('{quoted}', 'x')
  - a: |-
      SELECT '{quoted}' FROM nowhere
"""
    first, second = page_of(text), page_of(FAILS)
    assert quoted in Reading(first).text
    assert "<script>alert" not in first
    assert Reading(first).tags.count("script") == Reading(second).tags.count("script")
    assert "img" not in Reading(first).tags


def test_secrets_are_masked_before_anything_is_escaped() -> None:
    secret = "hunter<&22"
    page = page_of(f"steps:\n  - a: |-\n      SELECT '{secret}' => 'x'\n", secrets=Secrets(pairs=((secret, "***"),)))
    assert "hunter" not in page
    assert "***" in page


def test_control_characters_are_visible() -> None:
    assert PageTemplates(NO_SECRETS).shown("a\x00\x1b[31m\n\ud800<") == "a\\x00\\x1b[31m\n\\ud800<"


def test_long_texts_are_folded_and_the_longest_cut() -> None:
    assert '<details class="long">' not in page_of(f"steps:\n  - a: SELECT '{'x' * (LONG - 20)}'\n")
    assert '<details class="long">' in page_of(f"steps:\n  - a: SELECT '{'x' * LONG}'\n")
    assert PageTemplates(NO_SECRETS).shown("x" * (LONGEST + 1234)).endswith("x … 1,234 more characters")


def test_a_secret_is_masked_before_a_long_text_is_cut() -> None:
    secret = "hunter22" * 4
    text = f"steps:\n  - a: SELECT '{'x' * (LONG // 2 - 20)}{secret}{'x' * LONG}'\n"
    assert "hunter" not in page_of(text, secrets=Secrets(pairs=((secret, "***"),)))


def test_of_many_rows_the_first_are_shown() -> None:
    many = MOST_ROWS + 17
    page = page_of(
        f"steps:\n  - a: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) SELECT i FROM n"
        f" => {many} rows\n"
    )
    assert f"{many} rows</summary>" in page
    assert "17 more rows" in page
    assert page.count("<td>") < many + 20


def test_the_plans_are_an_index() -> None:
    skipped = f"backends: [postgres]\n{HOLDS}"
    page = Reading(page_of(HOLDS, FAILS, skipped, "steps:\n  - a: SELECT 1\n"))
    assert "simdsl: 1 of 4 plans failed" in page.text
    assert "1 pass" in page.text
    assert "it is meant for postgres" in page.text
    assert [href for href in page.values("href") if re.fullmatch("#r[0-9]+", href)] == ["#r1", "#r2", "#r3"]


EXPLORES = """\
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
tasks:
  a:
    - INSERT INTO t VALUES (1)
    - SELECT count(*) FROM t => 1
  b:
    - DELETE FROM t WHERE id = 7
schedule: all
"""


def test_of_a_plan_that_passes_one_run_is_shown() -> None:
    assert len(re.findall('<details class="run', page_of(EXPLORES))) == 1


def test_of_a_plan_that_fails_the_run_that_failed_is_shown() -> None:
    page = page_of(EXPLORES.replace("WHERE id = 7", "WHERE id = 1"))
    [run] = re.findall('<details class="run fail"', page)
    assert run
    assert "run 2 on sqlite" in page


def test_passing_runs_are_bounded_and_failing_ones_are_not() -> None:
    page = page_of(HOLDS, FAILS, HOLDS, FAILS, HOLDS, passing=1)
    assert len(re.findall('<details class="run pass"', page)) == 1
    assert len(re.findall('<details class="run fail"', page)) == 2
    assert "2 runs that passed are left out; every run that failed is here." in page
    assert '<details class="run pass"' not in page_of(HOLDS, passing=0)


def test_passing_runs_are_bounded_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PASSING_SIZE", 10)
    assert len(re.findall('<details class="run pass"', page_of(HOLDS, HOLDS, HOLDS))) == 1


def test_a_run_that_warned_is_shown_rather_than_one_that_did_not() -> None:
    page = page_of("steps:\n  - a: SELECT 1\n")
    assert '<details class="run warn"' in page


DIFFERS = """\
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
  - INSERT INTO t VALUES (1), (2)
steps:
  - a: SELECT count(*) FROM t
  - b: SELECT id FROM t
  - a: SELECT 3
"""


def test_a_difference_is_shown_side_by_side() -> None:
    page = page_of(DIFFERS, backends=("good=sqlite", f"bad={FAULTY}"))
    assert Reading(page).values("data-lanes") == ["4"]
    assert [Reading(page).values("id").count(name) for name in ("r1-hit", "r1-hit1")] == [1, 1]
    assert "backends differ" in page


def test_the_time_that_differs_is_marked_and_no_other() -> None:
    """The step runs three times, and its answers differ in the second alone."""
    text = """\
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
  - INSERT INTO t VALUES (1), (2)
tasks:
  a:
    - for: k in 1..3
      do:
        - SELECT id FROM t WHERE id <= $k AND (id > 1 OR $k = 2 OR id = $k) AND $k < 3
schedule: a
"""
    page = page_of(text, backends=("good=sqlite", f"bad={FAULTY}"))
    [hit] = re.findall(r'id="r1-(\d+)" [^>]*>\d+</a>\s*<div class="step[^"]* hit"', page)
    assert hit == "4"


def test_a_propertys_evidence_leads_to_its_steps() -> None:
    text = """\
properties: [table-has-expected-content]
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: INSERT INTO t VALUES (1, 10)
  - a: INSERT INTO t VALUES (2, 20)
  - b: SELECT 5
  - a: SELECT id, v FROM t
  - b: SELECT 6
"""
    page = page_of(text, backends=(f"sqlite?driver={install('gives_text_for_integers')}",))
    lines = re.findall(r'<li><a href="#r1-(\d+)"><code>([^<]*)</code></a>', page)
    assert lines == [
        ("2", "a: INSERT INTO t VALUES (1, 10): 1 affected"),
        ("5", "a: SELECT id, v FROM t gave (1, &#39;10&#39;)"),
    ]
    assert re.findall(r'class="(step [^"]*) proof">|class="(step [^"]*) hit proof" id="r1-hit">', page) == [
        ("step f2 a2 t0", ""),
        ("", "step f2 a5 t0"),
    ]


def test_a_call_that_came_to_no_end_says_so() -> None:
    assert "the backend has gone" in report_of(HOLDS).page("the backend has gone")
    report = report_of(HOLDS)
    report.tell(
        AllPlansEnded(seed=1, plans=1, passed=1, failed=0, skipped=0, warned=0, runs=1, assertions=1, interrupted=True)
    )
    assert "interrupted: only the plans that had ended are here" in report.page()


def test_a_failure_of_which_no_run_was_told_is_shown() -> None:
    checked = check_text(plan_text(FAILS), "a.yaml")
    assert checked.plan is not None
    ended = run(FAILS).ended
    context = ReportContext(
        header=CallHeader(seed=1, backend="sqlite", plans=1),
        secrets=NO_SECRETS,
        source_of=lambda file: PlanSource(file=file, plan=ended.plan, document=checked.document),
        reproduce=lambda file, report, seed: AGAIN,
    )
    report = HtmlReport(context)
    report.tell(ended)
    assert '<details class="run fail" id="r1" open>' in report.page()


def test_the_same_call_gives_the_same_page() -> None:
    assert page_of(FAILS, EXPLORES) == page_of(FAILS, EXPLORES)
