"""Formatting: one layout, all comments, the same plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.language.dump import dump
from simdsl.language.formatter import format_text
from simdsl.language.load import check_text
from simdsl.plan import codes
from simdsl.plan.codes import Code
from simdsl.plan.plan import Plan
from simdsl.syntax.files import read_text
from tests.strategies import plans

MESSY = r"""

# head
simdsl:   1   # version


plan: x
doc: >
   folded text
     more

   end
backends: [ sqlite,
   postgres ]
pools: {main:  {size: 1,timeout: 50ms}}
setup:
- CREATE TABLE t (id)    =>    ok
# about
-   INSERT INTO t VALUES (1)   =>   1 affected  # two
steps:
    # first

    - a: "BEGIN"
      why:   foo
    - a:  |   # block
          SELECT 1
            , 2
          => (1, 2)


    -
      b: 'SELECT ''x''  => ''x'''
      skip: ["libsql"]
    # end of steps
tasks:
  a:
    - x
    # commented-out
  b: # the b
    - sql:  y =>  ok
      label: z
    - |  # short
      z
# end


"""

NEAT = r"""# head
simdsl: 1  # version

plan: x
doc: >
  folded text
    more

  end
backends: [sqlite, postgres]
pools: {main: {size: 1, timeout: 50ms}}
setup:
  - CREATE TABLE t (id) => ok
  # about
  - INSERT INTO t VALUES (1) => 1 affected  # two
steps:
  # first

  - a: BEGIN
    why: foo
  - a: |  # block
      SELECT 1
        , 2
      => (1, 2)

  - b: SELECT 'x' => 'x'
    skip: [libsql]
  # end of steps
tasks:
  a:
    - x
    # commented-out
  b:  # the b
    - sql: y => ok
      label: z
    - |  # short
      z
# end
"""


def formatted(text: str, name: str = "p.yaml") -> str:
    made = format_text(text, name)
    assert isinstance(made, str), made
    return made


def test_a_messy_plan_becomes_neat() -> None:
    assert formatted(MESSY) == NEAT
    assert formatted(NEAT) == NEAT


@pytest.mark.parametrize(
    ("text", "neat"),
    [
        ("a:\r\n- b\r\n", "a:\n  - b\n"),
        ("\ufeffa: b", "a: b\n"),
        ("--- # start\na: b\n...\n", "# start\na: b\n"),
        ("a: # one\n  b: c\n", "a:  # one\n  b: c\n"),
        ("a:\n  # one\n  b\n", "# one\na: b\n"),
        ("'a': 'b'\n", "a: b\n"),
        ("a: '1'\n", "a: '1'\n"),
        ("a: |\n  b\n\n\n\nc: d\n", "a: |\n  b\n\nc: d\n"),
        ("a: |+\n  b\n\nc: d\n", 'a: "b\\n\\n"\nc: d\n'),
        ("a: |-\n  b\n", "a: b\n"),
        ("a: |2\n    b\n  c\n", 'a: "  b\\nc\\n"\n'),
        ("a: [x, # one\n  y]\n", "a: [x, # one\n  y]\n"),
        ("a: [x,\n  y]\n", "a: [x, y]\n"),
        ("a:\n", "a:\n"),
        ("a: {}\nb: []\n", "a: {}\nb: []\n"),
        ("setup:\n  - |\n    SELECT 1\n    =>   1\n", "setup:\n  - |\n    SELECT 1\n    => 1\n"),
        ("setup:\n  - |\n    SELECT 1   =>   1\n", "setup:\n  - SELECT 1 => 1\n"),
        ("setup:\n  - SELECT '  =>  '  =>  '  =>  '\n", "setup:\n  - SELECT '  =>  ' => '  =>  '\n"),
        ("steps:\n  - check:   1  =  1\n", "steps:\n  - check: 1  =  1\n"),
        ("steps:\n  - await: a   => ok\n", "steps:\n  - await: a => ok\n"),
        ("steps:\n  - a: x\n    sqlite:   =>   ok\n", "steps:\n  - a: x\n    sqlite: => ok\n"),
        ("steps:\n- 2\n- a:   no\n- b:\n", "steps:\n  - 2\n  - a: no\n  - b:\n"),
        ("why: one\n  two\n   three\n", "why: one\n  two\n  three\n"),
    ],
)
def test_layouts(text: str, neat: str) -> None:
    assert formatted(text) == neat
    assert formatted(neat) == neat


def test_json() -> None:
    text = '{"$schema": "s", "simdsl": 1, "plan": "p", "steps": [{"a": "SELECT 1"},\n\n{"b": "x"}]}'
    steps = '  "steps": [\n    {"a": "SELECT 1"},\n    {"b": "x"}\n  ]\n'
    neat = f'{{\n  "$schema": "s",\n  "simdsl": 1,\n  "plan": "p",\n{steps}}}\n'
    assert formatted(text) == neat
    assert formatted(neat) == neat


@pytest.mark.parametrize(
    ("text", "code"), [("- a\n", Code.F007), ("a\n", Code.F007), ("a: @\n", Code.Y001), ("a: &b c\n", Code.Y004)]
)
def test_what_is_left_alone(text: str, code: Code) -> None:
    made = format_text(text, "p.yaml")
    assert not isinstance(made, str)
    assert [diagnostic.code for diagnostic in made] == [code]


@pytest.mark.slow
@given(plans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_dumped_plan_stays_the_same_plan(plan: Plan) -> None:
    text = dump(plan)
    made = formatted(text)
    assert repr(check_text(made).plan) == repr(check_text(text).plan)
    assert formatted(made) == made


PIECES = st.sampled_from(
    [
        *(
            "a: x\n",
            "b:\n",
            "  c: 'y'\n",
            "  - d\n",
            "  - e: f\n",
            "    g: 1\n",
            "# one\n",
            "  # two\n",
            "      # three\n",
            "\n",
            "\n\n",
        ),
        *(
            "h: |\n  i\n\n  j\n",
            "k: >\n  l\n",
            "steps:\n",
            "  - m:   n   =>   o\n",
            "setup:\n",
            "- p # q\n",
            "-\n",
            "s: [t,\n u]\n",
        ),
        *("v: {w: x} # y\n", "  - z: |\n      1\n", "    - 2\n", "3: four\n  five\n", "    # six\n"),
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_anything_that_can_be_laid_out_keeps_its_data_and_its_comments(text: str) -> None:
    made = format_text(text, "p.yaml")
    if isinstance(made, str):
        assert made.count("#") == text.count("#")
        assert formatted(made) == made
        assert read_text(made, "p.yaml").document is not None


BUNDLED = sorted(codes.path("plans").rglob("*.yaml"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_plans_are_laid_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text, str(path)) == text
