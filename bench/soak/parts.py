"""What is measured: parts, and the units of work that they are cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simdsl.language.property_names import built_in


class Kind(StrEnum):
    """What is done with a subject and a seed."""

    PROPERTY = "property"  # the subject is a property: its plan is run and checked
    PLAN = "plan"  # the subject is a profile: its plan is run
    DIFFERENTIAL = "differential"  # the subject is a profile: its plan is run on two backends and compared
    EXPRESSIONS = "expressions"  # a seed is a thousand expressions, of which engines and our evaluator are asked


METAMORPHIC: Final = (
    "select-select-optimizer",
    "where-true-false-null",
    "union-all-preserves-cardinality",
    "plain-copy",
    "index-independence",
    "constant-to-subquery",
    "dml-select-agreement",
    "count-agreement",
    "integrity",
    "rewrite-equivalence",
)
"""The properties of what a query means, told by another query."""

PROFILES: Final = ("quick", "stress", "ddl-heavy", "write-heavy", "read-heavy", "concurrent")
"""What plans are generated of. `faulty` is left out: no backend has a fault yet."""

EXPRESSIONS_A_SEED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Some seeds of one subject of a part: what one worker does, and one line of the results."""

    part: str
    subject: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.part} {self.subject} {self.first}..{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Every subject with every seed from 1 to ``seeds``, ``chunk`` seeds a unit.

    With ``target`` there is no last seed: units are done until so many checks have been made. ``profile`` is what a
    property makes its plans of. A part that comes to mean something else gets another name: results are kept by it.
    """

    name: str
    what: str  # a line for people
    kind: Kind
    backends: tuple[str, ...]
    subjects: tuple[str, ...]
    seeds: int
    chunk: int
    target: int | None = None
    profile: str = "quick"

    def units(self, first: int = 1, last: int | None = None) -> Iterator[Unit]:
        """The units that hold these seeds, seed by seed and then subject by subject; endless if there is a target.

        They are the same units whatever is asked for, so that one that was done is known again.
        """
        if last is None and self.target is None:
            last = self.seeds
        start = 1 + (first - 1) // self.chunk * self.chunk
        while self.subjects and (last is None or start <= last):
            for subject in self.subjects:
                yield Unit(part=self.name, subject=subject, first=start, last=start + self.chunk - 1)
            start += self.chunk


_APSW: Final = "sqlite:///:memory:?driver=apsw"

# URL, seeds, seeds of a unit: the slower the engine, the fewer.
_BACKENDS: Final = {
    "sqlite": ("sqlite", 2_000, 100),
    "apsw": ("sqlite?driver=apsw", 500, 100),
    "libsql": ("libsql", 500, 100),
    "turso": ("turso", 200, 50),
    "postgres": ("postgres", 500, 25),
}


def _parts() -> Iterator[Part]:
    for name, (url, seeds, chunk) in _BACKENDS.items():
        yield Part(
            name=f"properties-{name}",
            what=f"the plans of every property, of the profile quick, on {url}",
            kind=Kind.PROPERTY,
            backends=(url,),
            subjects=built_in(),
            seeds=seeds,
            chunk=chunk,
        )
    yield Part(
        name="properties-stress",
        what="the plans of every property, of the profile stress, on sqlite",
        kind=Kind.PROPERTY,
        backends=("sqlite",),
        subjects=built_in(),
        seeds=100,
        chunk=10,
        profile="stress",
    )
    for name, (url, seeds, chunk) in _BACKENDS.items():
        yield Part(
            name=f"plans-{name}",
            what=f"generated plans of every profile on {url}",
            kind=Kind.PLAN,
            backends=(url,),
            subjects=PROFILES,
            seeds=seeds,
            chunk=chunk,
        )
    for name, other in (("postgres", "postgres"), ("apsw", "sqlite?driver=apsw")):
        yield Part(
            name=f"differential-{name}",
            what=f"generated plans of every profile on sqlite, compared with {other}",
            kind=Kind.DIFFERENTIAL,
            backends=("sqlite", other),
            subjects=PROFILES,
            seeds=500,
            chunk=25,
        )
    yield Part(
        name="metamorphic-apsw",
        what="the metamorphic properties, of the profile stress, on the newest SQLite in memory",
        kind=Kind.PROPERTY,
        backends=(_APSW,),
        subjects=tuple(name for name in METAMORPHIC if name in built_in()),
        seeds=0,
        chunk=50,
        target=1_000_000,
        profile="stress",
    )
    yield Part(
        name="expressions",
        what="expressions, as our evaluator, SQLite and PostgreSQL work them out",
        kind=Kind.EXPRESSIONS,
        backends=("sqlite", "postgres"),
        subjects=("all types",),
        seeds=100,
        chunk=5,
    )


PARTS: Final = {part.name: part for part in _parts()}
"""Every part by its name, in the order in which they are done."""
