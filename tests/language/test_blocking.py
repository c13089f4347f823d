"""Rule 31: no step uses a connection whose statement is blocked."""

from __future__ import annotations

from tests.language.helpers import codes, only, pointed, with_steps

POOL = "pools:\n  main: {size: 1}\n"


def test_rule_31_a_blocked_task_does_nothing_else() -> None:
    diagnostic = only(with_steps("a: SELECT 1 => blocks", "b: SELECT 1", "a: SELECT 2"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("R031", "SELECT 2")
    assert diagnostic.help == "await it first: `await: a`"
    assert codes(with_steps("checkout: a => blocks", "return: a", head=POOL)) == ["R031"]


def test_rule_31_until_it_is_awaited() -> None:
    assert codes(with_steps("a: SELECT 1 => blocks", "await: a", "a: SELECT 2")) == []
    assert codes(with_steps("a: SELECT 1 => blocks", "await: all => 1", "a: SELECT 2")) == []
    assert codes(with_steps("a: SELECT 1 => blocks", "b: SELECT 1", "await: b", "a: SELECT 2")) == ["R031"]


def test_rule_31_only_what_is_certain() -> None:
    assert codes(with_steps("a: SELECT 1 => blocks or error busy", "a: SELECT 2")) == []
    assert codes(with_steps("a: SELECT 1 => error busy\npostgres: => blocks", "a: SELECT 2")) == []
    assert codes(with_steps("a: SELECT 1 => blocks\nonly: [postgres]", "a: SELECT 2")) == []
    loop = "for: i in 1..2\ndo:\n  - await: a"
    assert codes(with_steps("a: SELECT 1 => blocks", loop, "a: SELECT 2")) == []
    assert codes(with_steps("a: SELECT 1 => blocks", "for: i in 1..2\ndo:\n  - a: SELECT 2")) == ["R031"]
    assert codes(with_steps("a: SELECT 1 => blocks", "awiat: a", "a: SELECT 2")) == ["N003"]
