"""The fast path from a command line to the request of its command.

Importing typer takes 45 ms of CPU, four times what a bare interpreter takes; most command lines need none of what it can
do. So a command line that is complete and correct is read here, and every other one (a request for help, a mistake, a
shell that completes a word) is left to ``typer_app``, which words the answer. Both read the same declarations, and a
test compares them over generated command lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from simdsl.cli.commands import COMMANDS, GROUPS, Command
from simdsl.cli.options import Field, Request

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
    """The same arguments with the current spelling in place of older ones."""
    current = {alias: field.option.name for field in command.request.fields.values() for alias in field.option.aliases}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        yield f"{current.get(name, name)}{equals}{value}"


class _LeftToTyper(Exception):
    """The rest is not for the fast path."""


class _Reader:
    """Reads the arguments of one command, by the rules of POSIX and GNU that typer follows too."""

    def __init__(self, request: type[Request], arguments: Sequence[str]) -> None:
        self._request = request
        self._left = list(reversed(arguments))
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
            if argument == "--":
                self._positional += reversed(self._left)
                break
            if argument.startswith("--"):
                self._long(argument)
            elif argument.startswith("-") and argument != "-":
                self._short(argument)
            else:
                self._positional.append(argument)
        self._take_positional()
        for name, field in self._request.fields.items():
            if name in self._values:
                continue
            if field.option.variable is not None and (given := environment.get(field.option.variable)):
                self._values[name] = _converted(field, given)
            elif field.is_required:
                raise _LeftToTyper
        return {name: tuple(value) if isinstance(value, list) else value for name, value in self._values.items()}

    def _long(self, argument: str) -> None:
        name, equals, value = argument.partition("=")
        field, is_on = self._find(name)
        if field.is_flag:
            if equals:
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
                if not one.is_flag:
                    raise _LeftToTyper
                self._set_flag(one, is_on)
        else:
            self._set(field, argument[2:] or self._following())

    def _find(self, name: str) -> tuple[Field, bool]:
        try:
            return self._options[name]
        except KeyError:
            raise _LeftToTyper from None

    def _following(self) -> str:
        if not self._left:
            raise _LeftToTyper
        return self._left.pop()

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
            self._values[field.name] = value

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
    return value
