"""Every bundled plan holds, or says why it is skipped; and every one is written as a plan should be."""

from __future__ import annotations

import pytest

from simdsl.core.verdicts import Verdict
from simdsl.language.document import Data
from simdsl.language.format import format_text
from simdsl.language.load import load_text
from simdsl.language.read import read_file
from simdsl.language.schema import to_json, violations
from simdsl.language.write import dump, dump_json
from tests.plans.bundled import FILES, NAMES, ROOT, SKIPPED, plan_of, ran

ROOMS = ("errors", "locks", "pool", "schedule", "tx", "values")

bundled = pytest.mark.parametrize("name", NAMES)


@bundled
def test_it_holds_or_says_why_it_is_skipped(name: str) -> None:
    ended = ran(name).ended
    if name in SKIPPED:
        assert (ended.verdict, ended.reason) == (Verdict.SKIP, SKIPPED[name])
        return
    assert ended.verdict is Verdict.PASS, (ended.warnings, ended.failed and ended.failed.failure)
    assert ended.judged > 0


@bundled
def test_it_is_named_like_its_file_and_documented(name: str) -> None:
    plan = plan_of(name)
    assert plan.name == name.rpartition("/")[2]
    assert plan.doc is not None
    assert 30 < len(plan.doc) < 500


@bundled
def test_its_first_line_finds_the_schema(name: str) -> None:
    up = "../" * (name.count("/") + 1)
    first, _, _ = (ROOT / f"{name}.yaml").read_text("utf-8").partition("\n")
    assert first == f"# yaml-language-server: $schema={up}schemas/plan.schema.json"


@bundled
def test_it_stands_in_the_one_layout(name: str) -> None:
    text = (ROOT / f"{name}.yaml").read_text("utf-8")
    assert format_text(text, name) == text
    assert all(len(line) <= 125 for line in text.splitlines())


@bundled
def test_an_editor_accepts_it(name: str) -> None:
    document = read_file(str(ROOT / f"{name}.yaml")).document
    assert document is not None
    data: Data = document.data
    assert violations(to_json(data), "plan") == ()


@bundled
def test_it_loads_as_it_was_dumped(name: str) -> None:
    plan = plan_of(name)
    assert load_text(dump(plan)) == plan
    assert load_text(dump_json(plan), f"{name}.json") == plan


def test_names_are_unique_and_every_room_has_several() -> None:
    stems = [file.stem for file in FILES]
    assert len(set(stems)) == len(stems)
    assert NAMES.count("first") == 1
    rooms = [name.partition("/")[0] for name in NAMES if name != "first"]
    assert sorted(set(rooms)) == sorted(ROOMS)
    assert min(map(rooms.count, ROOMS)) >= 5


def test_the_list_of_skipped_plans_has_no_others() -> None:
    assert set(SKIPPED) <= set(NAMES)
