"""Rules 31 and 38: who still waits, and whose a retry is."""

from __future__ import annotations

from tests.language.helpers import codes, only, pointed, with_steps, with_tasks

POOL = "pools:\n  main: {size: 1}\n"


def test_rule_31_a_task_that_waits_does_nothing_else() -> None:
    diagnostic = only(with_steps("a: SELECT 1 => blocks", "b: SELECT 1", "a: SELECT 2"))
    assert (diagnostic.code.name, pointed(diagnostic)) == ("R031", "SELECT 2")
    assert diagnostic.help == "collect it first: `await: a`"
    assert codes(with_steps("checkout: a => blocks", "return: a", head=POOL)) == ["R031"]


def test_rule_31_until_it_is_collected() -> None:
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


def test_an_awaited_task_exists() -> None:
    diagnostic = only(with_steps("writer: SELECT 1", "await: writr"))
    assert (diagnostic.code.name, pointed(diagnostic), diagnostic.help) == ("N010", "writr", "did you mean `writer`?")


def test_rule_38_a_retry_is_one_tasks() -> None:
    diagnostic = only(with_steps("retry: 2 times\ndo:\n  - a: SELECT 1\n  - b: SELECT 1"))
    assert diagnostic.code.name == "R038"
    nested = "for: i in 1..2\ndo:\n  - retry: 2 times\n    do:\n      - a: SELECT 1\n      - await: b"
    assert codes(with_steps("b: SELECT 1", nested)) == ["R038"]
    assert codes(with_steps("retry: 2 times\ndo:\n  - a: SELECT 1\n  - sleep: 1ms\n  - a: SELECT 2")) == []


def test_rule_38_in_tasks_it_always_is() -> None:
    assert codes(with_tasks(a=["retry: 2 times\ndo:\n  - SELECT 1\n  - a: SELECT 2"])) == []
