"""Find, read and load the files that PATHS name on the command line.

A file is taken as named. A directory is searched recursively in name order, without hidden files; inside one, only files
that look like a plan count (a top-level key ``simdsl``, or ``plan`` with ``steps`` or ``tasks``), so other YAML and JSON
may lie beside plans. A pattern (``*`` ``?`` ``[``) is expanded unless a file of exactly that name exists. ``FILE:LINE``
is the step at that line.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from simdsl.cli.output import usage
from simdsl.language.load import check
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.plan.regexes import lazy_regex
from simdsl.syntax.document import Document
from simdsl.syntax.files import MAX_BYTES, ReadResult, read_bytes, read_file

SUFFIXES: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"

# A plan has its keys at the top; a large JSON export beside plans must not be read as a whole.
_SNIFFED_BYTES: Final = 64 * 1024
_LINE: Final = lazy_regex(r"(?P<file>.+):(?P<line>[0-9]+)")
_YAML_KEY: Final = lazy_regex(rb"""^["']?([a-z]+)["']?[ \t]*:(?=\s|$)""", re.MULTILINE)
_JSON_TOKEN: Final = lazy_regex(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPath:
    """A file to work on, and the line at which to stop, if one was given."""

    file: str
    line: int | None = None

    @property
    def text(self) -> str:
        """As the command line would name it again."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPaths:
    """The files in the order of the arguments, each once, and what could not be looked at."""

    targets: tuple[PlanPath, ...]
    problems: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPlan:
    """A file that was read. ``plan`` is None if it is wrong; ``diagnostics`` are in the order of its text."""

    target: PlanPath
    document: Document | None
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]


def find_files(arguments: Iterable[str], *, lines: bool = False) -> FoundPaths:
    """The files that the arguments mean; ``lines`` allows ``FILE:LINE``. Raises ``Stop`` if there are no arguments."""
    targets: dict[tuple[str, int | None], PlanPath] = {}
    problems: list[Diagnostic] = []
    arguments = list(arguments)
    if not arguments:
        raise usage(Code.U001, "no path was given", help="name a plan, a directory or a pattern: simdsl run plans/")
    for argument in arguments:
        for target in _expand(argument, lines, problems):
            # A directory and a file in it may both be named, or a link and its target: each file is run once.
            targets.setdefault((os.path.realpath(target.file), target.line), target)
    return FoundPaths(targets=tuple(targets.values()), problems=tuple(problems))


def open_plans(found: FoundPaths, stdin_filename: str | None = None) -> list[OpenedPlan]:
    """Every file, read and loaded. ``stdin_filename`` is what standard input is called."""
    return [_open(target, stdin_filename) for target in found.targets]


def read_path(target: PlanPath, stdin_filename: str | None = None) -> ReadResult:
    """A file, or standard input if it is called ``-``."""
    if target.file == STDIN:
        return read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), stdin_filename or "<stdin>")
    return read_file(target.file)


def looks_like_a_plan(head: bytes, *, is_json: bool) -> bool:
    """Whether the beginning of a file has the keys of a plan at its top level."""
    keys = _json_keys(head) if is_json or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else set(_YAML_KEY.findall(head))
    return b"simdsl" in keys or (b"plan" in keys and not keys.isdisjoint({b"steps", b"tasks", b"workload"}))


def _open(target: PlanPath, stdin_filename: str | None) -> OpenedPlan:
    checked = check(read_path(target, stdin_filename))
    return OpenedPlan(target=target, document=checked.document, plan=checked.plan, diagnostics=checked.diagnostics)


def _expand(argument: str, lines: bool, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    if os.path.isdir(argument):
        yield from _search(argument, problems)
        return
    if os.path.lexists(argument) or argument == STDIN:
        yield PlanPath(file=argument)
        return
    match = _LINE.fullmatch(argument) if lines else None
    if match is not None and os.path.lexists(match["file"]) and not os.path.isdir(match["file"]):
        yield PlanPath(file=match["file"], line=int(match["line"]))
        return
    if glob.has_magic(argument):
        yield from _matching(argument, problems)
        return
    problems.append(Diagnostic(code=Code.F001, message=Code.F001.title, file=argument, help=_nearby(argument)))


def _matching(pattern: str, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        problems.append(Diagnostic(code=Code.U002, message="this pattern matches no file", file=pattern))
    for path in found:
        if os.path.isdir(path):
            # `**` meets directories on its way; what is in them it meets too.
            if "**" not in pattern:
                yield from _search(path, problems)
        else:
            yield PlanPath(file=path)


def _search(directory: str, problems: list[Diagnostic]) -> Iterator[PlanPath]:
    def refuse(error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        problems.append(Diagnostic(code=Code.F002, message=message, file=str(error.filename or directory)))

    paths: list[str] = []
    for folder, inner, names in os.walk(directory, onerror=refuse):
        inner[:] = [name for name in inner if not name.startswith(".")]
        paths += [os.path.join(folder, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
    for path in sorted(paths, key=lambda path: path.split(os.sep)):
        if _is_plan(path, refuse):
            yield PlanPath(file=path)


def _is_plan(path: str, refuse: Callable[[OSError], None]) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return looks_like_a_plan(file.read(_SNIFFED_BYTES), is_json=path.endswith(".json"))
    except OSError as error:
        refuse(error)
        return False


def _json_keys(head: bytes) -> set[bytes]:
    keys: set[bytes] = set()
    depth = 0
    for match in _JSON_TOKEN.finditer(head):
        token = match.group()
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and match[1] is not None:
            keys.add(token[1 : token.index(b'"', 1)])
    return keys


def _nearby(path: str) -> str | None:
    """The name in the same directory that was probably meant."""
    import difflib  # start-up: only for a path that does not exist

    folder, name = os.path.split(path)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return None
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{os.path.join(folder, close[0])}`?" if close else None
