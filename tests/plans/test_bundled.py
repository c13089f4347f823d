"""Every bundled plan holds, or says why it is skipped; and every one is written as a plan should be."""

from __future__ import annotations

import pytest

from simdsl.core.verdicts import Verdict
from simdsl.language.dump import dump, dump_json
from simdsl.language.formatter import format_text
from simdsl.language.load import load_text
from simdsl.language.plan_schema import to_json, violations
from simdsl.syntax.document import Data
from simdsl.syntax.files import read_file
from tests.plans.bundled import BACKENDS, FILES, LACKING, MVCC, NAMES, RACING, ROOT, plan_of, problem, ran, why_skipped

ROOMS = ("errors", "found", "locks", "pool", "schedule", "tx", "values", "workload")

bundled = pytest.mark.parametrize("name", NAMES)

# Each database of Turso is a process. To explore takes long, and says nothing of MVCC that single orders do not say.
RUNS = [
    pytest.param(name, backend, marks=pytest.mark.slow) if backend.startswith("turso") else (name, backend)
    for name in NAMES
    for backend in BACKENDS
    if backend != MVCC or plan_of(name).steps is not None
]


@pytest.mark.parametrize(("name", "backend"), RUNS)
def test_it_holds_or_says_why_it_is_skipped(name: str, backend: str) -> None:
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    ended = ran(name, backend).ended
    reason = why_skipped(name, backend)
    if reason is not None:
        assert (ended.verdict, ended.reason) == (Verdict.SKIP, reason)
        return
    verdict = Verdict.WARN if name in RACING.get(backend, ()) else Verdict.PASS
    assert ended.verdict is verdict, (ended.reason, ended.warnings, ended.failed and ended.failed.failure)
    assert ended.assertions > 0


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
    assert min(map(rooms.count, ROOMS)) >= 4


@bundled
def test_some_backend_runs_it(name: str) -> None:
    assert name == "errors/lost-connection" or any(why_skipped(name, backend) is None for backend in BACKENDS)


def test_the_tables_speak_of_bundled_plans() -> None:
    assert {name for names in (*LACKING.values(), *RACING.values()) for name in names} <= set(NAMES)


def test_who_races_says_so_and_nothing_else() -> None:
    if (missing := problem("postgres")) is not None:
        pytest.skip(missing)
    for name in RACING["postgres"]:
        (warning,) = ran(name, "postgres").ended.warnings
        assert warning.startswith("race: ")
