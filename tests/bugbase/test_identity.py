"""Names of folders."""

from __future__ import annotations

import re

import pytest

from simdsl.bugbase.entry import folder_name
from simdsl.failures import FailureIdentity


def test_a_name_is_readable_and_stays_what_it_is() -> None:
    assert (
        folder_name(FailureIdentity(fingerprint="property_violated/tx-commit-visible"))
        == "property_violated-tx-commit-visible-6f2af69c"
    )


def test_what_was_expected_tells_bugs_apart() -> None:
    names = {
        folder_name(FailureIdentity(fingerprint="missed_expectation/SELECT", details=said))
        for said in ((), ("1",), ("1", "2"), ("12",))
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    "fingerprint", ["", "///", "../../etc/passwd", "con", "a" * 5_000, "Ünï/ß\0\n", ".hidden", "A:B\\C"]
)
def test_whatever_the_fingerprint_it_is_the_name_of_a_file(fingerprint: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,69}", folder_name(FailureIdentity(fingerprint=fingerprint)))
