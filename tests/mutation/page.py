"""docs/reference/mutations.md: what was planted, and what finds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from simdsl.language.property_names import built_in
from tests.mutation.bug import Bug, Kind
from tests.mutation.catalogue import BUGS
from tests.mutation.hunting import PROFILES, SEEDS, STARTS, SURVEY, Hunt

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "mutations.md"

_INTRODUCTION: Final = f"""\
# Planted bugs, and what finds them

Made by `python -m tests.mutation --write`, which runs what it says; do not edit.

A property that never fails proves nothing. So bugs are planted: SQLite, its driver or its pool is changed at one point, and
everything else stays as it is. Each bug names the property that must find it.

Plans of that property are generated with the profile `{PROFILES[0]}`, from {len(STARTS)} starting seeds \
({", ".join(map(str, STARTS))}), seed after seed, until one
of them fails. From every start, that has to happen within {SEEDS} seeds; otherwise the same is tried with `{PROFILES[1]}`. \
`seeds` is
how many seeds it took: the median over the starts, and the maximum. `steps` is how many steps ran until then, in all
schedules of all plans: the median. A plan finds a bug by a violation of its property, or by a check or an expectation that
fails. An error that only stops a plan does not count. Every plan that counts was also run without the bug, where it passed.

`also` lists the other properties that find the bug with the seed {", ".join(map(str, SURVEY))} of `{PROFILES[0]}`.

The columns do not rank the properties. Plans of one property have more steps than those of another, and a bug that shows at
every step says little. They show that the oracle works, and about how long it needs.

The list is a selection: bugs that were tried and not found, or not within these seeds, are not in it. No property finds
a SAVEPOINT that commits, or a violated constraint that undoes the transaction before it.
Functions that are slightly wrong (the case of LIKE, length in bytes, division that rounds down, a cast that rounds) and
columns that compare without trailing blanks were not found, nor was a LIKE that is wrong only beside an index.
"""


def page(hunts: Mapping[str, Hunt]) -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_bugs(hunts), *_properties(hunts)]).rstrip("\n") + "\n"


def _bugs(hunts: Mapping[str, Hunt]) -> Iterator[str]:
    found = sum(hunt.profile is not None for hunt in hunts.values())
    yield f"{len(hunts)} bugs are planted; {found} of them are found."
    yield ""
    for kind in Kind:
        some = [bug for bug in BUGS.values() if bug.kind is kind and bug.name in hunts]
        if some:
            yield f"## Bugs of {kind}"
            yield ""
            yield "| bug | what it does | as in | property | profile | seeds | steps | also |"
            yield "|---|---|---|---|---|---:|---:|---|"
            for bug in some:
                yield _row(bug, hunts[bug.name])
            yield ""


def _row(bug: Bug, hunt: Hunt) -> str:
    also = ", ".join(name for name in hunt.also if name != hunt.finder)
    head = f"| {bug.name} | {_escaped(bug.does)} | {_escaped(bug.model)} | {hunt.finder} "
    if hunt.profile is None:
        return f"{head}| not found | | | {also} |"
    tried = sorted(hunt.tried)
    seeds = f"{tried[len(tried) // 2]}, at most {tried[-1]}" if tried[-1] > 1 else "1"
    return f"{head}| {hunt.profile} | {seeds} | {hunt.median_steps} | {also} |"


def _properties(hunts: Mapping[str, Hunt]) -> Iterator[str]:
    yield "## What each property finds"
    yield ""
    yield "| property | bugs | those planted for it | others |"
    yield "|---|---:|---|---|"
    for name in built_in():
        own = [hunt.bug for hunt in hunts.values() if hunt.finder == name and hunt.profile is not None]
        others = [hunt.bug for hunt in hunts.values() if name in hunt.also and hunt.bug not in own]
        if not own and not others:
            continue  # a new property is on the page when the hunts have been done again
        yield f"| {name} | {len(own) + len(others)} | {', '.join(own)} | {', '.join(others)} |"
    yield ""
    yield "No backend can lose a connection yet, so the plans of `pool-survives-kill` are skipped, and it finds nothing."


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")
