"""The whole page: a fold over what a call tells, and the document that it makes in the end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from importlib.resources import files
from typing import Final, TypeAlias, assert_never

from simdsl import __version__
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.report.context import CallHeader, PlanSource, choice_list, params_text
from simdsl.report.html.evidence import evidence_panel, lane_groups
from simdsl.report.html.lanes import LaneGrid, grid_rules
from simdsl.report.html.markup import HtmlText
from simdsl.report.secrets import Secrets

DEFAULT_PASSING: Final = 20
"""How many runs that passed are shown, where nothing else is said."""

PASSING_SIZE: Final = 16 * 2**20
"""Runs that passed are left out when those that are shown take so much, in characters."""

_HEADING: Final = 80

_FORBIDDEN: Final = "base-uri 'none'; form-action 'none'"

_Group: TypeAlias = list[RunReport]
"""The runs of all backends under one schedule."""


@dataclass(slots=True)
class _Plan:
    """What is kept of the plan that runs."""

    started: PlanStarted
    shown: _Group = field(default_factory=list)  # the first group that warned, else the first
    current: _Group = field(default_factory=list)
    failed: list[_Group] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        if self.current and (self.current[0].run, self.current[0].params) != (report.run, report.params):
            self.close()
        self.current.append(report)

    def close(self) -> None:
        """The current group is whole: keep it if it says something."""
        if not self.current:
            return
        if any(report.verdict is Verdict.FAIL for report in self.current):
            self.failed.append(self.current)
        elif not self.shown or (_warned(self.current) and not _warned(self.shown)):
            self.shown = self.current
        self.current = []


class HtmlReport:
    """Folds a call into one HTML page. Every run that failed is on it, of those that passed one a plan, up to a bound."""

    def __init__(
        self,
        call: CallHeader,
        *,
        secrets: Secrets,
        told: Callable[[str], PlanSource],
        reproduce: Callable[[str, RunReport, int], str],
        passing: int = DEFAULT_PASSING,
    ) -> None:
        """``told`` finds a plan's text by its file; ``reproduce`` gives the command that shows a run again."""
        self._call = call
        self._markup = HtmlText(secrets=secrets)
        self._told = told
        self._reproduce = reproduce
        self._passing = passing
        self._size = 0
        self._plan: _Plan | None = None
        self._index: list[str] = []
        self._runs: list[str] = []
        self._told_of = self._shown = 0  # runs
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
                self._told_of += 1
            case PlanEnded():
                self._close(progress)
            case AllPlansEnded():
                self._ended = progress
            case _:
                assert_never(progress)

    def page(self, broken: str | None = None) -> str:
        """The document. ``broken`` says why the call came to no end."""
        style = f"{_resource('report.css')}\n{grid_rules(self._columns, self._tasks, self._tasks)}"
        script = _resource("report.js")
        policy = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; {_FORBIDDEN}"
        return "".join(
            (
                '<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n<meta http-equiv="Content-Security-Policy" ',
                f'content="{policy}">\n<meta name=viewport content="width=device-width,initial-scale=1">\n',
                f"<meta name=color-scheme content='light dark'><title>{self._title()}</title>\n",
                f"<style>{style}</style></head>\n<body>",
                *self._head(broken),
                "<main>",
                *self._runs,
                "</main>",
                f"<script>{script}</script></body></html>\n",
            )
        )

    def _close(self, ended: PlanEnded) -> None:
        plan = self._plan
        if plan is None:
            plan = _Plan(PlanStarted(plan=ended.plan, file=ended.file, backend=ended.backend, seed=ended.seed))
        self._plan = None
        plan.close()
        self._counts[ended.verdict] += 1
        groups = plan.failed
        if ended.verdict is not Verdict.FAIL and plan.shown:
            groups = [*groups, plan.shown]
        elif not groups and ended.failed is not None:  # a run of which nobody told
            groups = [[ended.failed]]
        links = [key for group in groups if (key := self._run(ended, group)) is not None]
        self._index.append(self._entry(ended, links))

    def _run(self, ended: PlanEnded, group: _Group) -> str | None:
        """Draw one run, unless there is no room for one more that passed; its place on the page."""
        failed = next((report for report in group if report.verdict is Verdict.FAIL), None)
        if failed is None and (self._passing <= 0 or self._size > PASSING_SIZE):
            return None
        key = f"r{len(self._runs) + 1}"
        text = "".join(self._drawn(ended, group, failed, key))
        self._runs.append(text)
        self._shown += len(group)
        if failed is None:
            self._passing -= 1
            self._size += len(text)
        else:
            self._failures += 1
        return key

    def _drawn(self, ended: PlanEnded, group: _Group, failed: RunReport | None, key: str) -> Iterator[str]:
        text = self._markup.text
        shown = _two(group, failed)
        verdict = failed.verdict if failed is not None else max((one.verdict for one in group), key=_WEIGHTS.index)
        sides = lane_groups(ended.plan, shown)
        tasks = _tasks(ended.plan, [task for side in sides for task in side.timeline.tasks])
        lanes = LaneGrid(key=key, sides=sides, tasks=tasks, markup=self._markup)
        self._columns, self._tasks = max(self._columns, lanes.columns), max(self._tasks, len(tasks))
        first = failed or group[0]
        is_open = " open" if failed is not None else ""
        yield f"<details class='run {verdict}' id={key}{is_open}><summary><span class='pill {verdict}'>{verdict}</span> "
        yield f"<b>{text(ended.plan.name)}</b> <span class=faint>{text(self._facts(first, shown))}</span></summary>"
        if failed is not None:
            again = self._reproduce(ended.file, failed, ended.seed)
            yield from evidence_panel(failed, self._told(ended.file), sides, key=key, again=again, markup=self._markup)
        for warning in dict.fromkeys(warning for report in group for warning in report.warnings):
            yield f"<p class=warning>{text(warning)}</p>"
        if len(tasks) > 1:
            yield "<p class=filter>tasks "
            for number, task in enumerate(tasks):
                yield f"<button class=task data-task={number} aria-pressed=true>{text(task)}</button>"
            yield "</p>"
        yield from lanes.render()
        yield "</details>\n"

    def _facts(self, report: RunReport, shown: Sequence[RunReport]) -> str:
        facts = [f"run {report.run} on {' and '.join(one.backend for one in shown)}"]
        if report.params:
            facts.append(_brief(params_text(report.params)))
        if report.choices:
            facts.append(f"schedule {_brief(choice_list(report.choices))}")
        facts.append(f"{report.steps:,} steps, {report.assertions:,} judged, digest {report.digest}")
        return ", ".join(facts)

    def _title(self) -> str:
        total = sum(self._counts.values())
        failed = self._counts[Verdict.FAIL]
        if failed:
            return f"simdsl: {failed} of {total} {'plan' if total == 1 else 'plans'} failed"
        return f"simdsl: {total} {'plan' if total == 1 else 'plans'}, none failed"

    def _head(self, broken: str | None) -> Iterator[str]:
        text = self._markup.text
        yield f"<header><h1>{self._title()}</h1><p class=faint>"
        yield f"seed {self._call.seed} · {text(self._call.backend)} · simdsl {__version__}</p><p class=counts>"
        for verdict, number in self._counts.items():
            yield f"<span class='pill {verdict if number else 'none'}'>{number} {verdict}</span>"
        yield "</p>"
        if broken is not None:
            yield f"<p class=warning>{text(broken)}</p>"
        elif self._ended is not None and self._ended.interrupted:
            yield "<p class=warning>interrupted: only the plans that had ended are here</p>"
        if self._ended is not None and not self._ended.assertions:
            yield "<p class=warning>nothing was judged, so nothing is known</p>"
        left_out = self._told_of - self._shown
        if left_out:
            yield f"<p class=faint>{left_out:,} runs that passed are left out; every run that failed is here.</p>"
        yield "<nav aria-label=plans><table><tr><th>verdict<th>plan<th>file<th>runs<th>judged<th>"
        yield from self._index
        yield "</table></nav>"
        if self._failures:
            yield '<p><a class=jump id=first href="#">jump to the first failure</a></p>'
        yield "<p class='faint keys'><kbd>f</kbd> <kbd>F</kbd> next, previous failure · <kbd>j</kbd> <kbd>k</kbd> next, "
        yield "previous step · <kbd>1</kbd>…<kbd>9</kbd> a task on and off · <kbd>t</kbd> top</p></header>"

    def _entry(self, ended: PlanEnded, links: Sequence[str]) -> str:
        text = self._markup.text
        name = text(ended.plan.name)
        if links:
            name = f'<a href="#{links[0]}">{name}</a>'
        failure = ended.failed.failure if ended.failed is not None else None
        why = failure.message if failure is not None else ended.reason or "; ".join(ended.warnings)
        return (
            f"<tr class={ended.verdict}><td><span class='pill {ended.verdict}'>{ended.verdict}</span><td>{name}"
            f"<td>{text(ended.file)}<td>{ended.runs:,}<td>{ended.assertions:,}<td>{text(why)}\n"
        )


_WEIGHTS: Final = (Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.FAIL)


def _brief(text: str) -> str:
    """What stands in a heading; the command that repeats the run has all of it."""
    return text if len(text) <= _HEADING else f"{text[:_HEADING]}…"


def _warned(group: _Group) -> bool:
    return any(report.verdict is Verdict.WARN for report in group)


def _two(group: _Group, failed: RunReport | None) -> _Group:
    """The reference and the one that failed, else the last."""
    first, other = group[0], group[-1] if failed is None else failed
    return [first] if other is first else [first, other]


def _tasks(plan: Plan, met: Sequence[str]) -> tuple[str, ...]:
    """The tasks in the plan's order; those that never moved are left out, and sessions come in the order of their steps."""
    declared = [task.name for task in plan.tasks or ()] if plan.workload is None else list(plan.workload.tasks)
    there = set(met)
    return tuple(dict.fromkeys([*(task for task in declared if task in there), *met]))


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
