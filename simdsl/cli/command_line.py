"""The table of commands, the list of them that ``simdsl --help`` prints, and the fast path from arguments to a request.

Importing typer takes 45 ms of CPU, four times what a bare interpreter takes, and most command lines need none of it. So a
command line that is complete and correct is parsed here; every other one (a request for help, a mistake, a shell that
completes a word) is left to ``typer_app``, which words the answer. Both read the same declarations, and a test compares
their results over generated command lines.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from simdsl import __version__
from simdsl.cli.options import Field, Request
from simdsl.cli.output import EXIT_CODES
from simdsl.cli.requests import (
    BackendsRequest,
    BugsListRequest,
    BugsMarkRequest,
    BugsPruneRequest,
    BugsReplayRequest,
    BugsShowRequest,
    CampaignRequest,
    CheckRequest,
    ExplainRequest,
    FmtRequest,
    GenerateRequest,
    InitRequest,
    ProfileCheckRequest,
    ProfileListRequest,
    ProfileShowRequest,
    PropertiesRequest,
    RunRequest,
    SchemaRequest,
    ShrinkRequest,
)

RUNNING: Final = "Run plans"
WRITING: Final = "Write and check plans"
FINDING: Final = "Find and keep bugs"
LOOKING_UP: Final = "Look things up"


class Command:
    """A command: its name as typed (``bugs list``), its request class, the function that does it, its heading in help."""

    __slots__ = ("heading", "name", "request", "work")

    def __init__(self, name: str, request: type[Request], work: str, heading: str) -> None:
        self.name = name
        self.request = request
        self.work = work
        self.heading = heading

    @property
    def help(self) -> str:
        """The paragraphs of its help, without the indentation of the docstring."""
        return "\n".join(line.removeprefix("    ") for line in (self.request.__doc__ or "").strip().splitlines())

    @property
    def summary(self) -> str:
        """The first sentence of its help, on one line."""
        return " ".join(self.help.split("\n\n")[0].split())


def _commands(*commands: Command) -> dict[str, Command]:
    return {command.name: command for command in commands}


COMMANDS: Final = _commands(
    Command("run", RunRequest, "simdsl.cli.run:run", RUNNING),
    Command("campaign", CampaignRequest, "simdsl.cli.campaign:campaign", FINDING),
    Command("shrink", ShrinkRequest, "simdsl.cli.shrink:shrink", FINDING),
    Command("bugs list", BugsListRequest, "simdsl.cli.bugs:list_bugs", FINDING),
    Command("bugs show", BugsShowRequest, "simdsl.cli.bugs:show_bug", FINDING),
    Command("bugs replay", BugsReplayRequest, "simdsl.cli.bugs:replay_bugs", FINDING),
    Command("bugs mark", BugsMarkRequest, "simdsl.cli.bugs:mark_bug", FINDING),
    Command("bugs prune", BugsPruneRequest, "simdsl.cli.bugs:prune_bugs", FINDING),
    Command("init", InitRequest, "simdsl.cli.init:init", WRITING),
    Command("check", CheckRequest, "simdsl.cli.check:check", WRITING),
    Command("fmt", FmtRequest, "simdsl.cli.fmt:fmt", WRITING),
    Command("generate", GenerateRequest, "simdsl.cli.generate:generate", WRITING),
    Command("explain", ExplainRequest, "simdsl.cli.explain:explain", LOOKING_UP),
    Command("properties", PropertiesRequest, "simdsl.cli.explain:properties", LOOKING_UP),
    Command("backends", BackendsRequest, "simdsl.cli.explain:backends", LOOKING_UP),
    Command("profile list", ProfileListRequest, "simdsl.cli.profile:list_profiles", LOOKING_UP),
    Command("profile show", ProfileShowRequest, "simdsl.cli.profile:show_profile", LOOKING_UP),
    Command("profile check", ProfileCheckRequest, "simdsl.cli.profile:check_profiles", LOOKING_UP),
    Command("schema", SchemaRequest, "simdsl.cli.init:schema", LOOKING_UP),
)
"""Every command, in the order of the help."""


GROUPS: Final = {
    "bugs": "List, show, replay, mark and prune stored bugs.",
    "profile": "List, show and check the profiles of generated plans.",
}
"""The groups of commands, with their help."""


HELP_NAMES: Final = ("--help", "-h")


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> tuple[Command, Request] | None:
    """The command and its request, or None for everything that is not a complete and correct command line."""
    command, rest = find_command(arguments)
    if command is None or is_completion():
        return None
    reader = _Reader(command.request, rest)
    try:
        values = reader.values(environment)
    except _LeftToTyper:
        return None
    return command, command.request(**values)


def is_completion() -> bool:
    """Whether a shell asks for completions, which typer answers."""
    return "_SIMDSL_COMPLETE" in os.environ


def find_command(arguments: Sequence[str]) -> tuple[Command | None, Sequence[str]]:
    """The command that the first word, or the first two, name, and what follows."""
    if len(arguments) > 1 and arguments[0] in GROUPS:
        return COMMANDS.get(" ".join(arguments[:2])), arguments[2:]
    return COMMANDS.get(arguments[0]) if arguments else None, arguments[1:]


def with_current_names(command: Command, arguments: Sequence[str]) -> Iterator[str]:
    """The same arguments with the current spelling in place of older ones.

    A value that looks like an older spelling is replaced too, which only shows in the wording of a mistake: a correct
    command line never comes here.
    """
    current = {alias: field.option.name for field in command.request.fields.values() for alias in field.option.aliases}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        yield f"{current.get(name, name)}{equals}{value}"


class _LeftToTyper(Exception):
    """Typer has to answer: with help or a mistake in its words, or because it is too unusual for the fast path."""


class _Reader:
    """Reads the arguments of one command, by the rules of POSIX and GNU that typer follows too."""

    def __init__(self, request: type[Request], arguments: Sequence[str]) -> None:
        self._request = request
        self._left = list(reversed(arguments))  # a stack: what is read next is popped from its end
        self._values: dict[str, Any] = {}
        self._positional: list[str] = []
        self._options: dict[str, tuple[Field, bool]] = {}
        for field in request.fields.values():
            for name in (*field.option.names, *field.option.aliases):
                self._options[name] = field, True
            if field.option.off is not None:
                self._options[field.option.off] = field, False

    def values(self, environment: Mapping[str, str]) -> dict[str, Any]:
        while self._left:
            argument = self._left.pop()
            if argument == "--":  # everything behind it is an argument, even with a dash in front
                self._positional += reversed(self._left)
                break
            if argument.startswith("--"):
                self._long(argument)
            elif argument.startswith("-") and argument != "-":  # a lone dash is standard input
                self._short(argument)
            else:
                self._positional.append(argument)
        self._take_positional()
        for name, field in self._request.fields.items():
            if name in self._values:
                continue
            # An empty variable counts as none, as it does for typer.
            if field.option.variable is not None and (given := environment.get(field.option.variable)):
                self._values[name] = _converted(field, given)
            elif field.is_required:
                raise _LeftToTyper
        return {name: tuple(value) if isinstance(value, list) else value for name, value in self._values.items()}

    def _long(self, argument: str) -> None:
        name, equals, value = argument.partition("=")
        field, is_on = self._find(name)
        if field.is_flag:
            if equals:  # `--json=yes` is a mistake
                raise _LeftToTyper
            self._set_flag(field, is_on)
        elif equals:
            self._set(field, value)
        else:
            self._set(field, self._following())

    def _short(self, argument: str) -> None:
        """``-b URL``, ``-bURL``, or flags together: ``-qx``."""
        field, _ = self._find(argument[:2])
        if field.is_flag:
            for letter in argument[1:]:
                one, is_on = self._find(f"-{letter}")
                if not one.is_flag:  # `-qb URL` is allowed by POSIX, and too rare to be worth a second implementation
                    raise _LeftToTyper
                self._set_flag(one, is_on)
        else:
            self._set(field, argument[2:] or self._following())

    def _find(self, name: str) -> tuple[Field, bool]:
        try:
            return self._options[name]
        except KeyError:  # --help is here too
            raise _LeftToTyper from None

    def _following(self) -> str:
        if not self._left:
            raise _LeftToTyper
        return self._left.pop()  # even if it begins with a dash: `-k -slow` filters by a word

    def _set_flag(self, field: Field, is_on: bool) -> None:
        if field.option.counts:
            self._values[field.name] = self._values.get(field.name, 0) + 1
        else:
            self._values[field.name] = is_on

    def _set(self, field: Field, text: str) -> None:
        value = _converted(field, text)
        if field.repeats:
            self._values.setdefault(field.name, []).append(value)
        else:
            self._values[field.name] = value  # the last one of several counts

    def _take_positional(self) -> None:
        for name, field in self._request.fields.items():
            if not field.option.is_argument:
                continue
            if field.repeats:
                if self._positional:
                    self._values[name] = [_converted(field, text) for text in self._positional]
                return
            if self._positional:
                self._values[name] = _converted(field, self._positional.pop(0))
        if self._positional:
            raise _LeftToTyper


def _converted(field: Field, text: str) -> Any:
    """A value of the field's type."""
    try:
        value = field.type(text)
    except ValueError:
        raise _LeftToTyper from None
    if field.option.minimum is not None and value < field.option.minimum:
        raise _LeftToTyper
    if field.option.choices and value not in field.option.choices:
        raise _LeftToTyper
    return value


COMMANDS_WITH_EXIT_CODES: Final = frozenset({"run", "campaign"})
SUMMARY: Final = "One plan, any backend, every interleaving."
_NARROWEST: Final = 40
_WIDEST: Final = 100
_OPTIONS: Final = (
    ("--version", "Show the version and exit."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Print the completion script of the current shell."),
    ("-h, --help", "Show this message and exit."),
)


def root_help() -> str:
    """What ``simdsl --help`` prints: it is asked for often, so it is written without typer, which takes 45 ms to import."""
    width = max(_NARROWEST, min(_columns() - 1, _WIDEST))
    return "\n".join(_lines(width)) + "\n"


def _columns() -> int:
    """The width of the terminal. That of `shutil` is the same, and costs 5 ms to import."""
    try:
        return int(os.environ["COLUMNS"])  # as a shell sets it, and tests do
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80


def version_line() -> str:
    """What ``simdsl --version`` prints."""
    return f"simdsl {__version__}"


def _lines(width: int) -> Iterator[str]:
    yield "Usage: simdsl [OPTIONS] COMMAND [ARGS]..."
    yield ""
    yield from _paragraph(f"{SUMMARY} `simdsl COMMAND --help` explains a command.", width)
    headings: dict[str, dict[str, str]] = {}
    for name, command in COMMANDS.items():
        first = name.partition(" ")[0]
        headings.setdefault(command.heading, {})[first] = GROUPS.get(first) or command.summary
    for heading, entries in headings.items():
        yield ""
        yield f"{heading}:"
        yield from _table(entries.items(), width)
    yield ""
    yield "Options:"
    yield from _table(_OPTIONS, width)
    yield ""
    yield from _paragraph(EXIT_CODES, width)


def _paragraph(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def _table(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Names on the left, wrapped text on the right, in the same columns for every table."""
    column = max(map(len, dict(_OPTIONS))) + 2  # no command has a name as long as the longest option
    for name, text in rows:
        yield from textwrap.wrap(
            text, width, initial_indent=f"  {name:<{column}}", subsequent_indent=" " * (column + 2), break_on_hyphens=False
        )
