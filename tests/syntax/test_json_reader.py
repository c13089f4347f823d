"""JSON plans: the same data as YAML's, and errors with their places."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simdsl.syntax.document import PlainScalar
from simdsl.syntax.files import read_text
from simdsl.syntax.json_reader import read_fast, read_slow
from simdsl.syntax.yaml_reader import MAX_DEPTH, to_data


def found(text: str) -> list[tuple[str, int, int]]:
    spans = [(problem.code.name, problem.span) for problem in read_text(text, "p.json").problems]
    return [(code, span.line, span.column) if span else (code, 0, 0) for code, span in spans]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ('{"a": 1', "J001", 1, 7),
        ('{"a": 1,}', "J001", 1, 9),
        ('{"a" 1}', "J001", 1, 6),
        ("{a: 1}", "J001", 1, 2),
        ('{"a": }', "J001", 1, 7),
        ('{"a": [1,]}', "J001", 1, 10),
        ('{"a": [1 2]}', "J001", 1, 10),
        ('{"a": "x\n"}', "J001", 1, 7),
        ('{"a": "\\q"}', "J001", 1, 7),
        ('{"a": 01}', "J001", 1, 7),
        ('{"a": .5}', "J001", 1, 7),
        ('{"a": yes}', "J001", 1, 7),
        ('{"a": 1} x', "J001", 1, 10),
        ('{"a": 1,\n "a": 2}', "J002", 2, 2),
        ('{"a": NaN}', "J003", 1, 7),
        ('{"a": -Infinity}', "J003", 1, 7),
        ('{"a": 9223372036854775808}', "J004", 1, 7),
        ('{"a": 1e999}', "J004", 1, 7),
        ('{"a": "\\ud800"}', "J005", 1, 7),
        ('{"a": "\ud800"}', "J005", 1, 7),
        ('{"a": ' + "[" * 100, "J006", 1, 71),
        ('{"a": ' + "[" * 100_000, "J006", 1, 71),
    ],
)
def test_errors(text: str, code: str, line: int, column: int) -> None:
    assert found(text) == [(code, line, column)]


def test_all_errors_but_syntax_come_at_once() -> None:
    assert [code for code, _, _ in found('{"a": NaN, "a": 99999999999999999999, "b": "\\udc00"}')] == [
        "J003",
        "J002",
        "J004",
        "J005",
    ]


def test_data() -> None:
    document = read_text('{"$schema": "s", "a": [1, -0.5, true, null, "x\\ud83d\\ude00"], "b": {}}', "p").document
    assert document is not None
    numbers = [PlainScalar("1", 1), PlainScalar("-0.5", -0.5), PlainScalar("true", True), PlainScalar("null", None)]
    assert document.data == {"a": [*numbers, "x😀"], "b": {}}


def test_a_name_makes_json() -> None:
    assert found("simdsl: 1\n") == [("J001", 1, 1)]


def test_the_depth_that_is_allowed() -> None:
    deep = '{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}"
    assert found(deep) == []
    assert found(deep.replace("[]", "[[]]")) == [("J006", 1, 7 + MAX_DEPTH)]


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    SCALARS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter("$schema".__ne__), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.dictionaries(st.text().filter("$schema".__ne__), TREES), st.booleans())
def test_both_readers_agree(data: dict[str, object], ascii_only: bool) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only)
    slow = read_slow(text)
    assert slow.issues.found == []
    assert slow.root is not None
    fast = read_fast(text)
    assert fast is None or fast == to_data(slow.root)
    assert fast is not None or "\\ud" in text


NAMES = st.sampled_from(["a", "b", ":", " :", r"a\":"])
BLANKS = st.sampled_from(["", " ", "\n", "\t", "\r", " \n"])
NESTED = st.recursive(
    NAMES.map('"{}"'.format),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(NAMES, BLANKS, BLANKS, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{key}"{before}:{behind}{value}' for key, before, behind, value in pairs) + "}"
        ),
    ),
    max_leaves=8,
)


@given(NESTED)
@example('{"a":1,"a":2}')
@example('[{"a" : ":", "a" :"b"}]')
def test_the_fast_reader_answers_unless_a_key_is_there_twice(text: str) -> None:
    slow = read_slow(text)
    assert slow.root is not None
    assert read_fast(text) == (None if slow.issues.found else to_data(slow.root))


@given(st.text(alphabet='{}[]",:01e.-+ntrufals\\ \n\ud800NI', max_size=40).map(lambda rest: "{" + rest))
def test_any_text_is_data_or_diagnostics(text: str) -> None:
    reading = read_text(text, "p.json")
    assert reading.document is not None or reading.problems
    if not reading.problems:
        json.loads(text)
    for problem in reading.problems:
        assert problem.line.encode()
