"""``check``: where it may stand, what it reads, its overrides. Expressions are tested in tests/syntax and tests/core."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.steps import Override
from simdsl.syntax.expressions import parse_check
from simdsl.verbs.check import Check
from tests.language.helpers import codes, steps_of, with_section, with_steps
from tests.verbs.helpers import parses_or_refuses


def test_overrides_are_expressions() -> None:
    (step,) = steps_of(with_steps("check: 1 = 1\npostgres: 2 = 2"))
    assert isinstance(step, Check)
    assert step.options.overrides == (Override(backend="postgres", expression=parse_check("2 = 2")),)


@pytest.mark.parametrize("section", ["setup", "finally"])
def test_it_may_stand_in_sections(section: str) -> None:
    assert codes(with_section(section, "check: 1 = 1", head="steps:\n  - a: SELECT 1 => 1\n")) == []


def test_what_it_reads_exists() -> None:
    assert codes(with_steps("check: $x = 1")) == ["N007"]
    assert codes(with_steps("check: rows(l) = 1")) == ["N005"]
    assert codes(with_steps("check: pool.main.idle = 1")) == ["N011"]


def test_it_has_no_label() -> None:
    assert codes(with_steps("check: 1 = 1\nlabel: l")) == [Code.S012.name]


def test_any_text_is_an_expression_or_refused() -> None:
    parses_or_refuses(parse_check)
