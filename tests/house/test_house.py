"""The package keeps the rules of the house, and each rule notices what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.house.rules import (
    LEAST_COMMENTS,
    RULES,
    class_names,
    comments,
    cycles,
    eager_dataclasses,
    late_imports,
    sizes,
    unused,
    wildcards,
)
from tests.house.source import ROOT, Module, modules

Rule = Callable[[Sequence[Module]], Iterator[str]]


def _slow(rule: Rule) -> tuple[pytest.MarkDecorator, ...]:
    """vulture reads all of the package anew, which takes three seconds."""
    return (pytest.mark.slow,) if rule is unused else ()


@cache
def package() -> list[Module]:
    return modules()


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=_slow(rule), id=rule.__name__) for rule in RULES])
def test_the_package_keeps(rule: Rule) -> None:
    assert list(rule(package())) == []


def module(text: str, name: str = "simdsl.core.one") -> Module:
    return Module(name=name, path=Path("one.py"), text=text)


MATCH = "match x:\n    case Point():\n        pass\n    case Line():\n        pass\n    case _:\n        {}\n"


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (sizes, ["x = 1\n" * 601]),
        (class_names, ["class Point:\n    pass\n", "class Point:\n    pass\n"]),
        (late_imports, ["def f():\n    import json\n"]),
        (comments, ["x = 1\n" * 100]),
        (cycles, ["from simdsl.core import m1\n", "import simdsl.core.m0\n"]),
        (
            cycles,
            [
                "if TYPE_CHECKING:\n    from simdsl.core.m1 import X\n",
                "import simdsl.core.m0\n",
            ],
        ),
        (wildcards, [MATCH.format("pass")]),
        (eager_dataclasses, ["from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    x: int\n"]),
    ],
)
def test_a_rule_notices(rule: Rule, texts: list[str]) -> None:
    made = [module(text, f"simdsl.core.m{number}") for number, text in enumerate(texts)]
    assert any("core" in place for place in rule(made))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (class_names, "class _Point:\n    pass\nclass _Point:\n    pass\n"),
        (late_imports, "def f():\n    # only where a plan asks for it\n    import json\n    import csv\n"),
        (late_imports, "def f():\n    import json  # only where a plan asks for it\n"),
        (comments, "x = 1  # why\n" * int(LEAST_COMMENTS) + "x = 1\n" * (100 - int(LEAST_COMMENTS))),
        (wildcards, MATCH.format("assert_never(x)")),
        (wildcards, MATCH.format("pass  # every other shape has no area")),
        (wildcards, "match x:\n    case str():\n        pass\n    case int():\n        pass\n    case _:\n        pass\n"),
    ],
)
def test_a_rule_permits(rule: Rule, text: str) -> None:
    assert list(rule([module(text)])) == []


def test_comments_for_tools_do_not_count() -> None:
    assert module("import x  # noqa: F401\ny = z()  # type: ignore\n").comments == {}
    assert module("import x  # noqa: F401  # keeps the order of loading\n").comments.keys() == {1}


def test_code_that_nothing_uses_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("import json\n", encoding="utf-8")
    assert [place.rpartition(": ")[2] for place in unused([Module(name="one", path=path, text="import json\n")])] == [
        "unused import 'json' (90% confidence)"
    ]


def test_every_directory_of_tests_is_named_like_a_package_or_explained() -> None:
    tests = ROOT / "tests"
    packages = {path.name for path in (ROOT / "simdsl").iterdir() if (path / "__init__.py").is_file()}
    explained = (tests / "README.md").read_text(encoding="utf-8")
    unknown = {
        path.name
        for path in tests.iterdir()
        if (path / "__init__.py").is_file() and path.name not in packages and f"`{path.name}/`" not in explained
    }
    assert unknown == set()
