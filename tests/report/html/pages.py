"""Pages of plans that are run for a test."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent

from simdsl.backends.registry import resolve
from simdsl.core.verdicts import Progress
from simdsl.language.load import check_text
from simdsl.report.context import NO_SECRETS, CallHeader, PlanSource, ReportContext, Secrets
from simdsl.report.html import DEFAULT_PASSING, HtmlReport
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan

AGAIN = "simdsl run a.yaml --seed 1"


def plan_text(text: str) -> str:
    """With its head, which may be left out."""
    text = dedent(text)
    return text if text.startswith("simdsl:") else f"simdsl: 1\nplan: test\n{text}"


def report_of(
    *texts: str, backends: Sequence[str] = ("sqlite",), passing: int = DEFAULT_PASSING, secrets: Secrets = NO_SECRETS
) -> HtmlReport:
    """The report of a call over these plans, which has not ended yet."""
    checked = {f"{number}.yaml": check_text(plan_text(text), f"{number}.yaml") for number, text in enumerate(texts, 1)}

    def told(file: str) -> PlanSource:
        plan = checked[file].plan
        assert plan is not None, checked[file].diagnostics
        return PlanSource(file=file, plan=plan, document=checked[file].document)

    context = ReportContext(
        header=CallHeader(seed=1, backend=" against ".join(backends), plans=len(texts)),
        secrets=secrets,
        source_of=told,
        reproduce=lambda file, report, seed: AGAIN,
        passing_runs=passing,
    )
    report = HtmlReport(context)
    for file in checked:
        for progress in _progress(told(file), backends):
            report.tell(progress)
    return report


def page_of(
    *texts: str, backends: Sequence[str] = ("sqlite",), passing: int = DEFAULT_PASSING, secrets: Secrets = NO_SECRETS
) -> str:
    """The page of a call over these plans."""
    return report_of(*texts, backends=backends, passing=passing, secrets=secrets).page()


def _progress(told: PlanSource, backends: Sequence[str]) -> list[Progress]:
    resolved = [resolve(backend) for backend in backends]
    if len(resolved) == 1:
        return list(run_plan(told.plan, told.file, resolved[0], RunOptions(seed=1)))
    return list(run_differential(told.plan, told.file, resolved, RunOptions(seed=1)))
