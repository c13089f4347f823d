"""Each checker on traces that hold, that violate the claim and that prove nothing, without any database."""

from __future__ import annotations

import pytest

from simdsl.language.property_names import built_in
from simdsl.properties.property import PropertyHeld, PropertyViolation
from simdsl.properties.registry import find
from tests.properties.traces import FIXTURES, Case, cases


def every(kind: str) -> list[object]:
    """The cases of a kind of all fixture files."""
    return [pytest.param(name, case, id=f"{name}: {case.name}") for name in built_in() for case in cases(name, kind)]


def test_every_property_has_a_fixture_and_no_other_is_there() -> None:
    assert sorted(path.stem for path in FIXTURES.iterdir()) == sorted(built_in())
    assert all(cases(name, kind) for name in built_in() for kind in ("holds", "violates", "silent"))


@pytest.mark.parametrize(("name", "case"), every("holds"))
def test_a_trace_that_holds_is_checked_and_holds(name: str, case: Case) -> None:
    findings = list(find(name).check(case.plan, case.events))
    assert findings
    assert all(isinstance(finding, PropertyHeld) for finding in findings), findings


@pytest.mark.parametrize(("name", "case"), every("violates"))
def test_a_trace_that_violates_says_so_with_the_steps_that_prove_it(name: str, case: Case) -> None:
    violations = [one for one in find(name).check(case.plan, case.events) if isinstance(one, PropertyViolation)]
    assert case.says in [one.message for one in violations]
    assert all(one.evidence for one in violations)


@pytest.mark.parametrize(("name", "case"), every("silent"))
def test_what_proves_nothing_is_not_checked(name: str, case: Case) -> None:
    assert list(find(name).check(case.plan, case.events)) == []


@pytest.mark.parametrize("name", built_in())
def test_a_violation_of_one_property_is_not_told_by_another(name: str) -> None:
    """But for what has two names: rows that were lost are lost updates too, and a pool can be wrong in two ways.

    The content of a table is wrong for any of several reasons.
    """
    what_is_there = dict.fromkeys(
        (
            "retry-after-busy",
            "double-create-failure",
            "unique-insert",
            "table-has-expected-content",
            "all-tables-have-expected-content",
        ),
        frozenset({"tx-commit-visible"}),
    )
    related = what_is_there.get(name, frozenset())
    for case in cases(name, "violates"):
        others = {
            other
            for other in built_in()
            if other != name and any(isinstance(one, PropertyViolation) for one in find(other).check(case.plan, case.events))
        }
        general = {"pool-checkout-return", "table-has-expected-content", "all-tables-have-expected-content"}
        assert others - general <= related, case.name


def test_evidence_is_told_in_the_words_of_the_plan() -> None:
    (case,) = [case for case in cases("tx-rollback-invisible", "violates") if case.name == "an insert stays"]
    (violation,) = find("tx-rollback-invisible").check(case.plan, case.events)
    assert isinstance(violation, PropertyViolation)
    assert violation.evidence == (
        "w: INSERT INTO t VALUES (1, 5): 1 affected",
        "w: ROLLBACK",
        "r: SELECT id, v FROM t gave (1, 5)",
    )
    assert violation.task == "r"


@pytest.mark.parametrize("name", built_in())
def test_a_specification_says_what_one_must_know(name: str) -> None:
    found = find(name)
    paragraphs = found.specification.strip().split("\n\n")
    assert found.name == name
    parts = [part.partition(":")[0] for part in paragraphs[1:]]
    assert parts == ["Claim", "Steps", "Violated when", "Evidence", *(["Source"] if "Source" in parts else [])]
    assert paragraphs[0] == found.claim
    assert found.claim.endswith(".")
