"""``--set``: typed by the schema, refused with a place in what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.profiles.checks import read_overrides
from simdsl.profiles.profile import knobs


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("steps=5", ("steps",), 5),
        ("weights.update=0", ("weights", "update"), 0),
        (" weights.update = 0 ", ("weights", "update"), 0),
        ("values.null=0.25", ("values", "null"), 0.25),
        ("max_sleep=5ms", ("max_sleep",), "5ms"),
        ("doc=Mine = yours: # all", ("doc",), "Mine = yours: # all"),
        ("doc=5", ("doc",), "5"),
        ("schema.types=text", ("schema", "types"), ["text"]),
        ("schema.types=[integer, text]", ("schema", "types"), ["integer", "text"]),
    ],
)
def test_an_override(text: str, key: tuple[str, ...], value: object) -> None:
    found = read_overrides([text])
    assert found.diagnostics == ()
    assert found.values == {key: value}


@pytest.mark.parametrize(
    ("text", "code", "column", "length", "help_"),
    [
        ("", Code.P011, 1, 1, "for example `weights.update=0`"),
        ("steps", Code.P011, 1, 5, "for example `weights.update=0`"),
        ("steps=", Code.P011, 1, 6, "for example `weights.update=0`"),
        ("weights=3", Code.P011, 1, 7, "for example `weights.select=...`"),
        ("extends=quick", Code.P011, 1, 7, "write a profile that extends this one"),
        ("weights.updat=3", Code.P002, 1, 13, "did you mean `weights.update`?"),
        ("stepps=3", Code.P002, 1, 6, "did you mean `steps`?"),
        ("xyz.x.y=3", Code.P002, 1, 7, None),
        ("steps=x", Code.P004, 7, 1, None),
        ("steps=1_000", Code.P004, 7, 5, None),
        ("steps=0", Code.P005, 7, 1, None),
        ("ddl_rate=2", Code.P005, 10, 1, None),
        ("schema.types=text,blub,real", Code.P006, 19, 4, "did you mean `blob`?"),
        ("max_sleep=soon", Code.P007, 11, 4, "for example `10us`, `5ms`, `2s`"),
        ("schema.types=[]", Code.P012, 14, 2, "remove the key"),
        ("schema.types=text,text", Code.P013, 19, 4, None),
    ],
)
def test_a_mistake(text: str, code: Code, column: int, length: int, help_: str | None) -> None:
    found = read_overrides([text])
    (diagnostic,) = found.diagnostics
    assert found.values == {}
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.file, diagnostic.line) == (code, "--set", text)
    assert (diagnostic.span.column, diagnostic.span.length) == (column, length)
    assert diagnostic.help == help_


def test_the_last_one_counts_and_all_mistakes_are_told() -> None:
    found = read_overrides(["steps=1", "steps=x", "tasks=0", "steps=2"])
    assert found.values == {("steps",): 2}
    assert [one.code for one in found.diagnostics] == [Code.P004, Code.P005]


@given(st.one_of(st.text(), st.tuples(st.sampled_from([knob.dotted for knob in knobs()]), st.text()).map("=".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_override_or_diagnostics(text: str) -> None:
    found = read_overrides([text])
    assert bool(found.values) != bool(found.diagnostics)
