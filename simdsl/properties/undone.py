"""The judgement that several properties share: what was undone in one way is seen by nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import Event
from simdsl.properties.book import Book, Fate
from simdsl.properties.property import Finding, Held, Violation


def judge_undone(events: Iterable[Event], fate: Fate) -> Iterator[Finding]:
    """Every query of a row of which something met this fate: it shows it, or not."""
    for seen in Book().read(events):
        culprit = None if seen.holds else seen.culprit
        if culprit is not None and culprit.fate is fate:
            message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table}, which was {fate}"
            evidence = seen.evidence(culprit)
            yield Violation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)
        elif seen.holds and seen.could_show(fate):
            yield Held(path=seen.read.path)
