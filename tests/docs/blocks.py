"""The fenced blocks of a Markdown page, and the note above each that says what a test makes of it.

A note is a comment on the line above a fence, so that a reader does not see it::

    <!-- bank.yaml: fails -->       the block is the file bank.yaml, a plan that fails
    <!-- bank.yaml -->              the block is the file bank.yaml
    <!-- refused G201 R015 -->      a plan that is refused with exactly these codes
    <!-- exit 1 -->                 commands of which the last one ends with this exit code
    <!-- not run: needs a network -->   nobody tries this

Without a note a plan holds and commands end with 0. A block of YAML is a plan if it has the key ``simdsl``. A block of
Python that begins with ``# bank.py`` is that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
VERDICTS: Final = ("holds", "fails", "warns", "skips")

_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_NOTE: Final = re.compile(r"<!-- (.+) -->")
_FILE: Final = re.compile(r"[\w./-]+\.(?:yaml|json|py|jsonl|toml)")
_NAMED: Final = re.compile(r"# (\w+\.py)\n")
_IS_PLAN: Final = re.compile(r"^simdsl:", re.MULTILINE)
_IS_PROFILE: Final = re.compile(r"^profile:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. ``start`` and ``end`` are the offsets of its body in the page's text."""

    page: Path
    line: int
    language: str
    body: str
    start: int
    end: int
    file: str | None = None
    verdict: str | None = None  # of a plan; "refused" has codes
    codes: tuple[str, ...] = ()
    exit_code: int = 0
    is_run: bool = True

    @property
    def is_plan(self) -> bool:
        """Whether it is a whole plan."""
        is_ours = self.language == "yaml" and _IS_PLAN.search(self.body) is not None
        return is_ours and _IS_PROFILE.search(self.body) is None

    @property
    def place(self) -> str:
        """The page and the line of the fence."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people write. The list of codes is a copy of their pages, whose examples are tested elsewhere."""
    top = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return [*top, *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "codes.md")]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in its order. Raises ``ValueError`` for a note that means nothing."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        above = text[: match.start()].rstrip("\n").rpartition("\n")[2].strip()
        found = _NOTE.fullmatch(above)
        indent = match["indent"]
        yield _noted(
            Block(
                page=page,
                line=text.count("\n", 0, match.start()) + 1,
                language=match["language"],
                body="".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True)),
                start=match.start("body"),
                end=match.end("body"),
            ),
            found[1] if found else "",
        )


def _noted(block: Block, note: str) -> Block:
    file: str | None = None
    verdict: str | None = None
    codes: list[str] = []
    exit_code, is_run = 0, True
    if block.language == "python" and (named := _NAMED.match(block.body)):
        file = named[1]
    head, colon, rest = note.partition(": ")
    if _FILE.fullmatch(head):
        file, note = head, rest
    if head == "not run":
        is_run, note = False, ""
        if not colon:
            raise ValueError(f"{block.place}: say why it is not run")
    words = note.split()
    match words:
        case []:
            verdict = "holds" if block.is_plan else None
        case [word] if word in VERDICTS:
            verdict = word
        case ["refused", *codes] if codes:
            verdict = "refused"
        case ["exit", number] if number.isdecimal():
            exit_code = int(number)
        case _:
            raise ValueError(f"{block.place}: the note `{note}` means nothing")
    return Block(
        page=block.page,
        line=block.line,
        language=block.language,
        body=block.body,
        start=block.start,
        end=block.end,
        file=file,
        verdict=verdict if is_run else None,
        codes=tuple(codes),
        exit_code=exit_code,
        is_run=is_run,
    )
