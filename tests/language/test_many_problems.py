"""A file with more problems than anybody reads: the first ones are collected, and a note says that there are more."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from simdsl.language.load import check_text
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.diagnostics import DiagnosticFormat, diagnostic_json, render_diagnostics
from simdsl.report.screen import Screen, excerpt
from simdsl.syntax.problems import MAX_PROBLEMS, nearest

HEAD = "simdsl: 1\nplan: long\n"
STEPS = HEAD + "steps:\n"
MANY = MAX_PROBLEMS + 5


def bad_lines(n: int) -> str:
    return STEPS + "".join(f"  - a: SELECT {i} => bogus{i}\n" for i in range(n))


def unknown_keys(n: int) -> str:
    return STEPS + "  - a: SELECT 1 => 1\n" + "".join(f"key{i}: {i}\n" for i in range(n))


def unknown_keys_of_a_pool(n: int) -> str:
    keys = "".join(f"    key{i}: {i}\n" for i in range(n))
    return f"{HEAD}pools:\n  main:\n    size: 1\n{keys}steps:\n  - a: SELECT 1 => 1\n"


def cut_lines(n: int) -> str:
    return STEPS + "".join(f"  - a: SELECT {i} # => {i}\n" for i in range(n))


def anchors(n: int) -> str:
    return STEPS + "".join(f"  - a: &x{i} SELECT {i} => {i}\n" for i in range(n))


def hidden_characters(n: int) -> str:
    return STEPS + "  - a: SELECT '" + "\x01" * n + "'\n"


def repeated_keys_in_json(n: int) -> str:
    keys = "".join(f', "doc": "{i}"' for i in range(n))
    return f'{{"simdsl": 1, "plan": "long", "doc": ""{keys}, "steps": [{{"a": "SELECT 1 => 1"}}]}}'


def found(text: str) -> list[Diagnostic]:
    """Without the warning that nothing is asserted, which holds where every line was refused."""
    return [diagnostic for diagnostic in check_text(text).diagnostics if diagnostic.code is not Code.W002]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "code"),
    [
        (bad_lines, Code.G201),
        (unknown_keys, Code.S002),
        (unknown_keys_of_a_pool, Code.S002),
        (cut_lines, Code.Y010),
        (anchors, Code.Y004),
        (hidden_characters, Code.Y015),
        (repeated_keys_in_json, Code.J002),
    ],
)
def test_errors_are_collected_up_to_a_limit(write: Callable[[int], str], code: Code) -> None:
    few = found(write(MAX_PROBLEMS))
    assert len(few) == MAX_PROBLEMS
    assert {diagnostic.code for diagnostic in few} == {code}
    checked = check_text(write(MANY))
    *collected, note = found(write(MANY))
    assert [(one.code, one.span) for one in collected] == [(one.code, one.span) for one in few]
    assert (note.code, note.span) == (Code.W003, None)
    assert checked.plan is None


def with_harmless_comments(n: int) -> str:
    return STEPS + "  - a: SELECT 1 => 1\n" + "".join(f"  - a: SELECT {i}  # nothing\n" for i in range(n))


def test_warnings_alone_refuse_nothing_however_many() -> None:
    checked = check_text(with_harmless_comments(MANY))
    assert checked.plan is not None
    assert len(checked.plan.steps or ()) == MANY + 1
    codes = [diagnostic.code for diagnostic in checked.diagnostics]
    assert codes == [Code.W001] * MAX_PROBLEMS + [Code.W003]


def test_an_error_behind_many_warnings_is_collected() -> None:
    checked = check_text(with_harmless_comments(MANY) + "  - a: SELECT 1 # => 1\n")
    assert checked.plan is None
    assert [diagnostic.code for diagnostic in checked.diagnostics][-2:] == [Code.Y010, Code.W003]


def shown(diagnostics: tuple[Diagnostic, ...]) -> str:
    return render_diagnostics(diagnostics, DiagnosticFormat.TEXT, Screen(width=200))


@pytest.mark.slow
def test_the_note_is_in_text_and_in_json() -> None:
    diagnostics = check_text(bad_lines(MANY)).diagnostics
    *_, rest, note = shown(diagnostics).split("\n\n")
    assert rest.endswith("has these")
    assert note.startswith(f"warning[W003]: there are more problems; only the first {MAX_PROBLEMS:,} errors")
    written = json.loads(render_diagnostics(diagnostics, DiagnosticFormat.JSON, Screen(width=200)))
    assert len(written) == MAX_PROBLEMS + 1
    assert written[-1] == diagnostic_json(diagnostics[-1])
    assert written[-1]["code"] == "W003"
    assert "W003" not in shown(check_text(bad_lines(MAX_PROBLEMS)).diagnostics)


def test_nothing_is_suggested_among_very_many_names() -> None:
    names = tuple(f"name_{i}" for i in range(1_000))
    assert nearest("name_12x", names) is not None
    assert nearest("name_12x", (*names, "one more")) is None


def test_a_mark_in_a_very_long_line_shows_what_is_around_it() -> None:
    around = "x" * 1_000_000
    shown_line = excerpt(f"{around} wrong {around}", len(around) + 2, 5, 60)
    assert "wrong" in shown_line.text
    assert shown_line.text[shown_line.indent : shown_line.indent + shown_line.length] == "wrong"
    assert shown_line.text.startswith("…")
    assert shown_line.text.endswith("…")
