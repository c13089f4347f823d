"""The pages behind the codes: what a diagnostic means, an example that triggers it, and what to write instead.

They are Markdown files, pages/CODE.md, so that they can be read where they lie, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simdsl.plan.codes import Code

_PAGES: Final = Path(__file__).resolve().parent / "pages"


def page(code: Code) -> str:
    """The text of a page. Its first line is ``# CODE: title``."""
    return (_PAGES / f"{code.name}.md").read_text(encoding="utf-8")
