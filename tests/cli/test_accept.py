"""``simdsl run --accept``: what is rewritten, what is left, and that nothing else changes."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import HOLDS, TASKS, Shell

HEAD = """\
simdsl: 1
plan: acc  # kept
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)
  - INSERT INTO t VALUES (1, 'it''s'), (2, 'b')
steps:
"""


def accept(shell: Shell, steps: str, head: str = HEAD) -> tuple[int, str, str]:
    """Accept these steps; the exit code, the new steps and what was said."""
    shell.write("a.yaml", head + steps)
    result = shell("run", "--accept", "a.yaml")
    text = (shell.home / "a.yaml").read_bytes().decode()
    assert text.startswith(head)
    assert [path.name for path in shell.home.iterdir()] == ["a.yaml"]
    return result.code, text[len(head) :], result.out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  - a: SELECT count(*) FROM t => 5  # five\n", "  - a: SELECT count(*) FROM t => 2  # five\n"),
        ("  - a: SELECT v FROM t WHERE id = 1 => 'x'\n", "  - a: SELECT v FROM t WHERE id = 1 => 'it''s'\n"),
        (
            "  - a: 'SELECT v FROM t WHERE id = 1 => ''x'''\n",
            "  - a: 'SELECT v FROM t WHERE id = 1 => ''it''''s'''\n",
        ),
        (
            "  - a: \"SELECT v FROM t WHERE id = 1 => 'x'\"\n",
            "  - a: \"SELECT v FROM t WHERE id = 1 => 'it''s'\"\n",
        ),
        (
            "  - a: |\n      SELECT id, v\n      FROM t ORDER BY id => empty\n\n  - a: SELECT 1\n",
            "  - a: |\n      SELECT id, v\n      FROM t ORDER BY id => (1, 'it''s'), (2, 'b')\n\n  - a: SELECT 1\n",
        ),
        ("  - a: SELECT id FROM t => 7 rows\n", "  - a: SELECT id FROM t => 2 rows\n"),
        ("  - a: SELECT id FROM t => 3 columns\n", "  - a: SELECT id FROM t => 1 column\n"),
        ("  - a: SELECT id FROM t => 1 in order\n", "  - a: SELECT id FROM t => 1, 2 in order\n"),
        ("  - a: SELECT id FROM t WHERE id > 9 => 1\n", "  - a: SELECT id FROM t WHERE id > 9 => empty\n"),
        (
            "  - a: INSERT INTO t VALUES (1, 'x') => 1 affected\n",
            "  - a: INSERT INTO t VALUES (1, 'x') => error unique_violation\n",
        ),
        ("  - a: DELETE FROM t => 9 affected\n", "  - a: DELETE FROM t => 2 affected\n"),
        ("  - a: CREATE TABLE u (x) => error\n", "  - a: CREATE TABLE u (x) => ok\n"),
        ("  - a: SELECT 1 => 2\n    sqlite: => 3\n", "  - a: SELECT 1 => 2\n    sqlite: => 1\n"),
        ("  - a: SELECT 2 => 1\n    sqlite: SELECT 3\n", "  - a: SELECT 2 => 3\n    sqlite: SELECT 3\n"),
        (
            "  - for: i in 1..3\n    do:\n      - a: SELECT 'k' => 'l'\n",
            "  - for: i in 1..3\n    do:\n      - a: SELECT 'k' => 'k'\n",
        ),
        ("  - a: SELECT 1 => 1\nfinally:\n  - SELECT 2 => 3\n", "  - a: SELECT 1 => 1\nfinally:\n  - SELECT 2 => 2\n"),
        ("  - a: SELECT 1 => 1\ninvariants:\n  - SELECT 2 => 3\n", "  - a: SELECT 1 => 1\ninvariants:\n  - SELECT 2 => 2\n"),
    ],
)
def test_a_missed_expectation_is_rewritten(shell: Shell, before: str, after: str) -> None:
    code, text, said = accept(shell, before)
    assert text == after
    assert "accepted a.yaml:" in said
    assert code == 0
    assert shell("run", "a.yaml").code == 0


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("  - for: i in 1..3\n    do:\n      - a: SELECT $i => 2\n", "left a.yaml:9: its 3 runs do not agree"),
        ("  - a: SELECT * FROM nope\n", "left a.yaml:7: it has no expectation: no such table: nope"),
        ("  - check: 1 = 2\n", "left a.yaml:7: the check does not hold"),
        ("  - a: SELECT 1\n    label: x\n  - a: SELECT 2 => same as x\n", "left a.yaml:9: it compares with another result"),
        (
            "  - a: SELECT id FROM t WHERE id = 1 => (?x, ?y)\n  - a: SELECT $x => 1\n",
            "left a.yaml:7: with `=> 1` the plan would not load",
        ),
        (
            "  - a: SELECT 'x ' || '#y' => 'z'\n",
            "left a.yaml:7: with `=> 'x #y'` the line would not be read as it is written",
        ),
    ],
)
def test_what_is_left_is_told_with_the_reason(shell: Shell, steps: str, why: str) -> None:
    code, text, said = accept(shell, steps)
    assert why in said
    assert text == steps
    assert code == 1


def test_a_line_is_rewritten_only_if_all_schedules_agree(shell: Shell) -> None:
    text = TASKS.replace("=> 0 affected", "=> 5 affected").replace("(1) => 1 affected", "(1) => 8 affected")
    shell.write("t.yaml", text)
    result = shell("run", "--accept", "t.yaml")
    assert result.code == 1
    after = (shell.home / "t.yaml").read_text()
    assert after == text.replace("(1) => 8 affected", "(1) => 1 affected")
    assert "left t.yaml:10: its 3 runs do not agree" in result.out


def test_setup_is_accepted_too(shell: Shell) -> None:
    text = HOLDS.replace("INTEGER)\n", "INTEGER)\n  - INSERT INTO t VALUES (7, 7) => 9 affected\n")
    shell.write("a.yaml", text)
    result = shell("run", "--accept", "a.yaml")
    assert "accepted a.yaml:6: 9 affected becomes 1 affected" in result.out


def test_json_and_line_ends_are_kept(shell: Shell) -> None:
    plan = {"simdsl": 1, "plan": "j", "steps": [{"a": "SELECT 'é\"' => 'x'"}, {"a": "SELECT 1 => 2"}]}
    shell.write("a.json", json.dumps(plan, indent=1))
    assert shell("run", "--accept", "a.json").code == 0
    after = json.loads((shell.home / "a.json").read_text())
    assert after["steps"] == [{"a": "SELECT 'é\"' => 'é\"'"}, {"a": "SELECT 1 => 1"}]
    windows = "\ufeff" + (HEAD + "  - a: SELECT 1 => 2\n").replace("\n", "\r\n")
    shell.write("w.yaml", windows)
    assert shell("run", "--accept", "w.yaml").code == 0
    assert (shell.home / "w.yaml").read_bytes().decode() == windows.replace("=> 2", "=> 1")


def test_what_holds_is_not_touched(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    before = (shell.home / "a.yaml").stat()
    assert shell("run", "--accept", "a.yaml").code == 0
    assert (shell.home / "a.yaml").stat() == before


def test_an_await_takes_what_its_statement_came_to(shell: Shell) -> None:
    head = "simdsl: 1\nplan: p\npools:\n  main: {size: 1, timeout: 50ms}\nsteps:\n"
    steps = "  - checkout: a\n  - checkout: b => blocks\n  - return: a\n  - await: b => error pool_timeout\n"
    code, text, _ = accept(shell, steps, head)
    assert text == steps.replace("error pool_timeout", "ok")
    assert code == 0
