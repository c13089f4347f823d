"""Collecting what is wrong with an input, and guessing what was meant. Nothing stops at the first mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Location, Path, Problem, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseIssue:
    """What is wrong within a text whose location in the plan is not known here. Offsets are code points of that text."""

    code: Code
    message: str
    start: int = 0
    end: int | None = None
    help: str | None = None

    def shifted(self, by: int) -> ParseIssue:
        """The same issue in a longer text, in which this one begins at offset ``by``."""
        end = None if self.end is None else self.end + by
        return ParseIssue(code=self.code, message=self.message, start=self.start + by, end=end, help=self.help)


class ParseError(Exception):
    """A text could not be parsed. ``issues`` is everything that is wrong with it, at least one issue."""

    def __init__(self, *issues: ParseIssue) -> None:
        super().__init__("; ".join(issue.message for issue in issues))
        self.issues = issues


MAX_PROBLEMS: Final = 1_000
"""How many errors, and how many warnings, of one file are collected.

A program that writes plans makes one mistake 100,000 times. Explaining each (where it stands, what was meant) took 90 s
and said nothing new.
"""


class TooManyErrors(Exception):
    """``MAX_PROBLEMS`` errors were collected, so the rest of the file is not looked at."""


class Problems:
    """The problems of one load, without those at places that the reader has already reported.

    ``is_cut`` tells whether there were more than are collected. Only errors end the load (by ``TooManyErrors``): a plan
    with nothing but warnings, however many, is a plan.
    """

    __slots__ = ("_is_refused", "_problems", "_warnings", "is_cut")

    def __init__(self, is_refused: Callable[[Path], bool]) -> None:
        self._is_refused = is_refused
        self._problems: list[Problem] = []
        self._warnings = 0
        self.is_cut = False

    def add(self, code: Code, message: str, path: Path, *, key: bool = False, help: str | None = None) -> None:  # noqa: A002
        """Report a problem at a path, or with the key at the end of the path."""
        self._put(Problem(code=code, message=message, at=Location(path=path, key=key), help=help))

    def add_issue(self, issue: ParseIssue, path: Path) -> None:
        """Report an issue of the text at a path."""
        at = Location(path=path, start=issue.start, end=issue.end)
        self._put(Problem(code=issue.code, message=issue.message, at=at, help=issue.help))

    @property
    def found(self) -> Sequence[Problem]:
        """Everything so far, in the order in which it was found, which is not that of the file."""
        return self._problems

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def has_errors(self) -> bool:
        """Whether anything so far is an error, so that there will be no plan."""
        return len(self._problems) > self._warnings

    def _put(self, problem: Problem) -> None:
        if self._is_refused(problem.at.path):
            return
        if problem.severity is Severity.WARNING:
            if self._warnings == MAX_PROBLEMS:
                self.is_cut = True
                return
            self._warnings += 1
        elif len(self._problems) - self._warnings == MAX_PROBLEMS:
            self.is_cut = True
            raise TooManyErrors
        self._problems.append(replace(problem, message=_one_line(problem.message)))


def _one_line(message: str) -> str:
    """A message as one line of bounded length: it may quote 16 MB of text that a plan has in the place of a name."""
    line = message.replace("\n", " ").replace("\r", " ")
    return line if len(line) <= _MAX_MESSAGE else f"{line[: _MAX_MESSAGE - 3]}..."


def nearest(word: str, options: Collection[str]) -> str | None:
    """The option that was probably meant, or None."""
    if len(options) > MAX_OPTIONS:
        # Comparing one word takes about 10 us: among the variables of a plan of 100,000 steps, a second for each mistake.
        return None
    import difflib  # start-up: only for a word that is unknown

    found = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, options: Collection[str]) -> str | None:
    """A line of help that names the nearest option, or all of them where they are few."""
    option = nearest(word, options)
    if option is not None:
        return f"did you mean `{option}`?"
    return f"one of: {', '.join(f'`{option}`' for option in options)}" if 0 < len(options) <= 12 else None


def within_one_edit(word: str, other: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours turns one word into the other."""
    if abs(len(word) - len(other)) > 1:
        return False
    short, long = sorted((word, other), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        swapped = short[start + 1 : start + 2] + short[start : start + 1]
        return short[start + 1 :] == long[start + 1 :] or (
            swapped == long[start : start + 2] and short[start + 2 :] == long[start + 2 :]
        )
    return short[start:] == long[start + 1 :]


_MAX_MESSAGE: Final = 300
MAX_OPTIONS: Final = 1_000
"""Among how many names a mistyped one is looked for."""
