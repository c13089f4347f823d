"""simdsl's own files: grammar/, schemas/, profiles/, plans/, and the pages of the diagnostic codes.

In a checkout the directories stand at its top; in an installation they are under simdsl/_data. The pages are
Markdown, simdsl/plan/pages/CODE.md, so that they can also be read where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simdsl.plan.codes import Code

_PACKAGE: Final = Path(__file__).resolve().parent.parent


def path(name: str) -> Path:
    """The place of a resource such as ``schemas/plan.schema.json``. Raises ``FileNotFoundError`` if neither has it."""
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        candidate = root / name
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"simdsl's own file {name} is missing: the installation is incomplete")


_PAGES: Final = Path(__file__).resolve().parent / "pages"


def page(code: Code) -> str:
    """The text of a page. Its first line is ``# CODE: title``."""
    return (_PAGES / f"{code.name}.md").read_text(encoding="utf-8")
