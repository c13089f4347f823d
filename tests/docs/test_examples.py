"""Every plan of the documentation comes to what the page says, and every command prints what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded
from simdsl.language.load import check_text
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan
from tests.docs.blocks import ROOT, Block, blocks, pages
from tests.docs.console import agrees, commands, is_runnable, masked, run_page

_BLOCKS = [block for page in pages() for block in blocks(page)]
_PLANS = [block for block in _BLOCKS if block.is_plan and block.verdict is not None]
_CONSOLES = [page for page in pages() if any(block.language == "console" and block.is_run for block in blocks(page))]
_VERDICTS = {"pass": "holds", "fail": "fails", "warn": "warns", "skip": "skips"}


@pytest.mark.parametrize("block", _PLANS, ids=lambda block: block.place)
def test_plan_comes_to_what_its_page_says(block: Block) -> None:
    checked = check_text(block.body, block.place)
    errors = tuple(d.code.name for d in checked.diagnostics if d.severity is Severity.ERROR)
    if block.verdict == "refused":
        assert errors == block.codes
        return
    assert checked.plan is not None, checked.diagnostics
    ended = _ended(checked.plan, block.place)
    assert _VERDICTS[ended.verdict] == block.verdict, ended.failed or ended.reason or ended.warnings


def _ended(plan: Plan, name: str) -> PlanEnded:
    for progress in run_plan(plan, name, resolve("sqlite"), RunOptions(seed=1)):
        if isinstance(progress, PlanEnded):
            return progress
    raise AssertionError("a plan that does not end")


@pytest.mark.slow
@pytest.mark.parametrize("page", _CONSOLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_print_what_their_page_shows(page: Path, tmp_path: Path) -> None:
    for block, ran in run_page(page, tmp_path):
        assert is_runnable(block), f"{block.place}: say why it is not run"
        for one in ran:
            assert one.exit_code == block.exit_code, f"{block.place}: {one.command.text}\n{one.output}"
            shown = one.command.output
            if shown is not None and not agrees(shown, one.output):
                assert masked(one.output) == masked(shown), f"{block.place}: {one.command.text}"


def test_readme_begins_with_its_two_commands() -> None:
    first, second = [block for block in blocks(ROOT / "README.md") if block.language == "console"][:2]
    (run,), (test,) = commands(first), commands(second)
    assert run.text.endswith("simdsl run plans/first.yaml --differential postgres")
    assert "pytest" in test.text
    assert all(". .venv/bin/activate &&" in one.text and "-c constraints.txt" in one.text for one in (run, test))
    assert not first.is_run
    assert not second.is_run
