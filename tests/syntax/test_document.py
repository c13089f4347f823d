"""Places: from a path to a line and a column, to offsets for rewriting, and from a line to a step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Location, Problem, SourceSpan
from simdsl.syntax.document import Document, is_text, source_text
from simdsl.syntax.files import read_text

TEXT = """\
simdsl: 1
doc: é😀 x
steps:
  - a: SELECT 1 => 2
  # about b
  - b: |
      SELECT 'é😀'
        => ok
    why: 'it''s so'
  - for: i in 1..2
    do:
      - c: "SELECT \\u00e9 x"

finally:
  - SELECT 3
"""


def document(text: str = TEXT, name: str = "p.yaml") -> Document:
    found = read_text(text, name).document
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("at", "span"),
    [
        (Location(path=()), SourceSpan(line=1, column=1, length=6)),
        (Location(path=("simdsl",)), SourceSpan(line=1, column=9, length=1)),
        (Location(path=("simdsl",), key=True), SourceSpan(line=1, column=1, length=6)),
        (Location(path=("doc",), start=3), SourceSpan(line=2, column=9, length=1)),
        (Location(path=("steps",)), SourceSpan(line=4, column=3, length=1)),
        (Location(path=("steps", 0)), SourceSpan(line=4, column=5, length=1)),
        (Location(path=("steps", 0, "a")), SourceSpan(line=4, column=8, length=13)),
        (Location(path=("steps", 0, "a"), start=12), SourceSpan(line=4, column=20, length=1)),
        (Location(path=("steps", 0, "a"), start=7, end=8), SourceSpan(line=4, column=15, length=1)),
        (Location(path=("steps", 0, "a"), start=99, end=200), SourceSpan(line=4, column=21, length=1)),
        (Location(path=("steps", 1, "b")), SourceSpan(line=7, column=7, length=11)),
        (Location(path=("steps", 1, "b"), start=8, end=10), SourceSpan(line=7, column=15, length=2)),
        (Location(path=("steps", 1, "b"), start=17, end=19), SourceSpan(line=8, column=12, length=2)),
        (Location(path=("steps", 1, "why"), start=3, end=4), SourceSpan(line=9, column=15, length=1)),
        (Location(path=("steps", 2, "do", 0, "c"), start=7, end=8), SourceSpan(line=12, column=20, length=6)),
        (Location(path=("steps", 7, "a")), SourceSpan(line=3, column=1, length=5)),
        (Location(path=("steps", 0, "missing")), SourceSpan(line=4, column=5, length=1)),
        (Location(path=("finally", 0)), SourceSpan(line=15, column=5, length=8)),
    ],
)
def test_locate(at: Location, span: SourceSpan) -> None:
    assert document().locate(at) == span


def test_diagnose_shows_the_line() -> None:
    problem = Problem(code=Code.Y001, message="m", at=Location(path=("steps", 0, "a"), start=12), help="h")
    diagnostic = document().diagnose(problem)
    assert (diagnostic.file, diagnostic.line, diagnostic.help) == ("p.yaml", "  - a: SELECT 1 => 2", "h")


def test_an_empty_text_has_no_places() -> None:
    empty = document("")
    assert empty.locate(Location(path=())) is None
    assert empty.path_at(1) is None


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (1, ("steps", 0)),
        (4, ("steps", 0)),
        (5, ("steps", 1)),
        (6, ("steps", 1)),
        (8, ("steps", 1)),
        (9, ("steps", 1)),
        (10, ("steps", 2)),
        (11, ("steps", 2)),
        (12, ("steps", 2, "do", 0)),
        (13, ("finally", 0)),
        (15, ("finally", 0)),
        (16, None),
    ],
)
def test_path_at(line: int, path: tuple[str | int, ...] | None) -> None:
    assert document().path_at(line) == path


def test_path_at_in_tasks() -> None:
    text = "tasks:\n  a:\n    - x\n  b:\n    - y\n"
    assert document(text).path_at(5) == ("tasks", "b", 0)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (Location(path=("steps", 0, "a"), start=12), "2"),
        (Location(path=("steps", 1, "b"), start=7, end=11), "'é😀'"),
        (Location(path=("steps", 1, "b"), start=17, end=19), "ok"),
        (Location(path=("steps", 1, "why"), start=5, end=7), "so"),
        (Location(path=("steps", 2, "do", 0, "c"), start=9), "x"),
    ],
)
def test_offsets_of_what_can_be_replaced(at: Location, text: str) -> None:
    found = document()
    offsets = found.offsets(at)
    assert offsets is not None
    assert found.source.text[slice(*offsets)] == text


@pytest.mark.parametrize(
    "at",
    [
        Location(path=("steps", 1, "why")),
        Location(path=("steps", 2, "do", 0, "c")),
        Location(path=("steps", 0)),
        Location(path=("steps", 9, "a")),
        Location(path=("steps", 0, "a"), key=True),
        Location(path=("steps", 1, "b"), start=0, end=14),
    ],
)
def test_offsets_of_what_cannot(at: Location) -> None:
    assert document().offsets(at) is None


def test_offsets_in_crlf() -> None:
    found = document("steps:\r\n  - a: |\r\n      SELECT 1\r\n      => 2\r\n")
    offsets = found.offsets(Location(path=("steps", 0, "a"), start=12, end=13))
    assert offsets is not None
    assert found.source.text[slice(*offsets)] == "2"
    assert found.locate(Location(path=("steps", 0, "a"), start=12, end=13)) == SourceSpan(line=4, column=10, length=1)


def test_places_in_json() -> None:
    found = document('{"steps": [\n {"a": "SELECT \\ud83d\\ude00 => \\"x\\""}]}', "p.json")
    assert found.locate(Location(path=("steps", 0, "a"), start=7, end=8)) == SourceSpan(line=2, column=16, length=12)
    assert found.locate(Location(path=("steps", 0, "a"), start=9, end=11)) == SourceSpan(line=2, column=29, length=2)
    assert found.path_at(2) == ("steps", 0)


@given(st.text(alphabet="ab 'é😀\n\"", min_size=1, max_size=20))
def test_every_code_point_of_a_block_is_where_it_is_said_to_be(text: str) -> None:
    body = "x" + text.strip(" \n") + "y"
    lines = "\n".join(f"      {line}" if line else "" for line in body.split("\n"))
    found = document(f"steps:\n  - a: |\n{lines}\n")
    for index, character in enumerate(body):
        if character != "\n":
            offsets = found.offsets(Location(path=("steps", 0, "a"), start=index, end=index + 1))
            assert offsets is not None
            assert found.source.text[slice(*offsets)] == character


def test_scalars_as_text() -> None:
    data = document("a: x\nb: 1\nc: 010\nd:\ne: [1]\n").data
    assert isinstance(data, dict)
    assert [source_text(data[key]) for key in "abcde"] == ["x", "1", "010", "", None]
    assert [is_text(data[key]) for key in "abcde"] == [True, False, False, False, False]
