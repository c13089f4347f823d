"""``simdsl profile``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import simdsl
from tests.cli.conftest import HOLDS, Shell

MINE = "simdsl: 1\nprofile: mine\ndoc: Mine.\nextends: quick\nweights:\n  update: 0\n"
WRONG = "simdsl: 1\nprofile: wrong\nweights:\n  updat: 0\nddl_rate: 3\n"


@pytest.fixture
def narrow(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    return shell


@pytest.mark.parametrize("command", ["list", "show", "check"])
def test_help_fits_into_60_columns(narrow: Shell, command: str) -> None:
    result = narrow("profile", command, "--help")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 60
    assert result.out.startswith(f"Usage: simdsl profile {command}")


def test_no_command_shows_the_help(narrow: Shell) -> None:
    result = narrow("profile")
    assert result.code == 2
    assert "Commands:" in result.out + result.err
    assert narrow("profile", "lst").code == 2


def test_list(narrow: Shell) -> None:
    narrow.write("profiles/mine.yaml", MINE)
    result = narrow("profile", "list")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 60
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == ["concurrent", "ddl-heavy", "faulty", "mine", "quick", "read-heavy", "stress", "write-heavy"]
    assert "mine         Mine." in lines


def test_list_as_json(narrow: Shell) -> None:
    narrow.write("profiles/mine.yaml", MINE)
    found = {one["name"]: one for one in json.loads(narrow("profile", "list", "--json").out)}
    assert found["mine"] == {"name": "mine", "doc": "Mine.", "file": "profiles/mine.yaml"}
    assert found["quick"]["file"] == "bundled quick.yaml"


def test_list_says_which_profiles_are_wrong(narrow: Shell) -> None:
    narrow.write("profiles/wrong.yaml", WRONG)
    result = narrow("profile", "list")
    assert result.code == 2
    assert "wrong        -" in result.out.splitlines()
    assert "error[P002]" in result.err


def test_list_leaves_out_what_is_no_profile(narrow: Shell) -> None:
    narrow.write("profiles/plan.yaml", HOLDS)
    narrow.write("profiles/other.yml", "target: dev\n")
    narrow.write("profiles/list.json", "[]")
    narrow.write("profiles/.hidden.yaml", WRONG)
    result = narrow("profile", "list")
    assert (result.code, result.err) == (0, "")
    assert not {"plan", "other", "list", ".hidden"} & set(result.out.split())


def test_show(narrow: Shell) -> None:
    narrow.write("profiles/mine.yaml", MINE)
    result = narrow("profile", "show", "mine", "--set", "weights.insert=3", "--set", "pool.timeout=2s")
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 60
    for line in (
        "profile: mine             # profiles/mine.yaml",
        "steps: 50                 # bundled quick.yaml",
        "  insert: 3               # --set",
        "  update: 0               # profiles/mine.yaml",
        "  delete: 5               # default",
        "  timeout: 2s             # --set",
    ):
        assert line in result.out.splitlines()
    narrow.write("profiles/again.yaml", result.out.replace("profile: mine", "profile: again"))
    assert narrow("profile", "check", "profiles").out == "2 profiles: 0 errors, 0 warnings\n"
    assert narrow("profile", "show", "profiles/mine.yaml").code == 0


def test_show_as_json(narrow: Shell) -> None:
    data = json.loads(narrow("profile", "show", "quick", "--json", "--set", "seed=4").out)
    assert (data["profile"]["seed"], data["origins"]["seed"]) == (4, "--set")


def test_show_of_what_is_wrong(narrow: Shell) -> None:
    narrow.write("profiles/wrong.yaml", WRONG)
    result = narrow("profile", "show", "wrong", "--set", "steps=many")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("error[P") == 3
    assert "error[P002]: `weights` has no key `updat`\n --> profiles/wrong.yaml:4:3\n" in result.err
    assert "4 |   updat: 0\n  |   ^^^^^\n  = help: did you mean `update`?\n" in result.err
    assert " --> --set:1:7\n  |\n1 | steps=many\n  |       ^^^^\n" in result.err
    assert narrow("profile", "show", "no-such").code == 2
    assert narrow("profile", "show", "no/such.yaml").code == 2
    assert narrow("profile", "show").code == 2


def test_check(narrow: Shell) -> None:
    narrow.write("profiles/mine.yaml", MINE)
    narrow.write("profiles/plan.yaml", HOLDS)
    assert narrow("profile", "check", "profiles").out == "1 profile: 0 errors, 0 warnings\n"
    assert narrow("profile", "check", "profiles/*.yaml").out == "1 profile: 0 errors, 0 warnings\n"
    narrow.write("profiles/wrong.yaml", WRONG)
    result = narrow("profile", "check", "profiles")
    assert result.code == 2
    assert result.out.endswith("\n\n2 profiles: 2 errors, 0 warnings\n")
    assert max(map(len, result.out.splitlines())) <= 60
    assert "error[P005]: a number from 0 to 1 is expected here, not `3`\n" in result.out
    assert narrow("profile", "check", "profiles/plan.yaml").code == 2


def test_what_a_base_has_wrong_is_told_once(narrow: Shell) -> None:
    narrow.write("profiles/wrong.yaml", WRONG)
    narrow.write("profiles/a.yaml", "simdsl: 1\nprofile: a\nextends: wrong\n")
    narrow.write("profiles/b.yaml", "simdsl: 1\nprofile: b\nextends: wrong\n")
    assert narrow("profile", "check", "profiles").out.endswith("3 profiles: 2 errors, 0 warnings\n")


def test_check_in_other_formats(narrow: Shell) -> None:
    narrow.write("wrong.yaml", WRONG)
    (first, second) = json.loads(narrow("profile", "check", "wrong.yaml", "--output-format", "json").out)
    assert (first["code"], first["line"], first["column"], first["end_column"]) == ("P002", 4, 3, 8)
    assert (second["code"], second["line"], second["column"]) == ("P005", 5, 11)
    github = narrow("profile", "check", "wrong.yaml", "--output-format", "github").out
    assert github.startswith("::error file=wrong.yaml,line=4,col=3,endColumn=8,title=simdsl P002::")


def test_check_of_standard_input_and_of_nothing(narrow: Shell) -> None:
    assert narrow("profile", "check", "-", stdin=MINE).code == 0
    result = narrow("profile", "check", "-", stdin=WRONG)
    assert (result.code, " --> <stdin>:4:3\n" in result.out) == (2, True)
    assert narrow("profile", "check").code == 2
    assert narrow("profile", "check", "none.yaml").code == 2
    (narrow.home / "empty").mkdir()
    assert narrow("profile", "check", "empty").code == 5


@pytest.mark.parametrize("arguments", [["--help"], ["profile", "--help"], ["profile", "show", "--help"]])
def test_the_help_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    script = (
        "import sys\nfrom simdsl.cli.main import call\ncall(sys.argv[1:])\n"
        "heavy = {'jsonschema', 'lark', 'ruamel', 'sqlglot', 'simdsl.profiles', 'simdsl.language'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=Path(simdsl.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
