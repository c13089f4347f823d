"""The call of ``simdsl shrink``: run, shrink with a line of progress, write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.failing import unavailable, usage
from simdsl.cli.opening import open_all
from simdsl.cli.overrides import Selected, select
from simdsl.cli.paths import find
from simdsl.core.choices import fresh_seed
from simdsl.core.clock import real_ns
from simdsl.language.heads import parse_duration
from simdsl.language.problems import Refused
from simdsl.language.write import dump, dump_json
from simdsl.modes.alike import Replay, failed, telling
from simdsl.modes.arena import RunOptions
from simdsl.modes.differential import run_differential
from simdsl.modes.once import run_plan
from simdsl.modes.shrinking import Limits, Unstable, shrink_run
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Severity
from simdsl.plan.ir import Plan
from simdsl.report.screen import screen_of
from simdsl.report.secrets import secrets_given
from simdsl.runner.translating import Translators
from simdsl.shrinker.shrink import Shrunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asked for; ``time`` as it was written."""

    path: str
    backends: tuple[str, ...]
    holds_on: str | None
    seed: int | None
    schedule: str | None
    params: int | None
    max_rounds: int | None
    time: str | None
    output: str | None


def shrink_file(wanted: Wanted) -> Exit:
    """Do it. Raises ``Stop`` for what keeps it from being done."""
    limits = Limits(rounds=wanted.max_rounds, is_over=deadline("--for", wanted.time))
    selected = _selected(wanted)
    replay = _replay(wanted.backends, selected)
    holds_on = None if wanted.holds_on is None else _replay((wanted.holds_on,), selected)
    secrets = secrets_given(*wanted.backends, *([wanted.holds_on] if wanted.holds_on else ()))
    try:
        report = failed(replay, selected.plan)
        if report is None:
            sys.stderr.write(f"{selected.name} does not fail (seed {selected.seed}): there is nothing to shrink\n")
            return Exit.NOTHING
        progress = Progress(sys.stderr, steps=step_count(selected.plan))
        progress.note(f"{selected.name}: {secrets.hide(telling(report).message)}")
        best: Shrunk | None = None
        code = Exit.HELD
        try:
            for best in shrink_run(selected.plan, report, selected.seed, replay, limits, holds_on):
                progress.tell(best)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
        except Unstable as error:
            progress.note(f"{selected.name} {error}, so it is not shrunk")
            return Exit.FAILURE
    except BackendUnavailable as error:
        raise unavailable(secrets.hide(str(error)), about=mask(wanted.backends[0])) from error
    if best is None:
        return code
    progress.end(best)
    _write(best.case.plan, wanted.output)
    return code


@dataclass(slots=True, kw_only=False)
class Progress:
    """`shrinking 412 -> 6 steps (131 tries, 2.1 s)`: one line, written over where that can be done."""

    out: TextIO
    steps: int
    began_ns: int = field(default_factory=real_ns)

    def note(self, line: str) -> None:
        """A line of its own."""
        self.out.write(f"{line}\n")

    def tell(self, best: Shrunk) -> None:
        """How far it has come, where somebody watches."""
        if screen_of(self.out).live:
            self.out.write(f"\r{self._line(best)}\x1b[K")
            self.out.flush()

    def end(self, best: Shrunk) -> None:
        """The last line."""
        begin = "\r" if screen_of(self.out).live else ""
        stopped = "" if best.is_minimal else "; stopped before it was done"
        self.out.write(f"{begin}{self._line(best)}{stopped}\n")

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


def _replay(urls: Sequence[str], selected: Selected) -> Replay:
    backends = [_backend(url) for url in urls]
    options = RunOptions(seed=selected.seed, translators=Translators())
    if len(backends) == 1:
        return partial(run_plan, file=selected.name, backend=backends[0], options=options)
    return partial(run_differential, file=selected.name, backends=backends, options=options)


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


def step_count(plan: Plan) -> int:
    """The steps of a plan, those of setup and `finally` included; of a workload those of each action once."""
    tasks = sum(len(task.steps) for task in plan.tasks or ())
    actions = sum(len(deed.body) for deed in plan.workload.deeds) if plan.workload is not None else 0
    return len(plan.setup) + len(plan.steps or ()) + tasks + actions + len(plan.finally_)


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
