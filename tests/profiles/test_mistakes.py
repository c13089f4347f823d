"""Every kind of mistake that a file can have: its code, its place, and what would help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.profiles.load import check_text
from simdsl.profiles.profile import knobs

HEAD = "simdsl: 1\nprofile: p\n"


@pytest.mark.parametrize(
    ("text", "code", "place", "help_"),
    [
        ("- a\n", Code.P001, (1, 1), None),
        ("quick\n", Code.P001, (1, 1), None),
        ("", Code.P001, None, None),
        (HEAD + "stepps: 3\n", Code.P002, (3, 1), "did you mean `steps`?"),
        (HEAD + "xyz: 3\n", Code.P002, (3, 1), None),
        (HEAD + "weights:\n  select: 1\n  updat: 1\n", Code.P002, (5, 3), "did you mean `update`?"),
        (HEAD + "pool: {sise: 1}\n", Code.P002, (3, 8), "did you mean `size`?"),
        ("profile: p\n", Code.P003, (1, 1), "begin with `simdsl: 1`"),
        ("simdsl: 1\n", Code.P003, (1, 1), "it names the profile: `profile: my-profile`"),
        (HEAD + "steps: many\n", Code.P004, (3, 8), None),
        (HEAD + "steps: 1.5\n", Code.P004, (3, 8), None),
        (HEAD + "steps: true\n", Code.P004, (3, 8), None),
        (HEAD + "steps:\n", Code.P004, (3, 7), None),
        (HEAD + "steps: 0x10\n", Code.P004, (3, 8), None),
        (HEAD + "steps: 99999999999999999999999999\n", Code.P004, (3, 8), None),
        (HEAD + "ddl_rate: often\n", Code.P004, (3, 11), None),
        (HEAD + "doc: 2026\n", Code.P004, (3, 6), "put it into quotes"),
        (HEAD + "doc: [x]\n", Code.P004, (3, 6), None),
        (HEAD + "max_sleep: 5\n", Code.P004, (3, 12), "for example `10us`"),
        (HEAD + "extends: 5\n", Code.P004, (3, 10), "a profile's name has"),
        (HEAD + "weights: 3\n", Code.P004, (3, 10), None),
        (HEAD + "weights: [select]\n", Code.P004, (3, 10), None),
        (HEAD + "schema:\n  types: text\n", Code.P004, (4, 10), None),
        (HEAD + "steps: 0\n", Code.P005, (3, 8), None),
        (HEAD + "steps: 2000000000\n", Code.P005, (3, 8), None),
        (HEAD + "weights: {select: -1}\n", Code.P005, (3, 19), None),
        (HEAD + "ddl_rate: 1.5\n", Code.P005, (3, 11), None),
        (HEAD + "seed: -1\n", Code.P005, (3, 7), None),
        (HEAD + "schema:\n  types: [integer, txt]\n", Code.P006, (4, 20), "did you mean `text`?"),
        (HEAD + "schema:\n  types:\n    - integer\n    - 5\n", Code.P006, (6, 7), "one of: "),
        ("simdsl: 1\nprofile: My Profile\n", Code.P007, (2, 10), "a profile's name has"),
        ('simdsl: 1\nprofile: "p\\n"\n', Code.P007, (2, 10), "a profile's name has"),
        (HEAD + "extends: ../secret\n", Code.P007, (3, 10), "a profile's name has"),
        (HEAD + "max_sleep: 5 ms\n", Code.P007, (3, 12), "for example"),
        (HEAD + "pool: {timeout: soon}\n", Code.P007, (3, 17), "for example"),
        ("simdsl: 2\nprofile: p\n", Code.P008, (1, 9), None),
        ("simdsl: true\nprofile: p\n", Code.P008, (1, 9), None),
        (HEAD + "extends: nothing\n", Code.P009, (3, 10), "one of: "),
        (HEAD + "schema: {types: []}\n", Code.P012, (3, 17), "remove the key"),
        (HEAD + "schema: {types: [text, text]}\n", Code.P013, (3, 24), None),
        (HEAD + "steps: 1\nsteps: 2\n", Code.Y009, (4, 1), None),
        (HEAD + "weights: &w {select: 1}\n", Code.Y004, (3, 10), None),
    ],
)
def test_a_mistake(here: Path, text: str, code: Code, place: tuple[int, int] | None, help_: str | None) -> None:
    checked = check_text(text, "p.yaml")
    assert checked.merged is None
    found = [one for one in checked.diagnostics if one.code is code]
    (diagnostic,) = found if code is not Code.P003 else found[:1]
    assert (diagnostic.span and (diagnostic.span.line, diagnostic.span.column)) == place
    if help_ is None and code not in (Code.Y009, Code.Y004):
        assert diagnostic.help is None
    elif help_ is not None:
        assert (diagnostic.help or "").startswith(help_)
    others = {one.code for one in checked.diagnostics} - {code}
    assert others == set()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stepps: 3", "a profile has no key `stepps`"),
        ("weights: {updat: 1}", "`weights` has no key `updat`"),
        ("steps: many", "an integer is expected here, not text"),
        ("steps: 0", "an integer of 1 or more is expected here, not `0`"),
        ("steps: 2000000000", "an integer of 1000000000 or less is expected here, not `2000000000`"),
        ("ddl_rate: 7", "a number from 0 to 1 is expected here, not `7`"),
        ("ddl_rate: x", "a number from 0 to 1 is expected here, not text"),
        ("max_sleep: 5", "a duration such as `5ms` is expected here, not `5`"),
        ("weights: 3", "a mapping is expected here, not `3`"),
        ("schema: {types: text}", "a list is expected here, not text"),
        ("schema: {types: [[]]}", "a list cannot stand here"),
        ("doc:", "text is expected here, not nothing"),
    ],
)
def test_what_is_said(here: Path, line: str, message: str) -> None:
    (diagnostic,) = check_text(f"{HEAD}{line}\n", "p.yaml").diagnostics
    assert diagnostic.message == message


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(here: Path) -> None:
    text = "profile: P\nsteps: 0\nweights:\n  insrt: 1\n  select: x\nextends: nobody\nschema: {types: [txt]}\n"
    found = check_text(text, "p.yaml").diagnostics
    assert [one.code.name for one in found] == ["P003", "P007", "P005", "P002", "P004", "P009", "P006"]
    lines = [one.span.line for one in found if one.span]
    assert lines == sorted(lines)


@pytest.mark.slow
def test_a_flood_of_mistakes_ends(here: Path) -> None:
    items = ", ".join(f"[{number}], x{number}, {number}" for number in range(30_000))
    keys = "".join(f"k{number}: 1\n" for number in range(30_000))
    found = check_text(f"{HEAD}schema: {{types: [{items}]}}\n{keys}", "p.yaml").diagnostics
    assert [one.code for one in found] == [Code.P006] * 100 + [Code.P002] * 100


def test_json_has_positions_too(here: Path) -> None:
    (diagnostic,) = check_text('{"simdsl": 1, "profile": "p",\n "ddl_rate": 3}', "p.json").diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (Code.P005, 2, 14)
    assert [one.code for one in check_text('{"simdsl": 1,', "p.json").diagnostics] == [Code.J001]


PIECES = st.sampled_from(
    [
        *(f"{knob.key[-1]}:" for knob in knobs()),
        *(
            "simdsl: 1",
            "profile:",
            "extends:",
            "weights:",
            "schema:",
            "pool:",
            "\n",
            "\n  ",
            "\n    ",
            " - ",
            "{",
            "}",
            "[",
            "]",
        ),
        *(
            " ",
            ",",
            "quick",
            "p",
            "0",
            "1",
            "-1",
            "0.5",
            "1e400",
            "5ms",
            "null",
            "true",
            "text",
            '"',
            "'",
            "#",
            "|",
            "&a",
            "*a",
        ),
        *("\t", "\x00", "\ud800", "\u2028", "é", "💥", "!!int", "---", "<<:", "? "),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join).map(lambda text: HEAD + text)), st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_a_profile_or_diagnostics(text: str, as_json: bool) -> None:
    checked = check_text(text, "p.json" if as_json else "p.yaml")
    assert (checked.merged is None) == any(one.code.name[0] != "W" for one in checked.diagnostics)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["text", "5ms"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_of_a_knob_is_taken_or_refused(data: st.DataObject) -> None:
    knob = data.draw(st.sampled_from(knobs()))
    value = data.draw(JSON)
    said: dict[str, object] = {knob.key[-1]: value} if len(knob.key) == 1 else {knob.key[0]: {knob.key[1]: value}}
    checked = check_text(json.dumps({"simdsl": 1, "profile": "p", **said}), "p.json")
    assert (checked.merged is None) == bool(checked.diagnostics)
