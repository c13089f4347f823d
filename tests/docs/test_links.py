"""Every relative link of the documentation leads somewhere, and every page can be reached from its index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, pages

_PAGES = [*pages(), ROOT / "docs" / "reference" / "codes.md"]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


def _text(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def _links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(_text(page)) if not re.match(r"[a-z]+:", link)]


def _anchor(heading: str) -> str:
    """As GitHub makes them: lower case, no punctuation, hyphens for blanks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page.relative_to(ROOT)}: {link}"
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in map(_anchor, _HEADING.findall(_text(target))), f"{page.relative_to(ROOT)}: {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    front = [ROOT / "README.md"]
    while front:
        page = front.pop()
        seen.add(page)
        targets = ((page.parent / link.partition("#")[0]).resolve() for link in _links(page))
        front += [t for t in dict.fromkeys(targets) if t.suffix == ".md" and t.is_file() and t not in seen]
    assert [str(page.relative_to(ROOT)) for page in _PAGES if page not in seen] == []


@pytest.mark.parametrize("page", ["docs/ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_map_names_files_that_exist(page: str) -> None:
    """Placeholders such as NAME are in upper case; what is about to be added is named as an example."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:simdsl|tests|docs|grammar|plans|\.ci)/[\w./-]+)`", text)
    new = {"simdsl/verbs/note.py", "tests/verbs/test_note.py", "simdsl/cli/import_.py"}
    assert named
    missing = [name for name in named if not re.search(r"[A-Z]{4}", name) and name not in new and not (ROOT / name).exists()]
    assert missing == []


def test_the_map_names_every_package() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = sorted(path.parent.name for path in (ROOT / "simdsl").glob("*/__init__.py"))
    assert [name for name in packages if not re.search(rf"^\|[ \d]*\|.*`{name}`", text, re.MULTILINE)] == []
