"""Rule 47: params."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from simdsl.plan.plan import Identifier, Param
from tests.language.helpers import HEAD, codes, only, plan, pointed


def with_params(*entries: str) -> str:
    return f"{HEAD}params:\n" + "".join(f"  - {entry}\n" for entry in entries) + "steps: []\n"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("3", 3),
        ("-9223372036854775808", -(2**63)),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("null", None),
        ("text", "text"),
        ("'010'", "010"),
        ("no", "no"),
        ("{decimal: 1.50}", Decimal("1.50")),
        ("{date: 2026-01-31}", date(2026, 1, 31)),
        ("{time: '23:59:59'}", time(23, 59, 59)),
        ("{timestamp: '2026-01-31 23:59:59'}", datetime(2026, 1, 31, 23, 59, 59)),
        ("{blob: 00ff}", b"\x00\xff"),
        ("{identifier: My Table}", Identifier(name="My Table")),
    ],
)
def test_rule_47_values(written: str, value: object) -> None:
    ((param,),) = plan(with_params(f"{{n: {written}}}")).params
    assert param == Param(name="n", value=value)  # type: ignore[arg-type]
    assert type(param.value) is type(value)


@pytest.mark.parametrize("written", ["010", "0xff", "1_000", ".5", "1.", "+1", ".inf", "9223372036854775808"])
def test_rule_47_what_looks_like_a_number_is_quoted(written: str) -> None:
    diagnostic = only(with_params(f"{{n: {written}}}"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("S013", written)
    assert diagnostic.help == f"quote it if it is text: '{written}'"


@pytest.mark.parametrize(
    "written",
    ["[1]", "{a: 1, b: 2}", "{}", "{dat: x}", "{date: x}", "{decimal: inf}", "{blob: 0}", "{identifier: ''}", "{date: [1]}"],
)
def test_rule_47_other_values_are_refused(written: str) -> None:
    assert set(codes(with_params(f"{{n: {written}}}"))) <= {"S013", "S005"} != set()


def test_rule_47_entries_share_keys() -> None:
    assert codes(with_params("{a: 1, b: 2}", "{b: 2, a: 1}")) == []
    assert codes(with_params("{a: 1, b: 2}", "{a: 1}")) == ["R047"]
    diagnostics = codes(with_params("{alpha: 1}", "{alhpa: 1}"))
    assert diagnostics == ["R047", "R047"]


def test_names_of_params() -> None:
    assert codes(with_params("{N: 1}")) == ["N001"]


def test_shapes() -> None:
    assert codes(f"{HEAD}params: {{n: 1}}\nsteps: []\n") == ["S006"]
    assert codes(f"{HEAD}params: [3]\nsteps: []\n") == ["S007"]
