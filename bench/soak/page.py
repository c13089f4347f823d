"""docs/reference/soak.md: what the results say, and nothing that a person typed but explanations of alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.soak import explained, records
from bench.soak.explained import Explanation
from bench.soak.parts import PARTS, Kind, Part
from bench.soak.records import Alarm, Record
from bench.soak.source import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "soak.md"
_SHOWN: Final = 100  # characters of a message


def page(results: Path = records.RESULTS, known: Sequence[Explanation] | None = None) -> str:
    """The text of the page. Raises ``ValueError`` for a file that is no results."""
    known = explained.load() if known is None else known
    measured = {name: records.read(results, name) for name in PARTS}
    return "\n".join(_page({PARTS[name]: found for name, found in measured.items() if found}, known))


def unexplained(part: Part, found: Sequence[Record], known: Sequence[Explanation]) -> int:
    """How many alarms nobody has looked at."""
    return sum(
        explained.explanation(alarm, part, record.unit.subject, known) is None
        for record in found
        for alarm in record.counts.alarms
    )


def _page(measured: Mapping[Part, Sequence[Record]], known: Sequence[Explanation]) -> Iterator[str]:
    yield "# Soak"
    yield ""
    yield "Made by `python -m bench.soak --write`; do not edit."
    yield ""
    yield "What simdsl's own plans came to, over many seeds ([what this is](../explanation/sample-and-soak.md)). A *check*"
    yield "is a moment at which a property could have been broken; *assertions* are all checks and all expectations. An"
    yield "*alarm* is a plan that failed."
    yield ""
    if not measured:
        yield "Nothing has been measured yet."
        yield ""
        return
    yield "| part | seeds | plans | assertions | checks | skipped | alarms | not examined | minutes |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for part, found in measured.items():
        yield _summary(part, found, known)
    yield ""
    yield from _missing(measured)
    for part, found in measured.items():
        yield from _section(part, found, known)


def _summary(part: Part, found: Sequence[Record], known: Sequence[Explanation]) -> str:
    counts = [record.counts for record in found]
    numbers = (
        _seeds(found),
        _sum(one.plans for one in counts),
        _sum(one.assertions for one in counts),
        _sum(one.checks for one in counts),
        _sum(sum(one.skipped.values()) for one in counts),
        _sum(one.failed for one in counts),
        f"{unexplained(part, found, known):,}",
        f"{sum(record.seconds for record in found) / 60:,.0f}",
    )
    return f"| [{part.name}](#{part.name}) | {' | '.join(numbers)} |"


def _missing(measured: Mapping[Part, Sequence[Record]]) -> Iterator[str]:
    never = [part.name for part in PARTS.values() if part not in measured]
    short = [part.name for part, found in measured.items() if not _is_complete(part, found)]
    if never:
        yield f"Not measured: {', '.join(never)}."
        yield ""
    if short:
        yield f"Not finished: {', '.join(short)}."
        yield ""


def _is_complete(part: Part, found: Sequence[Record]) -> bool:
    if part.target is not None:
        return sum(record.counts.checks for record in found) >= part.target
    done = {record.unit for record in found}
    return all(unit in done for unit in part.units())


def _section(part: Part, found: Sequence[Record], known: Sequence[Explanation]) -> Iterator[str]:
    yield f"## {part.name}"
    yield ""
    yield f"{part.what[0].upper()}{part.what[1:]}."
    yield ""
    dates = sorted({record.date for record in found})
    yield f"Measured {dates[0]}{f' to {dates[-1]}' if len(dates) > 1 else ''}."
    yield ""
    for told in dict.fromkeys(_versions(record) for record in found):
        yield f"- {told}"
    yield ""
    plans, zero = ("expressions", "undefined") if part.kind is Kind.EXPRESSIONS else ("plans", "no assertion")
    yield f"| subject | seeds | {plans} | steps | assertions | checks | failed | {zero} | skipped |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for subject in dict.fromkeys((*part.subjects, *(record.unit.subject for record in found))):
        some = [record for record in found if record.unit.subject == subject]
        if some:
            yield _row(subject, some)
    yield ""
    yield from _alarms(part, found, known)
    yield from _told("Skipped", Counter[str](), [record.counts.skipped for record in found])
    yield from _told("Warned", Counter[str](), [record.counts.warned for record in found])


def _versions(record: Record) -> str:
    told = ", ".join(
        f"{name} {version}" if name in ("simdsl", "python") else version for name, version in record.versions.items()
    )
    return f"{told}; sources {record.source}"


def _row(subject: str, found: Sequence[Record]) -> str:
    counts = [record.counts for record in found]
    numbers = (
        _seeds(found),
        _sum(one.plans for one in counts),
        _sum(one.steps for one in counts),
        _sum(one.assertions for one in counts),
        _sum(one.checks for one in counts),
        _sum(one.failed for one in counts),
        _sum(one.without_assertions for one in counts),
        _sum(sum(one.skipped.values()) for one in counts),
    )
    return f"| {subject} | {' | '.join(numbers)} |"


def _alarms(part: Part, found: Sequence[Record], known: Sequence[Explanation]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[tuple[Record, Alarm]]] = {}
    for record in found:
        for alarm in record.counts.alarms:
            what = explained.explanation(alarm, part, record.unit.subject, known)
            told = "**not examined**" if what is None else what.what
            if what is not None and what.plan is not None:
                told = f"{told} ([plan](../../{what.plan}))"
            groups.setdefault((alarm.fingerprint, told), []).append((record, alarm))
    if not groups:
        return
    yield "| alarm | times | first | said | what it is |"
    yield "|---|---:|---|---|---|"
    for (fingerprint, told), members in groups.items():
        record, alarm = min(members, key=lambda member: (member[1].seed, member[0].unit.subject))
        first = f"{record.unit.subject}, seed {alarm.seed}"
        yield f"| `{_cell(fingerprint)}` | {len(members):,} | {first} | {_cell(_short(alarm.message))} | {told} |"
    yield ""


def _told(title: str, sum_: Counter[str], parts: Sequence[Mapping[str, int]]) -> Iterator[str]:
    for one in parts:
        sum_.update(one)
    if not sum_:
        return
    yield f"{title}:"
    yield ""
    for reason, number in sorted(sum_.items(), key=lambda item: (-item[1], item[0])):
        yield f"- {number:,}: {_cell(_short(reason))}"
    yield ""


def _seeds(found: Sequence[Record]) -> str:
    seeds = {seed for record in found for seed in range(record.unit.first, record.unit.last + 1)}
    return f"{len(seeds):,}"


def _sum(numbers: Iterator[int]) -> str:
    return f"{sum(numbers):,}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
