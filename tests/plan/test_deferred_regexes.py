"""Regular expressions that are compiled when they are used."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import simdsl
from simdsl.plan.deferred import LazyRegex, lazy_regex


def test_it_is_the_pattern_once_it_is_used() -> None:
    word = lazy_regex(r"[a-z]+", re.IGNORECASE)
    for _ in range(2):
        assert word.fullmatch("Ab") is not None
        assert word.sub("-", "a1b") == "-1-"
        assert (word.pattern, word.groups) == ("[a-z]+", 0)


def test_bytes_are_searched_too() -> None:
    assert lazy_regex(rb"\d").findall(b"a1b2") == [b"1", b"2"]


def test_a_mistake_is_raised_by_the_first_use() -> None:
    with pytest.raises(re.error):
        lazy_regex("(").match("")


def test_every_expression_of_the_package_compiles() -> None:
    found = 0
    for module in walk_packages(simdsl.__path__, "simdsl."):
        # The child of Turso's backend is a program: importing it runs it.
        if module.name.endswith((".__main__", ".child")):
            continue
        for value in vars(import_module(module.name)).values():
            if isinstance(value, LazyRegex):
                value.match  # noqa: B018
                found += 1
    assert found > 50
