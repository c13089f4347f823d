"""The whole page: a fold over what a call tells, rendered by jinja2 in the end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from importlib.resources import files
from typing import Any, Final, TypeAlias, assert_never

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from simdsl import __version__
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.report.context import (
    NOTHING_ASSERTED,
    Destination,
    Report,
    ReportContext,
    ReportOutput,
    Secrets,
    choice_list,
    count_noun,
    params_text,
)
from simdsl.report.html.evidence import evidence_panel, lane_groups
from simdsl.report.html.lanes import LaneGrid, grid_rules
from simdsl.report.screen import visible

# Longer texts are folded, in characters.
LONG: Final = 400


# More of one text is left out, and the page says how much.
LONGEST: Final = 20_000


# Results of up to this many rows are shown open, larger ones folded.
FEW_ROWS: Final = 4


# More rows of one result are left out, and the page says how many.
MOST_ROWS: Final = 100


# Text that has been rendered, or is part of the page itself: it is not escaped again.
Html: TypeAlias = Markup


_NAMES: Final = ("page", "run", "evidence", "lanes", "macros")


class PageTemplates:
    """The templates of the page. Every ``str`` that is put into one is text; only what a template rendered is HTML."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._environment = Environment(
            autoescape=True,
            loader=DictLoader({f"{name}.html.jinja": resource(f"templates/{name}.html.jinja") for name in _NAMES}),
            undefined=StrictUndefined,  # a misspelled name is an error in a test, not a hole in somebody's report
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self._finalize,
        )
        self._environment.filters["masked"] = secrets.hide
        self._environment.globals.update(LONG=LONG, FEW_ROWS=FEW_ROWS, MOST_ROWS=MOST_ROWS)

    def render(self, name: str, values: Mapping[str, Any]) -> Html:
        """One template as HTML."""
        return Html(self._environment.get_template(f"{name}.html.jinja").render(values))

    def shown(self, text: str) -> str:
        """A text as it may be shown: secrets hidden, control characters as escapes, cut where it is longest."""
        text = self._secrets.hide(text)
        cut = f" … {len(text) - LONGEST:,} more characters" if len(text) > LONGEST else ""
        return "\n".join(map(visible, text[:LONGEST].split("\n"))) + cut

    def _finalize(self, value: object) -> object:
        # Markup is a str as well; its `__html__` says that it has been through here before.
        return self.shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def resource(name: str) -> str:
    """A file that lies beside this module, in a checkout as in a wheel."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


# How many runs that passed are shown, where nothing else is said.
DEFAULT_PASSING: Final = 20


# Runs that passed are left out when those that are shown take so much, in characters.
PASSING_SIZE: Final = 16 * 2**20


_HEADING: Final = 80


_FORBIDDEN: Final = "base-uri 'none'; form-action 'none'"


# The runs of all backends under one schedule.
_Group: TypeAlias = list[RunReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan in the index of the page. ``link`` is the anchor of its first run, None where no run is shown."""

    verdict: Verdict
    name: str
    file: str
    link: str | None
    runs: int
    assertions: int
    why: str


@dataclass(slots=True)
class _Plan:
    """What is kept of the plan that runs."""

    started: PlanStarted
    shown: _Group = field(default_factory=list)  # the first group that warned, else the first
    current: _Group = field(default_factory=list)
    failed: list[_Group] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        # Backends of a differential run report one after the other; a new schedule or entry of params begins a new group.
        if self.current and (self.current[0].run, self.current[0].params) != (report.run, report.params):
            self.close()
        self.current.append(report)

    def close(self) -> None:
        """The current group is whole: keep it if it says something."""
        if not self.current:
            return
        if any(report.verdict is Verdict.FAIL for report in self.current):
            self.failed.append(self.current)
        # One passing run a plan says how it looks; one with a warning says more.
        elif not self.shown or (_warned(self.current) and not _warned(self.shown)):
            self.shown = self.current
        self.current = []


class HtmlReport:
    """Folds a call into one HTML page. Every run that failed is on it, of those that passed one a plan, up to a bound."""

    def __init__(self, context: ReportContext) -> None:
        self._context = context
        self._templates = PageTemplates(context.secrets)
        self._passing = DEFAULT_PASSING if context.passing_runs is None else context.passing_runs
        self._size = 0
        self._plan: _Plan | None = None
        self._index: list[PlanRow] = []
        self._runs: list[Html] = []
        self._runs_told = self._runs_shown = 0
        self._ended: AllPlansEnded | None = None
        self._counts = dict.fromkeys(Verdict, 0)
        self._failures = 0
        self._columns = self._tasks = 1

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""
        match progress:
            case PlanStarted():
                self._plan = _Plan(progress)
            case RunEnded(report=report):
                assert self._plan is not None
                self._plan.add(report)
                self._runs_told += 1
            case PlanEnded():
                self._close(progress)
            case AllPlansEnded():
                self._ended = progress
            case _:
                assert_never(progress)

    def outputs(self, broken: str | None = None) -> Sequence[ReportOutput]:
        """The page."""
        return [ReportOutput(Destination.FILE, self.page(broken).encode())]

    def page(self, broken: str | None = None) -> str:
        """The document. ``broken`` says why the call came to no end."""
        # The policy of the page names style and script by digest, so nothing that gets into the page can add its own.
        style = Html(f"{resource('report.css')}\n{grid_rules(self._columns, self._tasks, self._tasks)}")
        script = Html(resource("report.js"))
        values = {
            "policy": f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; {_FORBIDDEN}",
            "title": self._title(),
            "style": style,
            "script": script,
            "header": self._context.header,
            "version": __version__,
            "counts": list(self._counts.items()),
            "warnings": list(self._warnings(broken)),
            "left_out": self._runs_told - self._runs_shown,
            "plans": self._index,
            "failures": self._failures,
            "runs": self._runs,
        }
        return str(self._templates.render("page", values))

    def _close(self, ended: PlanEnded) -> None:
        plan = self._plan
        if plan is None:
            plan = _Plan(PlanStarted(plan=ended.plan, file=ended.file, backend=ended.backend, seed=ended.seed))
        self._plan = None
        plan.close()
        self._counts[ended.verdict] += 1
        # Failures first: readers come for them.
        groups = plan.failed
        if ended.verdict is not Verdict.FAIL and plan.shown:
            groups = [*groups, plan.shown]
        elif not groups and ended.failed is not None:  # a run of which nobody told
            groups = [[ended.failed]]
        links = [key for group in groups if (key := self._run(ended, group)) is not None]
        self._index.append(_plan_row(ended, links))

    def _run(self, ended: PlanEnded, group: _Group) -> str | None:
        """Render one run, unless there is no room for one more that passed; its anchor on the page.

        A run is rendered as it ends and kept as text: its trace, which is larger by far, can go.
        """
        failed = next((report for report in group if report.verdict is Verdict.FAIL), None)
        if failed is None and (self._passing <= 0 or self._size > PASSING_SIZE):
            return None
        key = f"r{len(self._runs) + 1}"
        text = self._rendered(ended, group, failed, key)
        self._runs.append(text)
        self._runs_shown += len(group)
        if failed is None:
            self._passing -= 1
            self._size += len(text)
        else:
            self._failures += 1
        return key

    def _rendered(self, ended: PlanEnded, group: _Group, failed: RunReport | None, key: str) -> Html:
        shown = _reference_and(failed, group)
        groups = lane_groups(ended.plan, shown)
        tasks = _tasks(ended.plan, [task for group in groups for task in group.timeline.tasks])
        grid = LaneGrid(key=key, groups=groups, tasks=tasks)
        self._columns, self._tasks = max(self._columns, grid.columns), max(self._tasks, len(tasks))
        evidence = None
        if failed is not None:
            again = self._context.reproduce(ended.file, failed, ended.seed)
            evidence = evidence_panel(failed, self._context.source_of(ended.file), groups, key=key, again=again)
        values = {
            "key": key,
            "verdict": max((one.verdict for one in group), key=_WEIGHTS.index),
            "name": ended.plan.name,
            "facts": self._facts(failed or group[0], shown),
            "evidence": evidence,
            "warnings": list(dict.fromkeys(warning for report in group for warning in report.warnings)),
            "grid": grid,
        }
        return self._templates.render("run", values)

    def _facts(self, report: RunReport, shown: Sequence[RunReport]) -> str:
        facts = [f"run {report.run} on {' and '.join(one.backend for one in shown)}"]
        if report.params:
            facts.append(_brief(params_text(report.params)))
        if report.choices:
            facts.append(f"schedule {_brief(choice_list(report.choices))}")
        facts += [count_noun(report.steps, "step"), count_noun(report.assertions, "assertion"), f"digest {report.digest}"]
        return ", ".join(facts)

    def _title(self) -> str:
        total = sum(self._counts.values())
        failed = self._counts[Verdict.FAIL]
        if failed:
            return f"simdsl: {failed} of {total} {'plan' if total == 1 else 'plans'} failed"
        return f"simdsl: {total} {'plan' if total == 1 else 'plans'}, none failed"

    def _warnings(self, broken: str | None) -> Iterator[str]:
        if broken is not None:
            yield broken
        elif self._ended is not None and self._ended.interrupted:
            yield "interrupted: only the plans that had ended are here"
        if self._ended is not None and not self._ended.assertions:
            yield NOTHING_ASSERTED


_WEIGHTS: Final = (Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.FAIL)


def _brief(text: str) -> str:
    """What stands in a heading; the command that repeats the run has all of it."""
    return text if len(text) <= _HEADING else f"{text[:_HEADING]}…"


def _warned(group: _Group) -> bool:
    return any(report.verdict is Verdict.WARN for report in group)


def _reference_and(failed: RunReport | None, group: _Group) -> _Group:
    """The reference and the one that failed, else the last."""
    first, other = group[0], group[-1] if failed is None else failed
    return [first] if other is first else [first, other]


def _tasks(plan: Plan, met: Sequence[str]) -> tuple[str, ...]:
    """The tasks in the plan's order; those that never moved are left out, and sessions come in the order of their steps."""
    declared = [task.name for task in plan.tasks or ()] if plan.workload is None else list(plan.workload.tasks)
    there = set(met)
    return tuple(dict.fromkeys([*(task for task in declared if task in there), *met]))


def open_report(context: ReportContext) -> Report:
    """See ``protocol.ReportModule``."""
    return HtmlReport(context)


def refused(
    diagnostics: Sequence[Diagnostic], secrets: Secrets, repository_path: Callable[[str], str | None]
) -> Sequence[ReportOutput]:
    """Nothing: a page of a call in which nothing ran would have nothing to show."""
    return ()


def _plan_row(ended: PlanEnded, links: Sequence[str]) -> PlanRow:
    failure = ended.failed.failure if ended.failed is not None else None
    return PlanRow(
        verdict=ended.verdict,
        name=ended.plan.name,
        file=ended.file,
        link=links[0] if links else None,
        runs=ended.runs,
        assertions=ended.assertions,
        why=failure.message if failure is not None else ended.reason or "; ".join(ended.warnings),
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
