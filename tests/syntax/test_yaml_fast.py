"""The fast reader of YAML never disagrees with the slow one, and answers for the plans that people and machines write."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simdsl.syntax.yaml_diagnostics import find_ambiguities
from simdsl.syntax.yaml_fast import read_fast
from simdsl.syntax.yaml_reader import read_events, to_data

PLAN = """\
# yaml-language-server: $schema=x
simdsl: 1
plan: first
doc: A document, with commas; and {brackets}.
tags: [a, b-c]
pools:
  main: {size: 1, timeout: 50ms}
params:
  - n: 3
    who: alice
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)

  # about the next one
  - INSERT INTO t VALUES (1) => 1 affected
steps:
  - a: SELECT 1 => 1
    label: l
    skip: [turso]
    why: "so"
  - for: i in 1..3
    do:
      - a: |
          SELECT $i
          => $i

      - check: now = 0
  - a: 'BEGIN'
    postgres: => ok
schedule: a-b
timeout: 5s
"""


def agrees(text: str) -> bool:
    """Whether the fast reader answered; where it did, the slow one must say the same."""
    data = read_fast(text)
    if data is None:
        return False
    events = read_events(text)
    assert events.issues.found == []
    assert events.root is not None
    assert find_ambiguities(events.root, text).found == []
    assert to_data(events.root) == data
    return True


def test_a_plan_as_people_write_them() -> None:
    assert agrees(PLAN)


def test_comments_that_are_no_trap() -> None:
    assert agrees(
        "steps: # one\n  - a: x => y  # z\n    why: w # v\n  - do:  # u\n      - b: c\nskip: [a, b] # t\nseed: 1  # s\n"
    )


def test_lists_may_stand_right_under_their_key() -> None:
    assert agrees("setup:\n- BEGIN\n- COMMIT\nsteps:\n- a: x\n  do:\n  - b: y\n- c: z\nplan: p\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "a: b\n---\nc: d\n",
        "steps:\n  - a: x # => y\n",
        "steps:\n  - a: x  # y\n",
        "steps:\n  - a: 'x  # y' => 1\n",
        "a: &x y\n",
        "a: b: c\n",
        "a: 'x' y\n",
        "a: x\n  y\n",
        "a: x\na: y\n",
        "a:\n  b: x\n c: y\n",
        "a:\n",
        "a:\nb: c\n",
        "a: >\n  x\n",
        "steps: [BEGIN]\n",
        "steps:\n  - {a: BEGIN}\n",
        "steps:\n  - a: [x]\n",
        "a: |\n  x\n   \n",
        "a: |\n  x",
        "a: x\t\n",
        "a: x\r\n",
        "a: \u2028\n",
        "- a\n",
        "a: |2\n  x\n",
        "a: - b\n",
        "a: ? b\n",
        "a: !x b\n",
        "a: x:\n",
        "a: [x, 'y']\n",
        "a:\n  - b\n c: d\n",
        "a:\n  - b\n    c: d\n",
    ],
)
def test_what_leaves_the_subset(text: str) -> None:
    assert read_fast(text) is None


INDENTS = st.sampled_from(["", "  ", "    ", "      ", " "])
HEADS = st.sampled_from(
    ["", "- ", "a: ", "b: ", "steps: ", "- a: ", "- b: ", "skip: ", "why: ", "steps:", "a:", "- do:", "# "]
)
VALUES = st.sampled_from(
    [
        *(
            "",
            "x",
            "BEGIN",
            "SELECT 1 => 1",
            "a: b",
            "x:",
            "x #y",
            "x#y",
            "'q'",
            '"q"',
            "'q''",
            "'a' b",
            "|",
            "|-",
            "|+",
            ">",
        ),
        *("1", "010", "-1", "- 1", "-", "null", "~", "n", "true", "1.5", ".5", "[a, b]", "[a,b]", "{k: v}", "{k: 1, l: 2}"),
        *(
            "[]",
            "{}",
            "[a",
            "{k: v",
            "*x",
            "&x",
            "!x",
            "?x",
            "=> ok",
            "é",
            "\u00a0",
            "x ",
            "---",
            "...",
            "%x",
            "<<: x",
            "1-2-1",
        ),
    ]
)
LINES = st.tuples(INDENTS, HEADS, VALUES).map("".join)
TEXTS = st.lists(LINES, max_size=8).map(lambda lines: "\n".join(lines) + "\n")


@given(TEXTS)
@example("steps:\n  - a: |\n      x\n\n    b: y\n")
@example("a: |\n  x\n # comment\n  y\n")
@example("a:\n- x\n- y: |\n   z\n")
def test_the_readers_agree_on_lines(text: str) -> None:
    agrees(text)


STEP_HEADS = st.sampled_from(
    ["  - a: ", "  - ", "  - b: ", "    why: ", "    c: ", "    skip: ", "  # ", "\nsetup:\n  - a: "]
)
STEPS = st.lists(st.tuples(STEP_HEADS, VALUES).map("".join), min_size=1, max_size=4)


@given(STEPS.map(lambda lines: "steps:\n" + "\n".join(lines) + "\n"))
def test_the_readers_agree_on_steps(text: str) -> None:
    agrees(text)


@given(st.text(alphabet=" \n-:ab|'\"#[]{},=>1.~\\\t?&*!%", max_size=60))
def test_the_readers_agree_on_texts(text: str) -> None:
    agrees(text)
