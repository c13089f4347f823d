"""``fault``: words that every backend of this version skips."""

from __future__ import annotations

import pytest

from simdsl.backends.registry import resolve
from simdsl.language.load import load_text
from simdsl.plan.codes import Code
from simdsl.runner.lowering import Skipped, lower
from simdsl.verbs.fault import parse_fault
from tests.verbs.helpers import code_of, parses_or_refuses


def test_faults_are_words_and_integers() -> None:
    assert parse_fault("io_error write 3") == ("io_error", "write", 3)
    assert parse_fault("disconnect a") == ("disconnect", "a")


@pytest.mark.parametrize("text", ["", "3", "crash 1.5", "crash-server"])
def test_other_faults_are_refused(text: str) -> None:
    assert code_of(lambda: parse_fault(text)) in (Code.G201, Code.G202, Code.G203)


def test_a_plan_with_a_fault_is_skipped() -> None:
    plan = load_text("simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 1\n  - fault: disconnect a\n")
    skipped = lower(plan, resolve("sqlite"), ())
    assert skipped == Skipped(reason="step steps.2: sqlite cannot do `fault: disconnect a`")


def test_any_text_is_a_fault_or_refused() -> None:
    parses_or_refuses(parse_fault)
