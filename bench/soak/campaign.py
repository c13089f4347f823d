"""The units that are left, given to workers, and each recorded when it is done."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.soak import records, source
from bench.soak.parts import Part, Unit
from bench.soak.pool import Answer, Did, Died, Refused, Workers
from bench.soak.records import Alarm, Counts, Record
from bench.soak.work import versions, written
from simdsl import __version__


class Stopped(Exception):
    """Nothing more can be measured; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure, and how. Seeds are bounds on those of the parts; ``seconds`` is when no more units begin."""

    parts: tuple[Part, ...]
    results: Path
    first: int = 1
    last: int | None = None
    seconds: float | None = None
    any_source: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Progressing:
    """A part, what was done of it, and what is left."""

    part: Part
    versions: Mapping[str, str]
    left: Iterator[Unit]
    checks: int = 0  # of all finished units, for the target

    def next(self) -> Unit | None:
        if self.part.target is not None and self.checks >= self.part.target:
            return None
        return next(self.left, None)


@dataclass(slots=True, kw_only=True, eq=False)
class Campaign:
    """One call. ``tell`` hears of every record."""

    request: Request
    tell: Callable[[Record], None]
    digest: Callable[[], str] = source.digest
    total: int | None = 0  # units, with those that were finished before; None if a target decides
    finished: int = 0
    refused: list[str] = field(default_factory=list)
    is_over: bool = False  # somebody wants it to end: what is under way is still recorded
    is_complete: bool = False  # nothing is left
    _parts: list[_Progressing] = field(default_factory=list)
    _source: str = ""

    def prepare(self) -> None:
        """Find out what is left. Raises ``BackendUnavailable`` and ``ValueError`` for a file that is no results."""
        self._source = self.digest()
        for part in self.request.parts:
            self._parts.append(self._progressing(part))

    def run(self, workers: Workers) -> None:
        """Until nothing is left, or time is over. Raises ``RunStopped`` if the sources change meanwhile."""
        started = time.monotonic()
        units = self._units()
        more = True
        while more or workers.busy:
            seconds = self.request.seconds
            more = more and not self.is_over and (seconds is None or time.monotonic() - started < seconds)
            while more and not workers.is_full:
                unit = next(units, None)
                if unit is None:
                    more, self.is_complete = False, True
                else:
                    workers.give(unit)
            for answer in workers.answers(0.5) if workers.busy else ():
                self._record(answer)

    def _units(self) -> Iterator[Unit]:
        for one in self._parts:
            while (unit := one.next()) is not None:
                yield unit

    def _progressing(self, part: Part) -> _Progressing:
        told = {"simdsl": __version__, "python": platform.python_version(), **versions(part)}
        done = {
            record.unit: record for record in records.read(self.request.results, part.name) if self._counts(record, told)
        }
        wanted = part.units(self.request.first, self.request.last)
        is_endless = part.target is not None and self.request.last is None
        if is_endless:
            self.total = None
        else:
            units = list(wanted)
            wanted = iter(units)
            self.finished += sum(unit in done for unit in units)
            if self.total is not None:
                self.total += len(units)
        checks = sum(record.counts.checks for record in done.values())
        return _Progressing(part=part, versions=told, left=(unit for unit in wanted if unit not in done), checks=checks)

    def _counts(self, record: Record, told: Mapping[str, str]) -> bool:
        return self.request.any_source or (record.source == self._source and record.versions == told)

    def _record(self, answer: Answer) -> None:
        if isinstance(answer, Refused):
            self.refused.append(f"{answer.unit}: {answer.why}")
            self.is_over = True
            return
        if self.digest() != self._source:
            raise Stopped("the sources changed while they were measured; what was under way is not recorded")
        one = next(one for one in self._parts if one.part.name == answer.unit.part)
        counts = _counts_of(answer, one.part)
        one.checks += counts.checks
        record = Record(
            unit=answer.unit,
            counts=counts,
            versions=one.versions,
            source=self._source,
            date=datetime.now(UTC).date().isoformat(),
            seconds=answer.seconds,
            crashed=answer.how if isinstance(answer, Died) else None,
        )
        records.append(self.request.results, record)
        self.finished += 1
        self.tell(record)


def _counts_of(answer: Did | Died, part: Part) -> Counts:
    if isinstance(answer, Did):
        return records.counts_of(answer.counts)
    message = f"the process that ran it died: {answer.how}"
    try:
        plan = written(part, answer.unit.subject, answer.seed)
    except Exception as error:
        plan, message = None, f"{message}; its plan cannot be made: {type(error).__name__}: {error}"
    return Counts(alarms=(Alarm(seed=answer.seed, fingerprint="crash", message=message, plan=plan),), failed=1)
