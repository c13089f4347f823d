"""Running the corpus: each entry on the engine of its own dialect and, translated, on another one; and what came of it.

Rules by which rows are equal: a boolean is 1 or 0; numbers are equal to twelve digits whatever their type; texts, blobs
and NULL as they are; a date or a time is its ISO text; rows in order where the statement says an order, else as bags.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from simdsl.dialect.translation import Translator, Untranslatable
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Dialect, Sql
from tests.dialect.corpus import Collection, Entry
from tests.dialect.engines import Engine, make


class Came(StrEnum):
    """What came of an entry on a target."""

    UNTOUCHED = "same"  # except for blanks and the case of keywords
    REWRITTEN = "rewritten"  # and the engines agree
    REFUSED = "refused"
    DIFFERS = "differs"
    UNRUN = "not run"
    WRONG = "wrong in the corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One entry on one target. ``detail`` is the construct, or how the engines differ."""

    entry: Entry
    target: Dialect
    came: Came
    text: str
    detail: str = ""

    @property
    def problem(self) -> str | None:
        """How this is not what the corpus says, or None."""
        if self.came is Came.WRONG:
            return self.detail
        refused, differs = self.entry.refused.get(self.target), self.entry.differs.get(self.target)
        if refused is not None:
            fits = self.came is Came.REFUSED and self.detail.startswith(refused)
            return None if fits else f"should be refused ({refused}), and is {self.came}: {self.text or self.detail}"
        if differs is not None:
            return None if self.came in (Came.DIFFERS, Came.UNRUN) else f"should differ, and is {self.came}: {self.text}"
        if self.came in (Came.REFUSED, Came.DIFFERS):
            return f"is {self.came}: {self.detail} [{self.text}]"
        return None


def results(collection: Collection, target: Dialect, *, run: bool = True) -> list[Result]:
    """Every entry of a collection on a target; without ``run`` only translated."""
    here = make(collection.dialect) if run else None
    there = make(target) if run else None
    try:
        translator = Translator(collection.dialect, target)
        for sql in collection.setup:
            translated = translator.translate(sql)
            assert isinstance(translated, Sql), (collection.name, target, translated)
            for engine, statement in ((here, sql), (there, translated)):
                outcome = engine.run(statement, {}) if engine is not None else None
                assert not isinstance(outcome, Failed), (collection.name, target, statement.text, outcome)
        return [_result(entry, target, translator, here, there) for entry in collection.entries]
    finally:
        for engine in (here, there):
            if engine is not None:
                engine.close()


def _result(entry: Entry, target: Dialect, translator: Translator, here: Engine | None, there: Engine | None) -> Result:
    translated = translator.translate(entry.sql)
    if isinstance(translated, Untranslatable):
        return Result(entry=entry, target=target, came=Came.REFUSED, text="", detail=translated.construct)
    came = Came.UNTOUCHED if _plain(translated.text) == _plain(entry.sql.text) else Came.REWRITTEN
    if here is None or there is None:
        return Result(entry=entry, target=target, came=Came.UNRUN, text=translated.text)
    around = [translator.translate(sql) for sql in (*entry.setup, *entry.after)]
    for sql in around:
        assert isinstance(sql, Sql), (entry.name, target, sql)
    statements = [sql for sql in around if isinstance(sql, Sql)]
    theirs = _run(there, [*statements[: len(entry.setup)], translated, *statements[len(entry.setup) :]], entry)
    ours = _run(here, [*entry.setup, entry.sql, *entry.after], entry)
    if isinstance(ours[-1], Failed) != entry.error:
        fails = "should fail" if entry.error else "fails"
        detail = f"{fails} where it was written: {_said(ours[-1])}"
        return Result(entry=entry, target=target, came=Came.WRONG, text=translated.text, detail=detail)
    found = difference(ours, theirs, [*entry.setup, entry.sql, *entry.after])
    return Result(entry=entry, target=target, came=Came.DIFFERS if found else came, text=translated.text, detail=found or "")


def _run(engine: Engine, statements: Sequence[Sql], entry: Entry) -> list[Outcome]:
    engine.begin()
    try:
        outcomes: list[Outcome] = []
        for sql in statements:
            outcomes.append(engine.run(sql, entry.values))
            if isinstance(outcomes[-1], Failed):
                break
        return outcomes
    finally:
        engine.rollback()


def difference(ours: list[Outcome], theirs: list[Outcome], statements: Sequence[Sql]) -> str | None:
    """How the outcomes of these statements differ on two engines, or None."""
    for our, their, sql in zip(ours, theirs, statements, strict=False):
        match our, their:
            case Failed(), Failed():
                known = ErrorClass.OTHER not in (our.error_class, their.error_class)
                if known and our.error_class is not their.error_class:
                    return f"{our.error_class} against {their.error_class}"
                return None
            case Rows(), Rows():
                one, other = _rows(our, sql), _rows(their, sql)
                if one != other:
                    return f"{one} against {other}"
            case Affected(), Affected():
                if our.n is not None and their.n is not None and our.n != their.n:
                    return f"{our.n} affected against {their.n}"
            case _:
                return f"{_said(our)} against {_said(their)}"
    return None


def _said(outcome: Outcome) -> str:
    return outcome.text.splitlines()[0] if isinstance(outcome, Failed) else repr(outcome)


def _rows(rows: Rows, sql: Sql) -> list[tuple[object, ...]]:
    found = [tuple(_cell(cell) for cell in row) for row in rows.rows]
    return found if sql.ordered else sorted(found, key=repr)


def _cell(value: object) -> object:
    match value:
        case bool() | int() | float() | Decimal():
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
                return value
            number = float(value)
            return number if not math.isfinite(number) else float(f"{number:.12g}") + 0.0
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case bytearray() | memoryview():
            return bytes(value)
        case _:
            return value


def _plain(text: str) -> str:
    return "".join(text.split()).upper()
