"""Where the files lie that are not code: grammar/, schemas/, profiles/ and plans/.

In a checkout they stand at its top; in an installation they are under simdsl/_data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent.parent


def path(name: str) -> Path:
    """The place of a resource such as ``schemas/plan.schema.json``. Raises ``FileNotFoundError`` if neither has it."""
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        candidate = root / name
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"simdsl's own file {name} is missing: the installation is incomplete")
