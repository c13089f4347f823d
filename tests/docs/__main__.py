"""`python -m tests.docs [PAGE...]`: run the commands of the pages and write what they print into the pages.

What a page shows only in part (a line of three dots) is left as it is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.blocks import ROOT, pages
from tests.docs.console import Ran, agrees, is_runnable, run_page


def main(arguments: list[str]) -> int:
    """Exit 0 whatever was printed; the tests judge."""
    for page in [Path(argument).resolve() for argument in arguments] or pages():
        _rewrite(page)
    return 0


def _rewrite(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    edits: list[tuple[int, int, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for block, ran in run_page(page, Path(folder)):
            if not is_runnable(block):
                print(f"{block.place}: not runnable")
                continue
            for one in ran:
                if one.exit_code != block.exit_code:
                    print(f"{block.place}: `{one.command.text}` exits with {one.exit_code}, not {block.exit_code}")
            edits.append((block.start, block.end, "".join(map(_shown, ran))))
    for start, end, body in reversed(edits):
        if text[start:end] != body:
            print(f"{page.relative_to(ROOT)}: rewritten at offset {start}")
        text = text[:start] + body + text[end:]
    page.write_text(text, encoding="utf-8")


def _shown(ran: Ran) -> str:
    shown = ran.command.output
    head = f"$ {ran.command.text}\n"
    if shown is None:
        return head
    if agrees(shown, ran.output) or "\n...\n" in f"\n{shown}":
        return head + shown
    gap = "\n" if shown.endswith("\n\n") else ""
    return head + "".join(f"{line.rstrip()}\n" for line in ran.output.rstrip("\n").split("\n")) + gap


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
