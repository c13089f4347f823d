"""One word for one thing: what the glossary calls by one name has no other name in pages, help, messages and docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, pages

GLOSSARY = (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")

REPLACED = {
    r"judg(?:e|es|ed|ing|ement)": "check, evaluate; in counts: assertions",
    r"missed expectations?": "expectation failed, mismatch",
    r"quiet points?": "quiescent point",
    r"park(?:ed|s|ing)": "blocked, suspended",
    r"deeds?": "action",
    r"strands?": "task, thread",
    r"arenas?": "run context",
    r"worlds?": "database",
    r"plans? that nobody wrote": "generated plans",
    r"fails? alike": "has the same failure",
    r"the order so far": "steps so far",
    r"nothing is selected": "no plans selected",
    r"what proves it": "evidence",
    r"words? of (?:the|a) schedule": "schedule entry",
    r"mend(?:s|ed|ing)?": "rewrite",
    r"cannot be carried": "cannot be translated",
    r"carried (?:over )?to": "translated to",
    r"looped": "ran N times",
    r"give[sn]? back|gave back|give it back|gives it back": "return, release",
    r"last words": "crash journal",
    r"tally|tallies": "summary, counts",
}
"""What is not said, as a regular expression over whole words, and what is said instead."""

PACKAGE = ROOT / "simdsl"
CODE_PAGES = sorted((PACKAGE / "plan" / "pages").glob("*.md"))
_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"``.+?``|`[^`\n]+`", re.DOTALL)


def prose(path: Path) -> str:
    """The text of a page without its blocks and its inline code, whose words are those of files and options."""
    return _INLINE.sub("", _FENCED.sub("", path.read_text(encoding="utf-8")))


def sentences(path: Path) -> Iterator[str]:
    """The docstrings and messages of a module: every constant text of several words, without what it quotes as code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield _INLINE.sub("", node.value)


def others(text: str) -> list[str]:
    """The words of a text that have a better one, each with it."""
    return [
        f"`{found}`: say {better}"
        for word, better in REPLACED.items()
        for found in re.findall(rf"\b(?:{word})\b", text, re.IGNORECASE)
    ]


def test_the_list_finds_what_it_is_for() -> None:
    assert others("A step that is parked is judged later; plans that nobody wrote.") == [
        "`judged`: say check, evaluate; in counts: assertions",
        "`parked`: say blocked, suspended",
        "`plans that nobody wrote`: say generated plans",
    ]
    assert others("The step is blocked until it is checked.") == []


def test_the_glossary_defines_enough_and_uses_its_own_words() -> None:
    assert len(re.findall(r"^\*\*[\w -]+\*\*: ", GLOSSARY, re.MULTILINE)) >= 30
    assert others(GLOSSARY) == []


# A decision and the log of changes keep the words of their day; measured pages are written by their own commands.
PAGES = [page for page in pages() if page.parent.name != "adr" and page.name not in ("CHANGELOG.md", "benchmarks.md")]


@pytest.mark.parametrize("page", [*PAGES, *CODE_PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    assert others(prose(page)) == []


@pytest.mark.parametrize("package", sorted({path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}))
def test_docstrings_and_messages_use_the_words_of_the_glossary(package: str) -> None:
    root = PACKAGE / package
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in ([root] if root.is_file() else sorted(root.rglob("*.py")))
        if (wrong := [word for text in sentences(path) for word in others(text)])
    }
    assert found == {}
