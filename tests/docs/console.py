"""Blocks of commands: run them as a reader would, and compare what they print with what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.blocks import ROOT, Block, blocks

_RUNNABLE: Final = re.compile(r"(?:[A-Z_]+=\S+ )*(?:(?:simdsl|cat|ls)(?: |$)|python \w+\.py$)")
# What differs from call to call or from machine to machine, and what stands for it in a comparison.
_VOLATILE: Final = tuple(
    (re.compile(pattern, re.MULTILINE), mask)
    for pattern, mask in (
        (r"(\bseed |--seed |^seed: |\"seed\":)\d+", r"\1N"),
        (r"\b[0-9a-f]{16}\b", "DIGEST"),
        (r"SQLite \d[\d.]*", "SQLite V"),
        (r"(sqlite3 \(stdlib\)) \d[\d.]*", r"\1 V"),
        (r"PostgreSQL \d[\d.]* from [\w /.-]+", "PostgreSQL V"),
        (r"psycopg \(\w+\)", "psycopg"),
        (r"Turso \d[\d.]*", "Turso V"),
        (r"QueuePool \d[\w.]*", "QueuePool V"),
        (r"simdsl \d+\.\d+[\w.]*", "simdsl V"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command and the output that the page shows for it; None if it shows none."""

    text: str
    output: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command and what came of it."""

    command: Command
    output: str
    exit_code: int


def commands(block: Block) -> list[Command]:
    """The commands of a block; a line that ends in a backslash goes on in the next one."""
    found: list[Command] = []
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        head = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n", part)
        assert head is not None, block.place
        output = part[head.end() :]
        found.append(Command(text=head[0].rstrip("\n"), output=output if output.strip() else None))
    return found


def is_runnable(block: Block) -> bool:
    """Whether every command is one that a test may run."""
    return all(_RUNNABLE.match(command.text) for command in commands(block))


def run_page(page: Path, folder: Path) -> Iterator[tuple[Block, list[Ran]]]:
    """Follow a page from its top to its end in one folder: write its files, run its commands."""
    environment = _environment(folder)
    work = folder / "work"
    work.mkdir()
    (work / "plans").symlink_to(ROOT / "plans")
    for block in blocks(page):
        if block.file is not None:
            (work / block.file).parent.mkdir(parents=True, exist_ok=True)
            (work / block.file).write_text(block.body, encoding="utf-8")
        elif block.language == "console" and block.is_run:
            yield block, [_run(command, work, environment) for command in commands(block)]


def agrees(shown: str, came: str) -> bool:
    """Whether an output is what the page shows. A line of three dots stands for any lines."""
    wanted = re.escape(masked(shown).rstrip("\n"))
    pattern = re.sub(r"^\\\.\\\.\\\.(?:\\\n|\Z)", r"(?:.*\\n)*?", wanted, flags=re.MULTILINE)
    return re.fullmatch(pattern, masked(came).rstrip("\n") + ("\n" if pattern.endswith("*?") else "")) is not None


def masked(text: str) -> str:
    """A text without what is volatile in it, and without blanks at the ends of lines."""
    for pattern, mask in _VOLATILE:
        text = pattern.sub(mask, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _run(command: Command, folder: Path, environment: dict[str, str]) -> Ran:
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        check=False,
    )
    return Ran(command=command, output=done.stdout, exit_code=done.returncode)


def _environment(folder: Path) -> dict[str, str]:
    """A `simdsl` and a `python` that find this checkout, as installed ones would: the folder is not on their path."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, arguments in (("simdsl", "-P -c 'from simdsl.cli.main import entry; entry()'"), ("python", "")):
        script = bin_ / name
        script.write_text(
            "#!/usr/bin/env bash\n"
            f'export PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}{ROOT}"\n'
            f"exec '{sys.executable}' {arguments} \"$@\"\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    speaking = ("PYTHONPATH", "SIMDSL_BACKEND", "GITHUB_ACTIONS")
    kept = {name: value for name, value in os.environ.items() if name not in speaking}
    path = f"{bin_}:{os.environ.get('PATH', '')}"
    return kept | {"PATH": path, "COLUMNS": "96", "NO_COLOR": "1", "CI": "1"}
