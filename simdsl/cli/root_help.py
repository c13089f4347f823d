"""The help of ``simdsl`` itself: the list of commands. The help of each command is written by typer."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from simdsl import __version__
from simdsl.cli.commands import COMMANDS, GROUPS
from simdsl.cli.exits import EXIT_CODES

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
        return int(os.environ["COLUMNS"])
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
    column = max(map(len, dict(_OPTIONS))) + 2
    for name, text in rows:
        yield from textwrap.wrap(
            text, width, initial_indent=f"  {name:<{column}}", subsequent_indent=" " * (column + 2), break_on_hyphens=False
        )
