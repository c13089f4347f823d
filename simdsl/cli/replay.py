"""Running stored bugs again: on the backends that they were found on, or on those that the call names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.bugbase.entry import BugEntry
from simdsl.bugbase.replay import BugReplay, ReplayVerdict, replay_bug
from simdsl.bugbase.states import RunMode
from simdsl.cli.exits import Exit, Stop
from simdsl.core.verdicts import FailureKind, Progress
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.report.secrets import MASK, secrets_given
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan

_VARIABLES: Final = ("SIMDSL_BACKEND", "SIMDSL_MSSQL_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayAttempt:
    """A bug that was run again, and whether it was because of a backend that it could not be said."""

    replayed: BugReplay
    is_unavailable: bool = False


def replay_stored_bug(entry: BugEntry, given: Sequence[str], *, shrunk: bool, repeats: int = 1) -> ReplayAttempt:
    """Run a bug again, up to so many times. ``given`` are URLs that stand for those of the bug, in their order."""
    stored = tuple(party.url for party in entry.config.backends)
    if given and len(given) != len(stored):
        reason = f"it was found on {_count(len(stored))}, and the call names {_count(len(given))}"
        return _error(entry, reason)
    urls = tuple(given) or tuple(_with_secret(url, os.environ) for url in stored)
    secrets = secrets_given(*urls)
    if any(MASK in url for url in urls):
        hint = f"name it by --backend, or in {_VARIABLES[0]}"
        return _error(entry, f"the secret of `{next(url for url in urls if MASK in url)}` is not stored: {hint}", True)
    try:
        backends = tuple(map(resolve, urls))
        return ReplayAttempt(
            replayed=replay_bug(entry, _ReplayRun(entry, urls, backends, shrunk), shrunk=shrunk, repeats=repeats)
        )
    except BackendUnavailable as error:
        return _error(entry, secrets.hide(str(error)), True)
    except Stop as stopped:  # of the other process of a doublecheck
        reason = f"the other process ended with {int(stopped.code)}"
        return _error(entry, reason, stopped.code is Exit.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _ReplayRun:
    """How the plan of a bug is run."""

    entry: BugEntry
    urls: Sequence[str]
    backends: Sequence[Backend]
    shrunk: bool

    def __call__(self, plan: Plan) -> Iterator[Progress]:
        file = str(self.entry.plan_file(shrunk=self.shrunk))
        options = RunOptions(seed=self.entry.config.seed)
        if self.entry.record.bug.kind == FailureKind.CRASH:
            from simdsl.workers.isolated_worker import IsolatedWorker  # most bugs kill nobody

            with IsolatedWorker(self.urls) as isolated:
                yield from isolated.run(plan, file, options)
            return
        match self.entry.config.how:
            case RunMode.DIFFERENTIAL:
                yield from run_differential(plan, file, self.backends, options)
            case RunMode.DOUBLECHECK:
                from simdsl.cli.doublecheck import OtherProcessRuns, doublechecked

                other = OtherProcessRuns([file, "--seed", str(options.seed)], self.urls[0])
                yield from doublechecked(run_plan(plan, file, self.backends[0], options), other, self.backends[0])
            case RunMode.ONCE:
                yield from run_plan(plan, file, self.backends[0], options)


def exit_of(tried: Sequence[ReplayAttempt]) -> Exit:
    """A failure outweighs what could not be said, and that outweighs what is as it should be."""
    if any(one.replayed.is_failure for one in tried):
        return Exit.FAILURE
    if any(one.is_unavailable for one in tried):
        return Exit.UNAVAILABLE
    unsaid = not tried or any(one.replayed.answer is ReplayVerdict.ERROR for one in tried)
    return Exit.NOTHING if unsaid else Exit.HELD


def _with_secret(url: str, environment: Mapping[str, str]) -> str:
    """The URL of the environment that is this one when it is masked, else this one."""
    if MASK not in url:
        return url
    return next((one for one in map(environment.get, _VARIABLES) if one and mask(one) == url), url)


def _error(entry: BugEntry, reason: str, is_unavailable: bool = False) -> ReplayAttempt:
    return ReplayAttempt(
        replayed=BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=reason), is_unavailable=is_unavailable
    )


def _count(n: int) -> str:
    return "one backend" if n == 1 else f"{n} backends"
