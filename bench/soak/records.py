"""What a unit came to, and the files that keep it: a part's file has one JSON object a line, a unit each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.soak.parts import Unit

RESULTS: Final = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One plan that failed, or one expression that disagreed. ``plan`` is written out for the first of a kind in a unit."""

    seed: int
    fingerprint: str
    message: str
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What seeds came to. ``assertions`` counts all that were evaluated, ``checks`` those of the property itself."""

    plans: int = 0
    steps: int = 0
    assertions: int = 0
    checks: int = 0
    failed: int = 0
    without_assertions: int = 0  # plans that ran, without a single assertion
    skipped: Mapping[str, int] = field(default_factory=dict)  # by reason
    warned: Mapping[str, int] = field(default_factory=dict)  # plans, by warning
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A unit that was done. ``crashed`` says how its worker died, and then nothing is known of its counts.

    ``versions`` are those of simdsl, Python, engines and drivers; ``source`` is the digest of what decides a verdict.
    """

    unit: Unit
    counts: Counts
    versions: Mapping[str, str]
    source: str
    date: str
    seconds: float
    crashed: str | None = None


def line(record: Record) -> str:
    """A record as a line of JSON, the same for the same record."""
    return json.dumps(asdict(record), ensure_ascii=False, sort_keys=True)


def parsed(text: str) -> Record:
    """The record of a line. Raises ``ValueError`` or ``TypeError`` if it is none."""
    data: dict[str, Any] = json.loads(text)
    return Record(unit=Unit(**data.pop("unit")), counts=counts_of(data.pop("counts")), **data)


def counts_of(data: Mapping[str, Any]) -> Counts:
    """Counts from their JSON. Raises ``TypeError`` or ``KeyError`` if they are none."""
    return Counts(**{**data, "alarms": tuple(Alarm(**alarm) for alarm in data["alarms"])})


def append(directory: Path, record: Record) -> None:
    """Add a record to its part's file: one write of a whole line, on the disk before anybody counts on it."""
    directory.mkdir(parents=True, exist_ok=True)
    file = os.open(directory / f"{record.unit.part}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        data = f"{line(record)}\n".encode()
        if os.write(file, data) != len(data):
            raise OSError(f"a record of {record.unit} was cut short")
        os.fsync(file)
    finally:
        os.close(file)


def read(directory: Path, part: str) -> list[Record]:
    """The records of a part, the last one of each unit. A last line without its end was cut off, and is none.

    Raises ``ValueError`` with the place of a line that is no record.
    """
    path = directory / f"{part}.jsonl"
    if not path.exists():
        return []
    *lines, rest = path.read_text(encoding="utf-8").split("\n")
    if rest:
        os.truncate(path, len("".join(f"{one}\n" for one in lines).encode()))
    found: dict[Unit, Record] = {}
    for number, text in enumerate(lines, 1):
        try:
            record = parsed(text)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}:{number} is no record: {error}") from error
        found[record.unit] = record
    return list(found.values())


def rewrite(directory: Path, part: str, records: Iterable[Record]) -> None:
    """Keep these records only: the file is the old one or the new one, whatever happens."""
    path = directory / f"{part}.jsonl"
    new = path.with_suffix(".new")
    new.write_text("".join(f"{line(record)}\n" for record in records), encoding="utf-8")
    os.replace(new, path)
