"""Collecting problems, and guessing what was meant."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Path
from simdsl.syntax.problems import ParseError, ParseIssue, Problems, did_you_mean, nearest, within_one_edit


@pytest.mark.parametrize(
    ("word", "other"),
    [("chekout", "checkout"), ("checkoutt", "checkout"), ("fir", "for"), ("fro", "for"), ("", "a"), ("for", "for")],
)
def test_within_one_edit(word: str, other: str) -> None:
    assert within_one_edit(word, other)
    assert within_one_edit(other, word)


@pytest.mark.parametrize(
    ("word", "other"), [("rof", "for"), ("slip", "sleep"), ("fault", "default"), ("ab", "ba_"), ("", "ab")]
)
def test_beyond_one_edit(word: str, other: str) -> None:
    assert not within_one_edit(word, other)
    assert not within_one_edit(other, word)


def test_the_nearest_word() -> None:
    assert nearest("affectd", ("rows", "affected")) == "affected"
    assert nearest("zzz", ("rows", "affected")) is None
    assert did_you_mean("affectd", ("rows", "affected")) == "did you mean `affected`?"
    assert did_you_mean("zzz", ("rows", "affected")) == "one of: `rows`, `affected`"
    assert did_you_mean("zzz", ()) is None
    assert did_you_mean("zzz", tuple(f"word{i}" for i in range(20))) is None


def test_trouble_moves_with_its_text() -> None:
    trouble = ParseIssue(code=Code.G201, message="m", start=1, end=3, help="h")
    assert trouble.shifted(10) == ParseIssue(code=Code.G201, message="m", start=11, end=13, help="h")
    assert ParseIssue(code=Code.G201, message="m").shifted(2).end is None
    assert str(ParseError(trouble, trouble)) == "m; m"


def test_places_that_the_reader_refused_are_left_alone() -> None:
    def is_refused(path: Path) -> bool:
        return path[:1] == ("doc",)

    problems = Problems(is_refused)
    problems.add(Code.S005, "one", ("doc",))
    problems.add_issue(ParseIssue(code=Code.G201, message="two"), ("doc", 1))
    assert (len(problems), problems.has_errors) == (0, False)
    problems.add(Code.W002, "three", ())
    assert (len(problems), problems.has_errors) == (1, False)
    problems.add(Code.S005, "four", ("steps", 0), key=True)
    assert problems.has_errors
    assert [problem.message for problem in problems.found] == ["three", "four"]


def test_a_message_is_one_line_that_can_be_read() -> None:
    problems = Problems(lambda path: False)
    problems.add(Code.S002, "a\nb" + "c" * 1000, ())
    (problem,) = problems.found
    assert problem.message.startswith("a bccc")
    assert len(problem.message) == 300
