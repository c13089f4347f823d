"""Statements that differ only in their literals: cutting the literals out, and putting them back elsewhere.

A statement is known again by what is left when its literals are taken out, as lines are in `simdsl.syntax.sql_lines`. A
literal is an integer, a decimal number or a text without a backslash. The first statement of its kind is tokenised: if
something cut out is no literal there, but stands in a comment or in a name, nothing is taken out of statements like it.
Equal rests are then cut at equal places, since no literal holds a quote that is not doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import Sql, Variable

_LITERAL: Final = lazy_regex(
    r"""([0-9'](?:
        (?<=')(?<![\w]') [^'\\\0]*+ (?:''[^'\\\0]*+)*+ '                                       # text
      | (?<![\w$?:@."`\]][0-9]) (?:(?<=0)|(?<=[1-9])[0-9]{0,17}) (?:\.[0-9]{1,15})? (?![\w.$])   # a number
    ))""",
    re.VERBOSE,
)
_TEXT: Final = lazy_regex(r"'(?:[^']|'')*+'")
SPLIT: Final = _LITERAL.split
"""Cut a text into what is left and its literals, in turn."""


def literal_types(literals: Sequence[str]) -> str:
    """The types of literals, a letter each: a text, an integer, a decimal number."""
    return "".join(["t" if one[0] == "'" else "d" if "." in one else "i" for one in literals])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """Words that stand for the literals and the variables of a statement while it is carried; none occurs in it itself."""

    letters: str
    number: int

    @classmethod
    def for_text(cls, text: str) -> Placeholders:
        """Marks that do not occur in the text."""
        letters, number = "zq", 7_310_958_000_000
        while letters in text.lower():
            letters += "q"
        while str(number)[:7] in text:
            number += 1_000_000
        return cls(letters=letters, number=number)

    def of_literal(self, index: int, literal: str) -> tuple[str, str]:
        """What stands for a literal in the text, and how it is called in a tree."""
        if literal[0] == "'":
            return f"'{self.letters}t{index}x'", f"{self.letters}t{index}x"
        number = f"{self.number + index}{'.5' if '.' in literal else ''}"
        return number, number

    def of_variable(self, index: int, *, is_name: bool) -> tuple[str, str]:
        """What stands for a variable in the text, and how it is called in a tree."""
        if is_name:
            return f'"{self.letters}n{index}x"', f"{self.letters}n{index}x"
        return f":{self.letters}v{index}x", f"{self.letters}v{index}x"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTemplate:
    """A statement in the target's dialect, in pieces. ``holes`` are the pieces that a literal fills, and which one."""

    pieces: tuple[str | Variable, ...]
    holes: tuple[tuple[int, int], ...]

    def filled(self, literals: Sequence[str], quoted: Callable[[str], str] | None) -> tuple[str | Variable, ...]:
        """The fragments of the statement with these literals; ``quoted`` writes a text as the target wants it."""
        pieces = list(self.pieces)
        for at, index in self.holes:
            literal = literals[index]
            pieces[at] = literal if quoted is None else quoted(literal)
        try:
            return ("".join(pieces),)  # type: ignore[arg-type]  # a Var among them is the error below
        except TypeError:
            return _merged(pieces)


def make_template(text: str, marks: Placeholders, literals: dict[str, int], variables: dict[str, Variable]) -> SqlTemplate:
    """A text cut at its marks: literals by their index, variables by their marks."""
    word = rf"{marks.letters}[tvn]\d+x|\d{{13,}}(?:\.5)?"
    pieces: list[str | Variable] = []
    holes: list[tuple[int, int]] = []
    position = 0
    for found in re.finditer(rf"N?'(?P<text>{word})'|[\"\[`](?P<name>{word})[\"\]`]|(?<!\w)(?P<bare>{word})(?!\w)", text):
        mark = found.group("text") or found.group("name") or found.group("bare")
        if mark not in variables and mark not in literals:
            continue  # a long number of the statement's own
        pieces.append(text[position : found.start()])
        if mark in variables:
            pieces.append(variables[mark])
        else:
            holes.append((len(pieces), literals[mark]))
            pieces.append("")
        position = found.end()
    pieces.append(text[position:])
    return SqlTemplate(pieces=tuple(pieces), holes=tuple(holes))


def string_literals(text: str) -> list[str]:
    """The texts in a statement as simdsl or sqlglot has written it, with their quotes."""
    return _TEXT.findall(text)


def all_cuts_are_tokens(sql: Sql, tokens: set[tuple[int, int]]) -> bool:
    """Whether everything that is cut out of a statement is a token of it."""
    position = 0
    for index, part in enumerate(SPLIT(sql.text)):
        if index % 2 and (position, position + len(part)) not in tokens:
            return False
        position += len(part)
    return True


def _merged(pieces: Sequence[str | Variable]) -> tuple[str | Variable, ...]:
    """Neighbouring texts as one, empty ones left out."""
    merged: list[str | Variable] = []
    for piece in pieces:
        if isinstance(piece, Variable):
            merged.append(piece)
        elif merged and isinstance(merged[-1], str):
            merged[-1] += piece
        elif piece:
            merged.append(piece)
    return tuple(merged)
