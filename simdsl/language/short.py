"""A short way to steps: statements without names and mistakes, of which a plan may have ten thousands.

What it returns None for takes the long way (`simdsl.language.steps`), and only that complains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from simdsl.language.document import Data
from simdsl.language.fields import NAME
from simdsl.language.judging import is_usual
from simdsl.language.lean import options, sql_step
from simdsl.language.lines import LineParser
from simdsl.language.place import Place
from simdsl.language.problems import Refused
from simdsl.plan.ir import BACKEND_NAMES, Expectation, Override, Sql, SqlStep


class ShortWay:
    """Of one plan. ``tasks`` are the names seen as tasks so far, and whether they can be; it grows as others read."""

    def __init__(self, lines: LineParser, lines_of: Callable[[str], LineParser], tasks: Mapping[str, bool]) -> None:
        self._lines = lines
        self._lines_of = lines_of
        self._tasks = tasks
        self._overrides: dict[tuple[str, str], Override | None] = {}  # as read from well-formed texts

    def in_steps(self, item: Data, place: Place) -> SqlStep | None:
        """An item of ``steps:``, which names its task."""
        if item.__class__ is not dict:
            return None
        if len(item) > 1:
            return self._with_options(item)
        for task, text in item.items():
            if text.__class__ is str and self._tasks.get(task):
                return self._lines.step(task, text)
        return None

    def of_an_owner(self, item: Data, place: Place) -> SqlStep | None:
        """An item of a list that says whose it is."""
        if not isinstance(item, str) or place.owner is None or place.section == "invariants":
            return None
        return self._lines.step(place.owner, item)

    def _with_options(self, item: dict[str, Data]) -> SqlStep | None:
        """A statement of a known task with a label, a reason and overrides, in one walk over its keys."""
        task = line = label = why = None
        overrides: tuple[Override, ...] = ()
        for key, value in item.items():
            if value.__class__ is not str:
                return None
            if key == "label":
                label = value
            elif key == "why":
                why = value
            elif key in _BACKENDS:
                override = self._override(key, value)
                if override is None:
                    return None
                overrides += (override,)
            elif line is None and self._tasks.get(key):
                task = key
                try:
                    line = self._lines.parse(value)
                except Refused:
                    return None
            else:
                return None
        if task is None or line is None or line.sql is None or not line.usual:
            return None
        if label is not None and NAME.fullmatch(label) is None:
            return None
        for override in overrides:
            if not _is_usual_override(override, line.sql, line.expect):
                return None
        return sql_step(task, line.sql, line.expect, options(label, overrides, why))

    def _override(self, backend: str, text: str) -> Override | None:
        """An override of a statement. Many steps say the same of a backend, and so they share it."""
        try:
            return self._overrides[backend, text]
        except KeyError:
            override = None
            with suppress(Refused):
                line = self._lines_of(backend).parse(text)
                override = Override(backend=backend, sql=line.sql, expect=line.expect)
            self._overrides[backend, text] = override
            return override


def _is_usual_override(override: Override, sql: Sql, expect: Expectation | None) -> bool:
    """Whether nothing about a step on this backend need be looked at, its own statement and expectation given."""
    if override.sql is not None:
        sql = override.sql
        if len(sql.fragments) != 1 or sql.fragments[0].__class__ is not str:
            return False
    expect = override.expect or expect
    return expect is None or is_usual(sql, expect)


_BACKENDS: Final = frozenset(BACKEND_NAMES)
