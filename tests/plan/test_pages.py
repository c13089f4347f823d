"""Every code has a page, and every page's example triggers its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simdsl.plan
from simdsl.language.load import check_text
from simdsl.plan.codes import Code, page
from simdsl.plan.diagnostics import Severity

# What no plan can show by itself, and where a test provokes it.
ELSEWHERE = {
    "F": "tests/syntax/test_read.py, and tests/language/test_pages.py for what the formatter refuses",
    "B": "tests/cli/test_pages.py",
    "U": "tests/cli/test_pages.py",
    "D": "tests/cli/test_pages.py",
    "P": "tests/profiles/test_pages.py, and tests/cli/test_pages.py for what a command shows",
    "K": "tests/cli/test_pages.py",
    "X": "tests/cli/test_pages.py",
    "W003": "tests/language/test_many_problems.py",
}
IN_PLANS = [code for code in Code if code.name[0] not in ELSEWHERE and code.name not in ELSEWHERE]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(code: Code) -> list[tuple[str, str]]:
    """The language and the text of each fenced block."""
    return BLOCK.findall(page(code))


def test_there_are_pages_of_codes_and_no_others() -> None:
    files = sorted(path.stem for path in (Path(simdsl.plan.__file__).parent / "pages").glob("*.md"))
    assert files == sorted(code.name for code in Code)


def test_no_two_codes_mean_the_same() -> None:
    titles = [code.title for code in Code]
    assert len(Code) == len(Code.__members__)
    assert len(titles) == len(set(titles))
    assert not [title for title in titles if title.endswith(".") or "\n" in title]


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_the_form_of_a_page(code: Code) -> None:
    lines = page(code).split("\n")
    assert lines[:2] == [f"# {code.name}: {code.title}", ""]
    assert lines[2]
    assert [line for line in lines if line.startswith("## ")] == ["## Example", "## Instead"]
    assert len(blocks(code)) == 2


@pytest.mark.parametrize("code", IN_PLANS, ids=lambda code: code.name)
def test_the_example_triggers_its_code_and_nothing_else(code: Code) -> None:
    (language, example), _ = blocks(code)
    assert language == "yaml"
    diagnostics = check_text(example, "page.yaml").diagnostics
    assert {diagnostic.code for diagnostic in diagnostics} - {Code.W002} == {code} - {Code.W002}
    assert any(diagnostic.code is code for diagnostic in diagnostics)
    assert all(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics if diagnostic.code.name[0] != "W")


@pytest.mark.parametrize("code", IN_PLANS, ids=lambda code: code.name)
def test_what_stands_instead_loads_cleanly(code: Code) -> None:
    _, (language, instead) = blocks(code)
    assert language == "yaml"
    checked = check_text(instead, "page.yaml")
    assert checked.diagnostics == ()
    assert checked.plan is not None


@pytest.mark.parametrize("code", [code for code in Code if code not in IN_PLANS], ids=lambda code: code.name)
def test_the_other_codes_are_named_where_they_are_provoked(code: Code) -> None:
    assert blocks(code)[0][0] in ("console", "text", "yaml")
    for place in re.findall(r"tests/[\w/]+\.py", ELSEWHERE.get(code.name) or ELSEWHERE[code.name[0]]):
        assert (Path(__file__).parents[2] / place).is_file()
