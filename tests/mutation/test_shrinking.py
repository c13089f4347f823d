"""What found a planted bug shrinks to about what one would write by hand; what is kept, and the page, are of these bugs."""

from __future__ import annotations

import pytest

from tests.mutation import records, shrunk
from tests.mutation.catalogue import BUGS
from tests.mutation.minima import SPARE, by_hand
from tests.mutation.shortening import Finding, fingerprints, holds_without, shorten, steps
from tests.mutation.shrinking_page import PAGE, page

FINDINGS = {name: Finding.of(hunt) for name, hunt in records.read().items()}
SHRUNK = shrunk.read()
COMMAND = "python -m tests.mutation.shrinking --write"
SAMPLE = list(BUGS)[::16]
"""Shrunk here, from the plan that found the bug; tests/runs/test_shrinking.py shrinks others to the letter."""


def test_the_record_and_the_page_are_of_these_findings() -> None:
    assert list(SHRUNK) == list(BUGS), COMMAND
    assert {name: one.finding for name, one in SHRUNK.items()} == FINDINGS, COMMAND
    assert shrunk.FILE.read_text(encoding="utf-8") == shrunk.text(SHRUNK.values())
    assert PAGE.read_text(encoding="utf-8") == page(SHRUNK), COMMAND


def test_every_bug_has_a_plan_by_hand_and_no_plan_is_for_nothing() -> None:
    assert by_hand().keys() == BUGS.keys()


@pytest.mark.parametrize("name", BUGS)
def test_the_plan_by_hand_fails_as_its_property_does_and_holds_without_the_bug(name: str) -> None:
    bug, plan = BUGS[name], by_hand()[name]
    assert plan.properties == (FINDINGS[name].property,)
    assert SHRUNK[name].fingerprint in fingerprints(bug, plan)
    assert holds_without(bug, plan)


@pytest.mark.parametrize("name", BUGS)
def test_what_is_left_fails_alike_holds_without_the_bug_and_is_small(name: str) -> None:
    bug, left = BUGS[name], SHRUNK[name]
    assert left.fingerprint in fingerprints(bug, left.plan)
    assert holds_without(bug, left.plan)
    assert steps(left.plan) <= steps(by_hand()[name]) + SPARE


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_shrinking_leaves_about_what_is_written_by_hand(name: str) -> None:
    bug = BUGS[name]
    left = shorten(bug, FINDINGS[name])
    assert left.fingerprint in fingerprints(bug, left.plan)
    assert holds_without(bug, left.plan)
    assert steps(left.plan) <= steps(by_hand()[name]) + SPARE
