"""Where the text of a step stands, and where in it the expectation does: for carets and for rewriting."""

from __future__ import annotations

from simdsl.plan.backend_facts import BACKEND_NAMES, dialect_of_backend
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.source import Location, Path
from simdsl.plan.steps import STEP_OPTIONS
from simdsl.syntax.document import Data, Document
from simdsl.syntax.problems import ParseError
from simdsl.syntax.sql_lexer import dialect_of, scan


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSource:
    """The text of a step: ``text`` stands at ``path``; its expectation, if it has one, is ``text[expects:]``."""

    path: Path
    text: str
    expects: int | None

    @property
    def at(self) -> Location:
        """The expectation, or the whole text if it has none."""
        return Location(path=self.path, start=self.expects or 0)


def step_source(document: Document, plan: Plan, step: Path, override: str | None = None) -> StepSource | None:
    """The line of a step that was judged: the override's if that holds an expectation, else the step's own.

    None where no text stands, such as for ``for`` and ``retry``, or for a path that the document does not have.
    """
    found = _data_at(document.data, step)
    base = StepSource(path=step, text=found, expects=None) if isinstance(found, str) else None
    other: StepSource | None = None
    if isinstance(found, dict):
        for key, value in found.items():
            if not isinstance(value, str):
                continue
            line = StepSource(path=(*step, key), text=value, expects=None)
            if key == override:
                other = _with_expectation_offset(line, plan, key)
            elif base is None and key not in STEP_OPTIONS and key not in BACKEND_NAMES:
                base = line
    if other is not None and other.expects is not None:
        return other
    return (_with_expectation_offset(base, plan, None) if base is not None else None) or other


def _with_expectation_offset(line: StepSource, plan: Plan, override: str | None) -> StepSource:
    if line.path[-1] == "check":
        return line
    dialect = dialect_of(plan.dialect, plan.backends)
    if override is not None:
        dialect = (dialect_of_backend(override) if override else None) or dialect
    try:
        arrow = scan(line.text, dialect).arrow
    except ParseError:  # a check, or words that are no SQL
        return line
    if arrow is None:
        return line
    start = line.text.index("=>", arrow) + 2
    start += len(line.text[start:]) - len(line.text[start:].lstrip())
    return StepSource(path=line.path, text=line.text, expects=start)


def _data_at(data: Data, path: Path) -> Data | None:
    found: Data | None = data
    for part in path:
        if isinstance(found, dict) and isinstance(part, str):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
            found = found[part]
        else:
            return None
    return found
