"""``simdsl check`` and its output formats."""

from __future__ import annotations

import json

from tests.cli.conftest import BAD, HOLDS, SILENT, Shell

TWO = BAD + "  - b: SELECT 1 => 1 rowz\n"


def test_a_plan_without_mistakes(shell: Shell) -> None:
    result = shell("check", shell.write("a.yaml", HOLDS))
    assert (result.code, result.out) == (0, "1 plan: 0 errors, 0 warnings\n")


def test_all_mistakes_are_told_at_once(shell: Shell) -> None:
    shell.write("a.yaml", TWO)
    shell.write("b.yaml", BAD)
    result = shell("check", "a.yaml", "b.yaml")
    assert result.code == 2
    assert result.out.count("error[G201]") == 3
    assert result.out.startswith("error[G201]: unexpected `affectd` in a plan line\n --> a.yaml:4:32\n  |\n")
    assert "4 |   - a: UPDATE t SET v = 2 => 3 affectd\n  |                                ^^^^^^^\n" in result.out
    assert "  = help: did you mean `affected`?\n" in result.out
    assert result.out.endswith("\n2 plans: 3 errors, 0 warnings\n")


def test_warnings_are_shown_and_forgiven(shell: Shell) -> None:
    result = shell("check", shell.write("a.yaml", SILENT))
    assert result.code == 0
    assert "warning[W002]" in result.out


def test_json(shell: Shell) -> None:
    result = shell("check", shell.write("a.yaml", BAD), "--output-format", "json")
    assert result.code == 2
    assert json.loads(result.out) == [
        {
            "code": "G201",
            "severity": "error",
            "message": "unexpected `affectd` in a plan line",
            "file": "a.yaml",
            "line": 4,
            "column": 32,
            "end_column": 39,
            "help": "did you mean `affected`?",
        }
    ]
    assert json.loads(shell("check", shell.write("b.yaml", HOLDS), "--output-format", "json").out) == []


def test_github(shell: Shell) -> None:
    result = shell("check", shell.write("a,b.yaml", BAD), "--output-format", "github")
    assert result.code == 2
    assert result.out == (
        "::error file=a%2Cb.yaml,line=4,col=32,endColumn=39,title=simdsl G201"
        "::unexpected `affectd` in a plan line%0Ahelp: did you mean `affected`?\n"
    )


def test_an_unknown_format(shell: Shell) -> None:
    assert shell("check", shell.write("a.yaml", HOLDS), "--output-format", "xml").code == 2


def test_standard_input(shell: Shell) -> None:
    result = shell("check", "-", stdin=BAD)
    assert result.code == 2
    assert " --> <stdin>:4:32\n" in result.out
    named = shell("check", "-", "--stdin-filename", "x/y.yaml", stdin=BAD)
    assert " --> x/y.yaml:4:32\n" in named.out
    assert shell("check", "--stdin-filename", "a.yaml", stdin=HOLDS).code == 0


def test_standard_input_as_json(shell: Shell) -> None:
    text = '{"simdsl": 1, "plan": "j", "plan": "k"}'
    assert "J002" in shell("check", "-", "--stdin-filename", "a.json", stdin=text).out


def test_nothing_to_check(shell: Shell) -> None:
    (shell.home / "empty").mkdir()
    assert shell("check", "empty").code == 5
    assert shell("check").code == 2
