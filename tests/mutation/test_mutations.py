"""Every planted bug is found by its property, with the seed that was recorded; the page and the record are of these bugs."""

from __future__ import annotations

import pytest

from simdsl.language.property_names import built_in
from tests.mutation import records
from tests.mutation.catalogue import BUGS
from tests.mutation.hunting import attempt, check_sound
from tests.mutation.page import PAGE, page

HUNTS = records.read()
IDLE = "pool-survives-kill"
"""No backend can lose a connection yet, so this property has no bug to find."""


def test_the_record_and_the_page_are_of_these_bugs() -> None:
    assert list(HUNTS) == list(BUGS), "python -m tests.mutation --write"
    assert records.FILE.read_text(encoding="utf-8") == records.text(HUNTS.values())
    assert PAGE.read_text(encoding="utf-8") == page(HUNTS), "python -m tests.mutation --write"


def test_there_are_at_least_forty_bugs_and_all_are_found() -> None:
    assert len(BUGS) >= 40
    assert [name for name, hunt in HUNTS.items() if hunt.profile is None] == []


def test_properties_find_bugs() -> None:
    """All that there were when the bugs were hunted; a new property has its planted bug in tests/properties/planted.py."""
    finding = {name for hunt in HUNTS.values() for name in (hunt.finder, *hunt.also)}
    assert finding <= {*built_in()} - {IDLE}
    assert len(finding) >= 26


@pytest.mark.slow
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_found_with_its_recorded_seed_and_without_it_all_is_well(name: str) -> None:
    bug, hunt = BUGS[name], HUNTS[name]
    assert hunt.finder is not None
    assert hunt.profile is not None
    assert bug.expected in (None, hunt.finder)
    assert attempt(bug.make(), hunt.finder, hunt.profile, hunt.seeds[0]).is_found
    check_sound(bug, hunt.finder, hunt.profile, hunt.seeds[0])
