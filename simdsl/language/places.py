"""Where the text of a step stands, and where in it the expectation does: for carets and for rewriting."""

from __future__ import annotations

from simdsl.language.document import Data, Document
from simdsl.language.lexing import BACKEND_DIALECTS, dialect_of, scan
from simdsl.language.problems import Refused
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import BACKEND_NAMES, SIBLINGS, Path, Plan
from simdsl.plan.source import At


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The text of a step: ``text`` stands at ``path``; its expectation, if it has one, is ``text[expects:]``."""

    path: Path
    text: str
    expects: int | None

    @property
    def at(self) -> At:
        """The expectation, or the whole text if it has none."""
        return At(path=self.path, start=self.expects or 0)


def line_of(document: Document, plan: Plan, step: Path, override: str | None = None) -> Line | None:
    """The line of a step that was judged: the override's if that holds an expectation, else the step's own.

    None where no text stands, such as for ``for`` and ``retry``, or for a path that the document does not have.
    """
    found = _at(document.data, step)
    base = Line(path=step, text=found, expects=None) if isinstance(found, str) else None
    other: Line | None = None
    if isinstance(found, dict):
        for key, value in found.items():
            if not isinstance(value, str):
                continue
            line = Line(path=(*step, key), text=value, expects=None)
            if key == override:
                other = _scanned(line, plan, key)
            elif base is None and key not in SIBLINGS and key not in BACKEND_NAMES:
                base = line
    if other is not None and other.expects is not None:
        return other
    return (_scanned(base, plan, None) if base is not None else None) or other


def _scanned(line: Line, plan: Plan, override: str | None) -> Line:
    if line.path[-1] == "check":
        return line
    dialect = dialect_of(plan.dialect, plan.backends)
    if override is not None:
        dialect = BACKEND_DIALECTS.get(override, dialect)
    try:
        arrow = scan(line.text, dialect).arrow
    except Refused:  # a check, or words that are no SQL
        return line
    if arrow is None:
        return line
    start = line.text.index("=>", arrow) + 2
    start += len(line.text[start:]) - len(line.text[start:].lstrip())
    return Line(path=line.path, text=line.text, expects=start)


def _at(data: Data, path: Path) -> Data | None:
    found: Data | None = data
    for part in path:
        if isinstance(found, dict) and isinstance(part, str):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
            found = found[part]
        else:
            return None
    return found
