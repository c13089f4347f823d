"""Every trap of YAML is told with its code and its place, by the slow reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.syntax.document import AmbiguousScalar, PlainScalar
from simdsl.syntax.files import ReadResult, read_text
from simdsl.syntax.problems import MAX_PROBLEMS
from simdsl.syntax.yaml_reader import MAX_DEPTH

HEAD = "simdsl: 1\nplan: p\nsteps:\n"


def read(text: str) -> ReadResult:
    return read_text(text, "plans/p.yaml")


def found(text: str) -> list[tuple[str, int, int]]:
    spans = [(problem.code.name, problem.span) for problem in read(text).problems]
    return [(code, span.line, span.column) if span else (code, 0, 0) for code, span in spans]


# Each row of the table "YAML that lies" of the language's documentation, and the rules on files.
TRAPS = [
    # a comment that cuts a line
    ("  - a: SELECT j #>> '{a}' => 1 row", "Y010", 4, 17),
    ("  - a: SELECT 1 # one => 1", "Y010", 4, 17),
    ("  - a: SELECT 1  # two => 1", "Y010", 4, 18),
    ("  - a: SELECT 1 => 1 # one blank before", "Y010", 4, 22),
    ("  - a: SELECT 1 => 1  #no blank behind", "Y010", 4, 23),
    ("  - a: SELECT 'x  # y'", "Y010", 4, 19),
    ("  - a: SELECT f(1  # y)", "Y010", 4, 20),
    ("  - check: value(l) = ' # '", "Y010", 4, 25),
    ("  - a: SELECT 1  # nothing is expected", "W001", 4, 18),
    # anchors, aliases, tags, merge keys
    ("  - a: &x SELECT 1", "Y004", 4, 8),
    ("  - a: *x", "Y005", 4, 8),
    ("  - a: !t SELECT 1", "Y006", 4, 8),
    ("  - a: ! SELECT 1", "Y006", 4, 8),
    ("  - a: !!str SELECT 1", "Y006", 4, 8),
    ("  - a: !t!u SELECT 1", "Y006", 4, 8),
    ("  - <<: *x\n    a: SELECT 1", "Y007", 4, 5),
    # brackets
    ("  - {call p(1)}", "Y011", 4, 5),
    ("  - a: {call p(1)}", "Y011", 4, 8),
    ("  - [a, b]", "Y011", 4, 5),
    ("  - a: [id] = 1, x]", "Y001", 4, 13),
    ("  - a: [id, 1]", "Y011", 4, 8),
    ("  - {a: SELECT 1}", "Y012", 4, 9),
    ("  - {a: INSERT INTO t VALUES (1, 2)}", "Y011", 4, 5),
    # keys
    ("  - a: SELECT 1\n    a: SELECT 2", "Y009", 5, 5),
    ("  - ? a\n    : SELECT 1", "Y008", 4, 5),
    ("  - [a]: SELECT 1", "Y008", 4, 5),
    # what YAML takes for its own syntax
    ("  - a: SELECT 1 AS x : y", "Y001", 4, 22),
    ("  - a: 'x' || y", "Y001", 4, 12),
    ("  - 'x' || y", "Y001", 4, 9),
    ('  - a: "T".id', "Y001", 4, 11),
    ("  - a: @x", "Y001", 4, 8),
    ("  - a: %x", "Y001", 4, 8),
    ("  - a: `x`", "Y001", 4, 8),
    ("  - a: 'x", "Y001", 4, 8),
    ("  - a: - x", "Y001", 4, 8),
    ("  - a: ? x", "Y001", 4, 8),
    ("  - a: |x", "Y001", 4, 9),
    ('  - a: "\\q"', "Y001", 4, 9),
    ("  - a: [x", "Y001", 4, 8),
    ("  - a: * FROM t", "Y001", 4, 8),
    ("  - a: & x", "Y001", 4, 8),
    ("  - a: ]", "Y001", 4, 8),
    ("  - a: x\n   b: y", "Y001", 5, 4),
    ("  - a: x\n      b: y", "Y001", 5, 8),
    ("  - a: x\n    b", "Y001", 5, 5),
    ("  - a: x\n    why: {x: 10:00 y}", "Y001", 5, 16),
    # joined lines
    ("  - a: >\n      SELECT 1\n      => 1", "Y013", 4, 8),
    ("  - a: SELECT 1\n      => 1", "Y013", 4, 8),
    ("  - a: 'SELECT 1\n      => 1'", "Y013", 4, 8),
    # tabs
    ("\t- a: SELECT 1", "Y014", 4, 1),
    ("  - a: SELECT 1\n\tb", "Y014", 5, 1),
    ("  -\ta: SELECT 1", "Y014", 4, 4),
    # the file
    ("---\n", "Y002", 4, 1),
    ("%FOO", "Y003", 4, 1),
    ("  - a: x\u2028y", "Y015", 4, 9),
    ("  - a: x\x85y", "Y015", 4, 9),
    ("  - a: x\ry", "Y015", 4, 9),
    ("  - a: x\x00y", "Y015", 4, 9),
    ("  - a: x\ud800y", "Y015", 4, 9),
    ("  - a: x\ufeffy", "Y015", 4, 9),
    ("  - a: " + "[" * 100, "Y016", 4, 70),
]


@pytest.mark.parametrize(("body", "code", "line", "column"), TRAPS)
def test_trap(body: str, code: str, line: int, column: int) -> None:
    assert found(HEAD + body) == [(code, line, column)]


@pytest.mark.parametrize(("body", "code"), [(body, code) for body, code, _, _ in TRAPS])
def test_every_trap_says_what_would_help(body: str, code: str) -> None:
    assert all(problem.help for problem in read(HEAD + body).problems)


def test_a_directive_stands_first() -> None:
    assert found("%YAML 1.1\n---\nsimdsl: 1\n") == [("Y003", 1, 1)]


def test_all_traps_of_a_file_come_at_once() -> None:
    body = "  - a: &x SELECT 1\n  - a: *x\n  - a: SELECT 1\n    a: SELECT 2\n  - a: x # => y\n"
    assert found(HEAD + body) == [("Y004", 4, 8), ("Y005", 5, 8), ("Y009", 7, 5), ("Y010", 8, 10)]


def test_a_syntax_error_stands_alone() -> None:
    assert found(HEAD + "  - a: &x SELECT 1\n  - a: @x\n") == [("Y001", 5, 8)]


def test_what_was_refused_is_known_by_path() -> None:
    document = read(HEAD + "  - a: SELECT 1 # => 1\n  - a: SELECT 2\n").document
    assert document is not None
    assert document.is_refused(("steps", 0, "a"))
    assert not document.is_refused(("steps", 1, "a"))
    assert not document.is_refused(("steps",))


@pytest.mark.parametrize(
    "body",
    [
        "  - a: SELECT 1 => 1  # a comment\n",
        "  - a: INSERT INTO t VALUES ('#1') => ok\n",
        "  - a: SELECT '#' || x#y => 1\n",
        "  - {return: a}\n",
        "  - return: a # given back\n",
        '  - {a: "SELECT 1, 2"}\n',
        "  - a: SELECT 1 => 1\n    why: two # blanks\n",
        "  - a: SELECT 1 => 1\n    why: words on\n      two lines\n",
        "  - a: SELECT 1 => 1\n    why: >\n      words on\n      two lines\n",
        "  - a: |\n      SELECT 1 # here it is text\n      \t=> 1\n",
        "  - a: \"SELECT '\\u2028'\"\n",
    ],
)
def test_what_is_meant_is_let_through(body: str) -> None:
    reading = read(HEAD + body)
    assert reading.problems == ()
    assert reading.document is not None


@pytest.mark.parametrize("text", ["no", "on", "yes", "y", "12:30:45", "2024-01-01", "0b", "x1", "1.2.3", "-", "--1", "nan"])
def test_what_only_yaml_1_1_converts_is_text(text: str) -> None:
    assert _value(text.replace("-", "'-'") if text == "-" else text) == text.replace("'", "")


@pytest.mark.parametrize(
    "text",
    [
        "010",
        "0xff",
        "1_000",
        ".5",
        "1.",
        "+1",
        ".inf",
        "-.INF",
        ".nan",
        "0o17",
        "0b1",
        "9223372036854775808",
        "1e999",
        "-01",
    ],
)
def test_lookalikes_of_numbers(text: str) -> None:
    assert _value(text) == AmbiguousScalar(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("NULL", None),
        ("~", None),
        ("", None),
    ],
)
def test_plain_values_keep_their_text(text: str, value: object) -> None:
    data = _value(text)
    assert data == PlainScalar(text, value)  # type: ignore[arg-type]
    assert isinstance(data, PlainScalar)
    assert type(data.value) is type(value)


def _value(text: str) -> object:
    # The comment makes the fast reader leave it to the slow one.
    document = read(f"params:\n  - x: {text}  # slow\n").document
    assert document is not None
    assert isinstance(document.data, dict)
    params = document.data["params"]
    assert isinstance(params, list)
    assert isinstance(params[0], dict)
    return params[0]["x"]


def test_crlf_and_a_byte_order_mark() -> None:
    reading = read("\ufeffsimdsl: 1\r\nsteps:\r\n  - a: |\r\n      SELECT 1\r\n      => @\r\n")
    assert reading.problems == ()
    assert reading.document is not None
    assert reading.document.bom
    assert reading.document.data == {"simdsl": PlainScalar("1", 1), "steps": [{"a": "SELECT 1\n=> @\n"}]}


def test_a_bomb_of_aliases_is_many_issues_and_not_one_expansion() -> None:
    lines = ["a: &a [x, x]", *(f"b{n}: [*a, *a, *a]" for n in range(500))]
    reading = read("\n".join(lines))
    assert len(reading.problems) == MAX_PROBLEMS
    assert reading.is_cut


def test_many_issues_in_one_long_line_share_it() -> None:
    problems = read("a: " + "x\x01" * 1_001).problems
    assert len(problems) == MAX_PROBLEMS
    assert all(problem.line is problems[0].line for problem in problems)


@pytest.mark.parametrize("deep", ["[" * 100_000, "{a: " * 100_000, "- " * 5_000, "? " * 5_000])
def test_deep_nesting_is_a_diagnostic(deep: str) -> None:
    codes = {problem.code for problem in read("x:\n  " + deep).problems}
    assert codes & {Code.Y016, Code.Y001}


def test_the_depth_that_is_allowed() -> None:
    assert read("x: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)).problems == ()


@given(st.text())
def test_any_text_is_data_or_diagnostics(text: str) -> None:
    reading = read(text)
    assert reading.document is not None or reading.problems


PIECES = st.sampled_from(
    [
        *"-:?|>#&*!%@`'\"[]{},~ \n\t=",
        "\n  - ",
        "a: ",
        "steps:\n",
        ": ",
        "  # ",
        "=>",
        "\\",
        "SELECT 1",
        "0x1",
        "<<",
        "\n    ",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_anything_like_yaml_is_data_or_diagnostics_that_can_be_shown(text: str) -> None:
    reading = read(text)
    assert reading.document is not None or reading.problems
    for problem in reading.problems:
        assert problem.span is not None
        assert problem.span.column <= len(problem.line) + 1
