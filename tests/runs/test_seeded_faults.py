"""A driver with one fault at a time: each is found, by plans that know of none, and at the step that was wrong first."""

from __future__ import annotations

import pytest

from simdsl.core.verdicts import FailureKind, Verdict
from simdsl.plan.diagnostics import Path
from tests.runs.comparing import Compared, differential
from tests.runs.faulty_sqlite import FAULTS, install

PLANS = {
    "reads": """
setup:
  - CREATE TABLE item (id INTEGER PRIMARY KEY, price INTEGER, stock INTEGER, note TEXT)
  - INSERT INTO item VALUES (1, 30, 5, 'old'), (2, 10, 6, NULL), (3, 20, 7, 'new')
steps:
  - a: SELECT count(*) FROM item
  - a: SELECT id FROM item WHERE id = 2
  - a: SELECT id FROM item WHERE stock > 5
  - a: SELECT id, price FROM item WHERE id = 3
  - a: SELECT note FROM item WHERE id = 2
  - a: SELECT * FROM item ORDER BY price DESC, id
""",
    "writes": """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 1), (2, 2)
steps:
  - a: SELECT sum(v) FROM t
  - a: INSERT INTO t VALUES (3, 3)
  - a: SELECT sum(v) FROM t
  - a: UPDATE t SET v = v + 1 WHERE id < 3
  - a: DELETE FROM t WHERE v = 3
  - a: SELECT sum(v) FROM t
""",
    "transactions": """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 1)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (2, 2)
  - a: COMMIT
  - b: SELECT max(id) FROM t
  - b: BEGIN
  - b: INSERT INTO t VALUES (3, 3)
  - b: SAVEPOINT s
  - b: INSERT INTO t VALUES (4, 4)
  - b: ROLLBACK TO s
  - b: SELECT count(*) FROM t
  - b: ROLLBACK
""",
    "errors": """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL CHECK (v > 0))
steps:
  - a: INSERT INTO t VALUES (1, 1)
  - a: INSERT INTO t VALUES (2, 0) => error
  - a: INSERT INTO t VALUES (1, 2) => error
  - a: INSERT INTO t VALUES (2, NULL) => error
""",
}

WRONG_FIRST: dict[str, tuple[str, Path]] = {
    "drops_a_row": ("reads", ("steps", 2)),
    "duplicates_a_row": ("reads", ("steps", 2)),
    "gives_text_for_integers": ("reads", ("steps", 3)),
    "gives_reals_for_integers": ("reads", ("steps", 3)),
    "gives_empty_text_for_null": ("reads", ("steps", 4)),
    "swaps_two_columns": ("reads", ("steps", 3)),
    "mis_sorts": ("reads", ("steps", 5)),
    "reads_what_was": ("writes", ("steps", 2)),
    "miscounts": ("writes", ("steps", 3)),
    "loses_a_commit": ("transactions", ("steps", 3)),  # the first that could see it
    "ignores_a_rollback_to_a_savepoint": ("transactions", ("steps", 9)),
    "ignores_a_rollback": ("transactions", ()),  # nobody reads any more: the table tells
    "raises_the_wrong_error": ("errors", ("steps", 2)),
    "swallows_an_error": ("errors", ("steps", 1)),
}

ALLOWED_ACROSS = {"gives_reals_for_integers": "between engines an integer is the real of its value (rule whole-real)"}

REFERENCES = ["sqlite", "postgres"]


def compared(reference: str, fault: str | None) -> dict[str, Compared]:
    return {name: differential(text, reference, f"sqlite?driver={install(fault)}") for name, text in PLANS.items()}


def test_every_fault_has_a_first_wrong_step() -> None:
    assert WRONG_FIRST.keys() == FAULTS.keys()


@pytest.mark.parametrize("reference", REFERENCES)
def test_without_a_fault_there_is_no_alarm(reference: str) -> None:
    for ran in compared(reference, None).values():
        assert ran.ended.verdict is Verdict.PASS, ran.ended


@pytest.mark.slow
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_at_the_step_that_is_wrong_first(fault: str, reference: str) -> None:
    runs = compared(reference, fault)
    failed = {name: ran.failure for name, ran in runs.items() if ran.ended.verdict is Verdict.FAIL}
    if reference != "sqlite" and fault in ALLOWED_ACROSS:
        assert not failed
        return
    plan, path = WRONG_FIRST[fault]
    assert next(iter(failed), None) == plan
    assert failed[plan].kind is FailureKind.DIFFERENCE
    assert failed[plan].path == path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_in_the_reference_too(fault: str) -> None:
    """Nobody says which of two is right."""
    faulty = f"sqlite?driver={install(fault)}"
    assert any(differential(text, faulty, "sqlite").ended.verdict is Verdict.FAIL for text in PLANS.values())
