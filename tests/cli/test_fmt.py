"""``simdsl fmt``."""

from __future__ import annotations

import os

from tests.cli.conftest import HOLDS, Shell

ROUGH = HOLDS.replace("  - a: BEGIN", "  -   a:   BEGIN  # starts")


def test_formatting_in_place_and_once(shell: Shell) -> None:
    shell.write("a.yaml", ROUGH)
    os.chmod(shell.home / "a.yaml", 0o640)
    first = shell("fmt", "a.yaml")
    assert (first.code, first.out) == (0, "changed a.yaml\n")
    text = (shell.home / "a.yaml").read_text()
    assert "# starts" in text
    assert "- a: BEGIN" in text
    assert (shell.home / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert os.listdir(shell.home) == ["a.yaml"]
    assert shell("fmt", "a.yaml").out == ""


def test_check_changes_nothing_and_exits_with_1(shell: Shell) -> None:
    shell.write("a.yaml", ROUGH)
    result = shell("fmt", "--check", "a.yaml")
    assert (result.code, result.out) == (1, "would change a.yaml\n")
    assert (shell.home / "a.yaml").read_text() == ROUGH
    assert shell("fmt", "--check", shell.write("b.yaml", HOLDS)).code == 0


def test_diff_shows_what_would_change(shell: Shell) -> None:
    shell.write("a.yaml", ROUGH)
    result = shell("fmt", "--diff", "a.yaml")
    assert result.code == 1
    assert result.out.startswith("--- a.yaml\n+++ a.yaml (formatted)\n@@ ")
    assert "\n-  -   a:   BEGIN  # starts\n" in result.out
    assert (shell.home / "a.yaml").read_text() == ROUGH


def test_standard_input(shell: Shell) -> None:
    result = shell("fmt", "-", stdin=ROUGH)
    assert result.code == 0
    assert result.out == HOLDS.replace("BEGIN", "BEGIN  # starts")
    assert shell("fmt", "-", stdin=HOLDS).out == HOLDS


def test_a_link_stays_a_link(shell: Shell) -> None:
    shell.write("real.yaml", ROUGH)
    os.symlink("real.yaml", shell.home / "link.yaml")
    assert shell("fmt", "link.yaml").code == 0
    assert os.path.islink(shell.home / "link.yaml")
    assert (shell.home / "real.yaml").read_text() != ROUGH


def test_what_is_no_yaml_is_left_alone(shell: Shell) -> None:
    shell.write("a.yaml", "a: [1\n")
    shell.write("b.yaml", ROUGH)
    result = shell("fmt", "a.yaml", "b.yaml")
    assert result.code == 2
    assert "error[Y001]" in result.err
    assert "changed b.yaml" in result.out
    assert (shell.home / "a.yaml").read_text() == "a: [1\n"


def test_nothing_to_format(shell: Shell) -> None:
    (shell.home / "empty").mkdir()
    assert shell("fmt", "empty").code == 5
    assert shell("fmt").code == 2
