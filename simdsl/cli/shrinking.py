"""The call of ``simdsl shrink``: run, shrink with a line of progress, write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import field
from typing import TextIO

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.bugbase.states import RunMode
from simdsl.bugbase.store import BugStore
from simdsl.cli.bug_recording import BugRecorder
from simdsl.cli.errors import unavailable, usage
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.overrides import SelectedPlan, select
from simdsl.cli.plan_files import find_files, open_plans
from simdsl.cli.rerun import Rerun
from simdsl.core.choices import fresh_seed
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import PlanStarted, RunEnded, RunReport
from simdsl.failures.same_failure import FailureIdentity, OtherFailure, PlanRunner, failed_run, primary_failure
from simdsl.language.dump import dump, dump_json
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import Plan
from simdsl.report.screen import screen_of
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import FailureRate, NotReproducible, ShrinkDriver, ShrinkLimits, runs_needed
from simdsl.shrinker.case import count_steps
from simdsl.shrinker.driver import ShrinkSnapshot
from simdsl.syntax.cells import parse_duration
from simdsl.syntax.problems import ParseError


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkOptions:
    """What the command line asked for; ``time`` as it was written."""

    path: str
    backends: tuple[str, ...]
    holds_on: str | None
    isolated: bool
    doublecheck: bool
    seed: int | None
    schedule: str | None
    params: int | None
    max_rounds: int | None
    time: str | None
    repeats: int
    bugbase: str | None  # the directory
    output: str | None


def shrink_file(wanted: ShrinkOptions) -> Exit:
    """Do it. Raises ``Stop`` for what keeps it from being done."""
    limits = ShrinkLimits(rounds=wanted.max_rounds, is_over=deadline("--for", wanted.time), repeats=wanted.repeats)
    _check(wanted)
    selected = _selected(wanted)
    secrets = secrets_given(*wanted.backends, *([wanted.holds_on] if wanted.holds_on else ()))
    with ExitStack() as stack:
        again = stack.enter_context(_again(wanted.backends, selected))
        holds_on = None if wanted.holds_on is None else stack.enter_context(_again((wanted.holds_on,), selected))
        try:
            return _shrink(wanted, selected, again, holds_on, limits, secrets)
        except BackendUnavailable as error:
            raise unavailable(secrets.hide(str(error)), about=mask(wanted.backends[0])) from error


def _shrink(
    wanted: ShrinkOptions,
    selected: SelectedPlan,
    again: Rerun,
    holds_on: Rerun | None,
    limits: ShrinkLimits,
    secrets: Secrets,
) -> Exit:
    first = again.doublechecked() if wanted.doublecheck else again.isolated()
    report = _failing(first, selected.plan, limits.repeats)
    if report is None:
        sys.stderr.write(f"{selected.name} does not fail (seed {selected.seed}): there is nothing to shrink\n")
        return Exit.NOTHING
    progress = ShrinkProgress(sys.stderr, steps=count_steps(selected.plan))
    failure = primary_failure(report)
    progress.note(f"{selected.name}: {secrets.hide(failure.message)}")
    replay = again.isolated() if wanted.isolated else again.as_asked_by(failure)
    reference = None if holds_on is None else holds_on.isolated() if wanted.isolated else holds_on.here()
    shrinking = ShrinkDriver(selected.plan, report, selected.seed, replay, limits, reference)
    keeping = None if wanted.bugbase is None else _keeping(wanted, wanted.bugbase, again, secrets, progress.note)
    if keeping is not None:
        keep(keeping, selected.plan, report, selected.name, selected.seed)
    code = Exit.HELD
    try:
        progress.follow(shrinking)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except NotReproducible as error:
        progress.note(f"{selected.name} {error}, so it is not shrunk")
        return Exit.FAILURE
    best = progress.end(shrinking)
    if best is not None:
        if keeping is not None:
            keeping.keep_last_shrunk(best.case.plan)
        _write(best.case.plan, wanted.output)
    met = tell_others(shrinking.others, keeping, selected.name, selected.seed)
    if met is not None:
        progress.note(met)
    return code


def keep(keeping: BugRecorder, plan: Plan, report: RunReport, file: str, seed: int) -> None:
    """Store a run that failed, as if it had just ended."""
    keeping.tell(PlanStarted(plan=plan, file=file, backend=report.backend, seed=seed))
    keeping.tell(RunEnded(report=report))


def tell_others(
    others: Mapping[FailureIdentity, OtherFailure], keeping: BugRecorder | None, file: str, seed: int
) -> str | None:
    """Store the other bugs that were met, if there is where; a line about them, if there are any."""
    if not others:
        return None
    met = "1 other bug was met" if len(others) == 1 else f"{len(others)} other bugs were met"
    if keeping is None:
        return f"{met}, which `--bugbase-dir` keeps: {', '.join(bug.fingerprint for bug in others)}"
    for other in others.values():
        keep(keeping, other.plan, other.report, file, seed)
    return f"{met}: {keeping.store.directory}"


@dataclass(slots=True, kw_only=False)
class ShrinkProgress:
    """`shrinking 412 -> 6 steps (131 tries, 2.1 s)`: one line, written over where that can be done."""

    out: TextIO
    steps: int
    began_ns: int = field(default_factory=real_ns)
    best: ShrinkSnapshot | None = None

    def note(self, line: str) -> None:
        """A line of its own."""
        self.out.write(f"{line}\n")

    def tell(self, best: ShrinkSnapshot) -> None:
        """How far it has come, where somebody watches."""
        if screen_of(self.out).live:
            self.out.write(f"\r{self._line(best)}\x1b[K")
            self.out.flush()

    def follow(self, shrinking: ShrinkDriver) -> None:
        """Show how far it has come until it is at its end. Raises what that raises."""
        said = False
        for self.best in shrinking:
            if shrinking.failure_rate is not None and not said:
                said = True
                runs = runs_needed(shrinking.failure_rate)
                self.note(f"it fails {shrinking.failure_rate}, so each smaller plan is run up to {runs} times")
            self.tell(self.best)

    def end(self, shrinking: ShrinkDriver) -> ShrinkSnapshot | None:
        """The last line, and the best plan; None if there was not even a first one."""
        best = self.best
        if best is None:
            return None
        begin = "\r" if screen_of(self.out).live else ""
        stopped = "" if best.is_minimal else "; stopped before it was done"
        often: FailureRate | None = shrinking.final_failure_rate
        rate = "" if often is None else f"; it fails {often}"
        self.out.write(f"{begin}{self._line(best)}{stopped}{rate}\n")
        return best

    def _line(self, best: ShrinkSnapshot) -> str:
        seconds = (real_ns() - self.began_ns) / 1e9
        tries = "1 try" if best.asked == 1 else f"{best.asked:,} tries"
        return f"shrinking {self.steps:,} -> {count_steps(best.case.plan):,} steps ({tries}, {seconds:.1f} s)"


def _selected(wanted: ShrinkOptions) -> SelectedPlan:
    found = find_files((wanted.path,), lines=True)
    opened = open_plans(found)
    diagnostics = [*found.problems, *(diagnostic for one in opened for diagnostic in one.diagnostics)]
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise Stop(Exit.BAD_INPUT, *diagnostics)
    if len(opened) != 1:
        raise usage(Code.U008, f"{wanted.path} names {len(opened)} plans, and one is shrunk at a time")
    fresh = fresh_seed() if wanted.seed is None else wanted.seed
    return select(opened[0], seed=wanted.seed, fresh=fresh, schedule=wanted.schedule, params=wanted.params)


def _check(wanted: ShrinkOptions) -> None:
    """What does not go together. Raises ``Stop``."""
    pairs = (
        ("--doublecheck", wanted.doublecheck, "--isolated", wanted.isolated),
        ("--doublecheck", wanted.doublecheck, "--differential", len(wanted.backends) > 1),
    )
    for one, is_given, other, is_other_given in pairs:
        if is_given and is_other_given:
            raise usage(Code.U008, f"{one} and {other} do not go together")


def _again(urls: tuple[str, ...], selected: SelectedPlan) -> Rerun:
    options = RunOptions(seed=selected.seed, translators=TranslatorCache())
    return Rerun(file=selected.name, urls=urls, backends=tuple(map(_backend, urls)), options=options)


def _failing(replay: PlanRunner, plan: Plan, repeats: int) -> RunReport | None:
    """The first run that fails of so many repetitions."""
    for _ in range(repeats):
        report = failed_run(replay, plan)
        if report is not None:
            return report
    return None


def _keeping(
    wanted: ShrinkOptions, directory: str, again: Rerun, secrets: Secrets, note: Callable[[str], None]
) -> BugRecorder:
    how = RunMode.DOUBLECHECK if wanted.doublecheck else RunMode.DIFFERENTIAL if len(wanted.backends) > 1 else RunMode.ONCE
    return BugRecorder(
        store=BugStore(directory),
        backends=again.backends,
        backend_urls=wanted.backends,
        secrets=secrets,
        how=how,
        note=note,
    )


def _backend(url: str) -> Backend:
    try:
        return resolve(url)
    except BackendUnavailable as error:
        raise unavailable(secrets_given(url).hide(str(error)), about=mask(url)) from error


def deadline(option: str, time: str | None) -> Callable[[], bool]:
    """Whether that time, such as `30s`, has passed since now. Raises ``Stop`` for what is no time."""
    if time is None:
        return lambda: False
    try:
        end = real_ns() + parse_duration(time) * 1_000
    except ParseError as refused:
        trouble = refused.troubles[0]
        raise usage(Code.U008, f"{option} `{time}`: {trouble.message}", help=f"for example: {option} 30s") from None
    return lambda: real_ns() >= end


def _write(plan: Plan, output: str | None) -> None:
    text = dump_json(plan) if output is not None and output.endswith(".json") else dump(plan)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with open(output, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=output) from None
