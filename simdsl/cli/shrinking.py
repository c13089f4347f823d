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
from simdsl.bugbase.states import How
from simdsl.bugbase.store import Store
from simdsl.cli.again import Again
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.failing import unavailable, usage
from simdsl.cli.keeping import Keeping
from simdsl.cli.opening import open_all
from simdsl.cli.overrides import Selected, select
from simdsl.cli.paths import find
from simdsl.core.choices import fresh_seed
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import PlanStarted, RunEnded, RunReport
from simdsl.language.heads import parse_duration
from simdsl.language.problems import Refused
from simdsl.language.write import dump, dump_json
from simdsl.modes.alike import Bug, Other, Replay, failed, telling
from simdsl.modes.arena import RunOptions
from simdsl.modes.shrinking import Limits, Often, Shrinking, Unstable, tries
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Severity
from simdsl.plan.ir import Plan
from simdsl.report.screen import screen_of
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.runner.translating import Translators
from simdsl.shrinker.shrink import Shrunk
from simdsl.shrinker.size import step_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
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


def shrink_file(wanted: Wanted) -> Exit:
    """Do it. Raises ``Stop`` for what keeps it from being done."""
    limits = Limits(rounds=wanted.max_rounds, is_over=deadline("--for", wanted.time), repeats=wanted.repeats)
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
    wanted: Wanted, selected: Selected, again: Again, holds_on: Again | None, limits: Limits, secrets: Secrets
) -> Exit:
    first = again.doublechecked() if wanted.doublecheck else again.isolated()
    report = _failing(first, selected.plan, limits.repeats)
    if report is None:
        sys.stderr.write(f"{selected.name} does not fail (seed {selected.seed}): there is nothing to shrink\n")
        return Exit.NOTHING
    progress = Progress(sys.stderr, steps=step_count(selected.plan))
    failure = telling(report)
    progress.note(f"{selected.name}: {secrets.hide(failure.message)}")
    replay = again.isolated() if wanted.isolated else again.as_asked_by(failure)
    reference = None if holds_on is None else holds_on.isolated() if wanted.isolated else holds_on.here()
    shrinking = Shrinking(selected.plan, report, selected.seed, replay, limits, reference)
    keeping = None if wanted.bugbase is None else _keeping(wanted, wanted.bugbase, again, secrets, progress.note)
    if keeping is not None:
        keep(keeping, selected.plan, report, selected.name, selected.seed)
    code = Exit.HELD
    try:
        progress.follow(shrinking)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Unstable as error:
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


def keep(keeping: Keeping, plan: Plan, report: RunReport, file: str, seed: int) -> None:
    """Store a run that failed, as if it had just ended."""
    keeping.tell(PlanStarted(plan=plan, file=file, backend=report.backend, seed=seed))
    keeping.tell(RunEnded(report=report))


def tell_others(others: Mapping[Bug, Other], keeping: Keeping | None, file: str, seed: int) -> str | None:
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
class Progress:
    """`shrinking 412 -> 6 steps (131 tries, 2.1 s)`: one line, written over where that can be done."""

    out: TextIO
    steps: int
    began_ns: int = field(default_factory=real_ns)
    best: Shrunk | None = None

    def note(self, line: str) -> None:
        """A line of its own."""
        self.out.write(f"{line}\n")

    def tell(self, best: Shrunk) -> None:
        """How far it has come, where somebody watches."""
        if screen_of(self.out).live:
            self.out.write(f"\r{self._line(best)}\x1b[K")
            self.out.flush()

    def follow(self, shrinking: Shrinking) -> None:
        """Show how far it has come until it is at its end. Raises what that raises."""
        said = False
        for self.best in shrinking:
            if shrinking.often is not None and not said:
                said = True
                self.note(f"it fails {shrinking.often}, so each smaller plan is run up to {tries(shrinking.often)} times")
            self.tell(self.best)

    def end(self, shrinking: Shrinking) -> Shrunk | None:
        """The last line, and the best plan; None if there was not even a first one."""
        best = self.best
        if best is None:
            return None
        begin = "\r" if screen_of(self.out).live else ""
        stopped = "" if best.is_minimal else "; stopped before it was done"
        often: Often | None = shrinking.often_at_last
        rate = "" if often is None else f"; it fails {often}"
        self.out.write(f"{begin}{self._line(best)}{stopped}{rate}\n")
        return best

    def _line(self, best: Shrunk) -> str:
        seconds = (real_ns() - self.began_ns) / 1e9
        tries = "1 try" if best.asked == 1 else f"{best.asked:,} tries"
        return f"shrinking {self.steps:,} -> {step_count(best.case.plan):,} steps ({tries}, {seconds:.1f} s)"


def _selected(wanted: Wanted) -> Selected:
    found = find((wanted.path,), lines=True)
    opened = open_all(found)
    diagnostics = [*found.problems, *(diagnostic for one in opened for diagnostic in one.diagnostics)]
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise Stop(Exit.BAD_INPUT, *diagnostics)
    if len(opened) != 1:
        raise usage(Code.U008, f"{wanted.path} names {len(opened)} plans, and one is shrunk at a time")
    fresh = fresh_seed() if wanted.seed is None else wanted.seed
    return select(opened[0], seed=wanted.seed, fresh=fresh, schedule=wanted.schedule, params=wanted.params)


def _check(wanted: Wanted) -> None:
    """What does not go together. Raises ``Stop``."""
    pairs = (
        ("--doublecheck", wanted.doublecheck, "--isolated", wanted.isolated),
        ("--doublecheck", wanted.doublecheck, "--differential", len(wanted.backends) > 1),
    )
    for one, is_given, other, is_other_given in pairs:
        if is_given and is_other_given:
            raise usage(Code.U008, f"{one} and {other} do not go together")


def _again(urls: tuple[str, ...], selected: Selected) -> Again:
    options = RunOptions(seed=selected.seed, translators=Translators())
    return Again(file=selected.name, urls=urls, backends=tuple(map(_backend, urls)), options=options)


def _failing(replay: Replay, plan: Plan, repeats: int) -> RunReport | None:
    """The first run that fails of so many repetitions."""
    for _ in range(repeats):
        report = failed(replay, plan)
        if report is not None:
            return report
    return None


def _keeping(wanted: Wanted, directory: str, again: Again, secrets: Secrets, note: Callable[[str], None]) -> Keeping:
    how = How.DOUBLECHECK if wanted.doublecheck else How.DIFFERENTIAL if len(wanted.backends) > 1 else How.ONCE
    return Keeping(
        store=Store(directory),
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
    except Refused as refused:
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
