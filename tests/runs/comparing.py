"""Run the text of a plan on several backends and compare them."""

from __future__ import annotations

from textwrap import dedent

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded, RunEnded
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from tests.running import Ran

Compared = Ran


def differential(text: str, *backends: str | Backend, seed: int = 1) -> Ran:
    """Run a plan to its end. The head (`simdsl: 1`, `plan: test`) may be left out; sqlite on its own is against itself."""
    text = dedent(text)
    if not text.lstrip().startswith("simdsl:"):
        text = f"simdsl: 1\nplan: test\n{text}"
    return compare_loaded(load_text(text), *backends, seed=seed)


def compare_loaded(plan: Plan, *backends: str | Backend, seed: int = 1) -> Ran:
    """Run a plan that is loaded already."""
    chosen = [resolve(one) if isinstance(one, str) else one for one in backends]
    *progress, ended = run_differential(plan, "test.yaml", chosen, RunOptions(seed=seed))
    assert isinstance(ended, PlanEnded)
    return Ran(plan=plan, ended=ended, reports=tuple(event.report for event in progress if isinstance(event, RunEnded)))
