"""Options are declared once, and the fast path reads them as typer does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.bugbase.entry import BugState
from simdsl.cli import typer_app
from simdsl.cli.command_line import COMMANDS, GROUPS, Command, find_command, parse, with_current_names
from simdsl.cli.option_groups import PANELS
from simdsl.cli.options import Field, Option, Request, load
from simdsl.cli.output import Exit
from simdsl.cli.requests import CampaignRequest, RunRequest, ShrinkRequest
from simdsl.report.diagnostics import DiagnosticFormat
from tests.cli.conftest import FAILS, HOLDS, Shell

NAMES = sorted(COMMANDS)
VALUES = (
    "1",
    "0",
    "-1",
    "7",
    "x",
    "",
    "a b",
    "-",
    "0.5",
    "inf",
    "1_0",
    " 5 ",
    "=",
    "a=b",
    "plan",
    "known",
    "json",
    "--seed",
)


def by_typer(arguments: list[str]) -> tuple[str, Request] | None:
    """The command and request that typer reads, or None if it shows help or refuses."""
    found: list[tuple[str, Request]] = []
    command, rest = find_command(arguments)
    if command is not None:
        arguments = [*arguments[: len(arguments) - len(rest)], *with_current_names(command, rest)]
    with pytest.raises(SystemExit):
        typer_app.run(arguments, lambda command, request: found.append((command.name, request)), command)
    return found[0] if found else None


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with options in every spelling, most of them correct."""
    command = COMMANDS[draw(st.sampled_from(NAMES))]
    words: list[str] = command.name.split(" ")
    fields = list(command.request.fields.values())
    for field in draw(st.lists(st.sampled_from(fields), max_size=4)) if fields else ():
        words += _words(draw, field)
    words += [draw(st.sampled_from(VALUES)) for field in fields if field.option.is_argument and field.is_required]
    words += draw(st.lists(st.sampled_from((*VALUES, "--", "-q", "-qx", "-vv", "--no-such")), max_size=2))
    return words


def _words(draw: st.DrawFn, field: Field) -> list[str]:
    option = field.option
    value = draw(st.sampled_from((*VALUES, *option.choices)))
    if option.is_argument:
        return [value]
    name = draw(st.sampled_from((*option.names, *option.aliases, *((option.off,) if option.off else ()))))
    if field.is_flag:
        return [name]
    joined = f"{name}={value}" if name.startswith("--") else f"{name}{value}"
    return draw(st.sampled_from(([name, value], [joined])))


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(words=command_lines())
def test_the_fast_path_reads_what_typer_reads(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fast = parse(words, {})
    slow = by_typer(words)
    capsys.readouterr()
    if fast is not None:
        assert slow == (fast[0].name, fast[1])


@pytest.mark.parametrize("words", [["run"], ["run", "a", "-qx"], ["bugs", "list"], ["shrink", "-", "--for", "3s"]])
def test_everyday_command_lines_take_the_fast_path(words: list[str]) -> None:
    assert parse(words, {}) is not None


@pytest.mark.parametrize("words", [[], ["-h"], ["run", "-h"], ["run", "--nope"], ["run", "--seed"], ["run", "--seed", "x"]])
def test_everything_else_is_left_to_typer(words: list[str]) -> None:
    assert parse(words, {}) is None


def test_a_variable_stands_in_for_an_option() -> None:
    parsed = parse(["run", "a"], {"SIMDSL_BACKEND": "postgres"})
    assert parsed is not None
    assert isinstance(parsed[1], RunRequest)
    assert parsed[1].backend == "postgres"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_a_command_is_complete(command: Command) -> None:
    assert callable(load(command.work))
    assert command.summary.endswith(".")
    first = command.name.partition(" ")[0]
    assert first == command.name or first in GROUPS
    for option in _options(command):
        assert not option.listener or issubclass(load(option.listener), object)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_the_help_of_an_option_needs_no_other_page(command: Command) -> None:
    for option in _options(command):
        if option.hidden:
            continue
        if option.names:
            assert option.panel in (*PANELS, "Options")
            assert re.fullmatch(r"[A-Z].*[.)]", option.help, re.DOTALL), option.help
        assert "As --set" not in option.help


def test_a_name_means_one_thing_in_every_command() -> None:
    """An option that two commands have says the same in both: it is declared once, or for the same field."""
    meanings: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for name, field in command.request.fields.items():
            for spelling in field.option.names:
                meanings.setdefault(spelling, set()).add(name)
    several = {name: fields for name, fields in meanings.items() if len(fields) > 1}
    # `bugs replay` takes several backends, `generate` one property, where others take one and several.
    assert several == {
        "--backend": {"backend", "backends"},
        "-b": {"backend", "backends"},
        "--property": {"property", "properties"},
    }


def test_shared_options_are_the_same_objects() -> None:
    for name in ("backend", "differential", "pg_host", "shrink_for", "bugbase"):
        options = {id(request.fields[name].option) for request in (RunRequest, ShrinkRequest, CampaignRequest)}
        assert len(options) == 1, name


def test_a_request_is_immutable_and_knows_its_fields() -> None:
    request = RunRequest(paths=("a",))
    with pytest.raises(AttributeError):
        request.seed = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="nope"):
        RunRequest(**_values(nope=1))
    with pytest.raises(TypeError, match="seeds"):
        CampaignRequest(**_values())
    assert request.replaced(seed=3) == RunRequest(paths=("a",), seed=3)
    assert repr(request) == "RunRequest(paths=('a',))"


def _values(**values: Any) -> dict[str, Any]:
    """Whatever the type checker would refuse."""
    return values


def _options(command: Command) -> list[Option]:
    return [field.option for field in command.request.fields.values()]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["--rollback-rate", "0.5"], ["--panic-rate", "0.5"]),
        (["--hold-rate", "0.5"], ["--busy-rate", "0.5"]),
        (["--isolated"], ["--subprocess"]),
        (["--min-judged", "2"], ["--min-assertions", "2"]),
        (["--max-rounds", "2"], ["--shrink-max-rounds", "2"]),
        (["--for=2s"], ["--shrink-for=2s"]),
    ],
)
def test_old_and_new_spellings_are_one_option(old: list[str], new: list[str]) -> None:
    assert parse(["run", *old], {}) == parse(["run", *new], {}) != None  # noqa: E711 - neither may be None


def test_help_shows_options_under_headings_and_no_older_spelling(shell: Shell) -> None:
    text = shell("run", "--help").out
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert headings[: len(PANELS)] == list(PANELS)
    assert "--min-judged" not in text
    assert "--loop" not in text
    assert "PLAN" in shell("shrink", "-h").out.splitlines()[0]
    assert "{" not in shell("shrink", "-h").out.splitlines()[0]


def test_a_mistake_in_an_older_spelling_is_worded(shell: Shell) -> None:
    shell.write("a.yaml", FAILS)
    said = shell("shrink", "a.yaml", "--repeats", "0")
    assert said.code == Exit.BAD_INPUT
    assert "--runs" in said.err


def test_the_options_of_servers_work_wherever_a_backend_is_named(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    for words in (
        ["run", "a.yaml"],
        ["shrink", "a.yaml"],
        ["campaign", "--seeds", "1"],
        ["explain", "a.yaml"],
    ):
        said = shell(*words, "--backend", "sqlite", "--pg-host", "db")
        assert "error[U008]: --pg-host has no effect without `--backend postgres`" in said.err, words
    assert "error[U008]: --pg-host has no effect" in shell("bugs", "replay", "--pg-host", "db").err


def test_the_choices_of_options_are_those_of_the_packages_that_use_them() -> None:
    assert COMMANDS["bugs mark"].request.fields["state"].option.choices == tuple(BugState)
    assert COMMANDS["check"].request.fields["output_format"].option.choices == tuple(DiagnosticFormat)
    assert COMMANDS["schema"].request.fields["subject"].option.choices == ("plan", "profile", "trace")
