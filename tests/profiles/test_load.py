"""Finding, extending, merging: whose value counts, and who is named as its origin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import PlanError
from simdsl.profiles.load import MergedProfile, check_profile, check_text, load_profile
from simdsl.profiles.profile import ColumnType, Profile

Write = Callable[[str, str], str]
HEAD = "simdsl: 1\nprofile: {}\n"


def merged(name: str, *overrides: str) -> MergedProfile:
    checked = check_profile(name, overrides)
    assert checked.diagnostics == ()
    assert checked.merged is not None
    return checked.merged


def test_the_smallest_profile_is_the_defaults(write: Write) -> None:
    assert load_profile(write("some.yaml", HEAD.format("mine"))) == Profile(name="mine")


def test_a_profile_by_its_name_and_by_its_path(write: Write) -> None:
    for suffix in (".yaml", ".yml"):
        write(f"profiles/my-{suffix[1:]}{suffix}", HEAD.format(f"my-{suffix[1:]}") + "steps: 7\n")
        assert load_profile(f"my-{suffix[1:]}").steps == 7
    assert load_profile("profiles/my-yml.yml").steps == 7
    assert load_profile("./profiles/my-yml.yml").steps == 7


def test_json_says_the_same(write: Write) -> None:
    data = {"$schema": "x", "simdsl": 1, "profile": "j", "weights": {"update": 0}, "max_sleep": "5ms", "ddl_rate": 1}
    write("profiles/j.json", json.dumps(data))
    profile = load_profile("j")
    assert (profile.weights.update, profile.max_sleep_us, profile.ddl_rate) == (0, 5000, 1.0)


def test_numbers_are_what_their_fields_are(write: Write) -> None:
    name = write("n.yaml", HEAD.format("n") + "steps: 3.0\nddl_rate: -0.0\nerror_rate: 1\n")
    profile = load_profile(name)
    assert (type(profile.steps), str(profile.ddl_rate), type(profile.error_rate)) == (int, "0.0", float)


def test_what_counts_most(write: Write) -> None:
    write(
        "profiles/one.yaml",
        HEAD.format("one") + "doc: One.\nsteps: 1\ntasks: 1\nweights: {select: 1, insert: 1, update: 1}\n",
    )
    write("profiles/two.yaml", HEAD.format("two") + "extends: one\ntasks: 2\nweights: {insert: 2, update: 2}\n")
    write("profiles/three.yaml", HEAD.format("three") + "extends: two\nweights: {update: 3}\nschema: {types: [text]}\n")
    found = merged("three", "weights.delete=9", "weights.delete=4", "seed=5")
    profile = found.profile
    assert (profile.name, profile.doc, profile.seed) == ("three", None, 5)
    assert (profile.steps, profile.tasks, profile.expression_depth) == (1, 2, 3)
    weights = profile.weights
    assert (weights.select, weights.insert, weights.update, weights.delete) == (1, 2, 3, 4)
    assert profile.schema.types == (ColumnType.TEXT,)
    origins = {".".join(key): origin for key, origin in found.origins.items()}
    assert origins["profile"] == origins["weights.update"] == origins["schema.types"] == "profiles/three.yaml"
    assert origins["tasks"] == origins["weights.insert"] == "profiles/two.yaml"
    assert origins["steps"] == origins["weights.select"] == "profiles/one.yaml"
    assert origins["weights.delete"] == origins["seed"] == "--set"
    assert origins["weights.ddl"] == origins["pool.size"] == "default"
    assert "doc" not in origins


def test_a_bundled_origin_has_no_path(here: Path) -> None:
    origins = merged("faulty").origins
    assert origins["weights", "fault"] == "bundled faulty.yaml"
    assert origins["tasks",] == "bundled stress.yaml"


def test_a_profile_of_yours_comes_before_its_namesake_and_may_extend_it(write: Write) -> None:
    bundled = load_profile("stress")
    write("profiles/stress.yaml", HEAD.format("stress") + "extends: stress\nsteps: 3\n")
    mine = load_profile("stress")
    assert (mine.steps, mine.tasks) == (3, bundled.tasks)
    # What comes with simdsl extends what comes with simdsl.
    assert load_profile("faulty").steps == bundled.steps


def test_a_base_is_looked_for_beside_the_file_first(write: Write) -> None:
    write("profiles/base.yaml", HEAD.format("base") + "steps: 1\n")
    write("other/base.yaml", HEAD.format("base") + "steps: 2\n")
    assert load_profile(write("other/a.yaml", HEAD.format("a") + "extends: base\n")).steps == 2
    assert load_profile(write("third/a.yaml", HEAD.format("a") + "extends: base\n")).steps == 1


def test_an_unknown_name(write: Write) -> None:
    (diagnostic,) = check_profile("quikc").diagnostics
    assert (diagnostic.code, diagnostic.help) == (Code.P009, "did you mean `quick`?")
    name = write("a.yaml", HEAD.format("a") + "extends: stres\n")
    (diagnostic,) = check_profile(name).diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (Code.P009, 3, 10)
    assert diagnostic.help == "did you mean `stress`?"


def test_a_missing_file(here: Path) -> None:
    assert [one.code for one in check_profile("no/such.yaml").diagnostics] == [Code.F001]
    assert [one.code for one in check_profile(".yaml").diagnostics] == [Code.F001]
    with pytest.raises(PlanError, match="F001"):
        load_profile("none.json")


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("a", "b", "c")])
def test_a_circle(write: Write, names: tuple[str, ...]) -> None:
    for name, base in zip(names, (*names[1:], names[0]), strict=True):
        write(f"profiles/{name}.yaml", HEAD.format(name) + f"extends: {base}\n")
    (diagnostic,) = check_profile("a").diagnostics
    assert diagnostic.code is Code.P010
    assert diagnostic.file == f"profiles/{names[-1]}.yaml"
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (3, 10)


def test_a_circle_that_does_not_close_at_the_first(write: Write) -> None:
    write("profiles/a.yaml", HEAD.format("a") + "extends: b\n")
    write("profiles/b.yaml", HEAD.format("b") + "extends: c\n")
    write("profiles/c.yaml", HEAD.format("c") + "extends: b\n")
    assert [one.code for one in check_profile("a").diagnostics] == [Code.P010]


def test_mistakes_of_all_files_and_options_are_told_at_once(write: Write) -> None:
    write("profiles/base.yaml", HEAD.format("base") + "steps: 0\n")
    write("profiles/a.yaml", HEAD.format("a") + "extends: base\ntasks: many\n")
    found = check_profile("a", ["weights.updat=1"]).diagnostics
    assert [(one.code, one.file) for one in found] == [
        (Code.P004, "profiles/a.yaml"),
        (Code.P005, "profiles/base.yaml"),
        (Code.P002, "--set"),
    ]


def test_nothing_to_draw_is_judged_of_the_whole(write: Write) -> None:
    zeros = ", ".join(f"{name}: 0" for name in Profile(name="x").weights.__dataclass_fields__)
    write("profiles/nothing.yaml", HEAD.format("nothing") + f"weights: {{{zeros}}}\n")
    (diagnostic,) = check_profile("nothing").diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (Code.P012, 3, 1)
    assert check_profile("nothing", ["weights.select=1"]).diagnostics == ()
    some = write("some.yaml", HEAD.format("some") + "extends: nothing\nweights: {insert: 2}\n")
    assert load_profile(some).weights.insert == 2


def test_faults_are_drawn_only_where_there_are_any(here: Path) -> None:
    none = [f"faults.{name}=0" for name in Profile(name="x").faults.__dataclass_fields__]
    assert check_profile("quick", none).diagnostics == ()
    assert [one.code for one in check_profile("faulty", none).diagnostics] == [Code.P012]


def test_a_file_that_is_called_otherwise(write: Write) -> None:
    path = write("profiles/a.yaml", HEAD.format("b"))
    (diagnostic,) = check_profile("a").diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (Code.P014, 2, 10)
    assert load_profile(path).name == "b"


def test_a_text(here: Path) -> None:
    checked = check_text(HEAD.format("a") + "extends: quick\n")
    assert checked.merged is not None
    assert checked.merged.origins["steps",] == "bundled quick.yaml"
