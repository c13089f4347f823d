"""``explain``, ``schema``, ``backends``, ``init``, the version and the help."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest

from simdsl import __version__
from simdsl.plan.codes import Code
from tests.cli.conftest import Shell

COMMANDS = ("run", "check", "fmt", "explain", "schema", "backends", "profile", "init")


def test_version(shell: Shell) -> None:
    result = shell("--version")
    assert (result.code, result.out) == (0, f"simdsl {__version__}\n")


def test_no_command_shows_the_help(shell: Shell) -> None:
    result = shell()
    assert result.code == 2
    assert "Usage: simdsl [OPTIONS] COMMAND" in result.out


def test_an_unknown_command(shell: Shell) -> None:
    result = shell("rnu")
    assert result.code == 2
    assert "'run'" in result.err


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_into_60_columns(shell: Shell, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result = shell(*filter(None, [command]), "--help")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 60
    assert result.out.startswith("Usage: simdsl")


def test_every_exit_code_is_in_the_help(shell: Shell) -> None:
    text = " ".join(shell("--help").out.split())
    for code in ("0 passed", "1 failure", "2 bad plan", "3 backend", "4 internal", "5 no plans", "130 interrupted"):
        assert code in text


def test_completion(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--show-completion" in shell("--help").out
    monkeypatch.setenv("_SIMDSL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "simdsl explain U00")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert shell().out.split() == [name for name in Code.__members__ if name.startswith("U00")]


def test_the_console_script_is_this_one() -> None:
    scripts = {script.value for script in entry_points(group="console_scripts", name="simdsl")}
    assert scripts <= {"simdsl.cli.main:entry"}


@pytest.mark.parametrize("code", [code.name for code in Code])
def test_every_code_has_a_page(shell: Shell, code: str) -> None:
    result = shell("explain", code)
    assert result.code == 0
    assert result.out.startswith(f"# {code}: {Code[code].title}\n")
    assert "## Example" in result.out
    assert "## Instead" in result.out


@pytest.mark.parametrize("text", ["u001", "error[U001]", "error[U001]:"])
def test_a_code_as_it_is_printed(shell: Shell, text: str) -> None:
    assert shell("explain", text).out.startswith("# U001:")


def test_all_codes_are_listed(shell: Shell) -> None:
    lines = shell("explain").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(Code.__members__)


def test_an_unknown_code(shell: Shell) -> None:
    result = shell("explain", "U0008")
    assert result.code == 2
    assert "error[U006]" in result.err
    assert "help: did you mean `U008`?" in result.err


@pytest.mark.parametrize("subject", ["plan", "profile", "trace"])
def test_schemas(shell: Shell, subject: str) -> None:
    result = shell("schema", subject)
    assert result.code == 0
    assert json.loads(result.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_an_unknown_schema(shell: Shell) -> None:
    assert shell("schema", "plans").code == 2
    assert shell("schema").code == 2


def test_backends(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    result = shell("backends")
    assert result.code == 0
    assert result.out.startswith("sqlite: connected\n  engine  SQLite 3.")
    assert "  pool    " in result.out
    assert "virtual time" in result.out
    assert "unique_violation" in result.out
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, shell("backends").out.splitlines())) <= 60


def test_init_writes_a_plan_that_holds(shell: Shell) -> None:
    result = shell("init")
    assert (result.code, result.out) == (0, "wrote first.yaml; run it: simdsl run first.yaml\n")
    text = (shell.home / "first.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=plan.schema.json\n")
    assert json.loads((shell.home / "plan.schema.json").read_text())["$schema"]
    assert shell("run", "first.yaml").code == 0
    assert shell("run", ".").code == 0
    assert shell("fmt", "--check", "first.yaml").code == 0


def test_init_overwrites_nothing(shell: Shell) -> None:
    shell.write("mine.yaml", "mine")
    shell.write("plan.schema.json", "{}")
    result = shell("init", "mine.yaml")
    assert result.code == 2
    assert "error[U007]" in result.err
    assert (shell.home / "mine.yaml").read_text() == "mine"
    assert shell("init", "2 Nd!.yaml").code == 0
    assert "plan: plan-2-nd\n" in (shell.home / "2 Nd!.yaml").read_text()
    assert (shell.home / "plan.schema.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["no/such/first.yaml", "first.txt"])
def test_init_where_nothing_can_be_written(shell: Shell, name: str) -> None:
    result = shell("init", name)
    assert result.code == 2
    assert "error[U009]" in result.err
