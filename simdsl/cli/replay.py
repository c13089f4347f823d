"""Running stored bugs again: on the backends that they were found on, or on those that the call names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.bugbase.entry import BugEntry
from simdsl.bugbase.replay import BugReplay, ReplayVerdict
from simdsl.bugbase.replay import replay_bug as replayed
from simdsl.bugbase.states import RunMode
from simdsl.cli.execution import Execute, PlanExecutor, replay
from simdsl.cli.exits import Exit
from simdsl.cli.output import counted
from simdsl.core.verdicts import FailureKind
from simdsl.plan.dataclasses import dataclass
from simdsl.report.secrets import MASK, secrets_given
from simdsl.runs.context import RunOptions

_VARIABLES: Final = ("SIMDSL_BACKEND", "SIMDSL_MSSQL_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayAttempt:
    """A bug that was run again, and whether an unavailable backend kept it from an answer."""

    replayed: BugReplay
    is_unavailable: bool = False


def replay_bug(entry: BugEntry, given: Sequence[str], *, shrunk: bool, runs: int = 1) -> ReplayAttempt:
    """Run a bug again, up to ``runs`` times. ``given`` are URLs to use instead of those of the bug, in their order."""
    stored = tuple(party.url for party in entry.config.backends)
    if given and len(given) != len(stored):
        found, named = counted(len(stored), "backend"), counted(len(given), "backend")
        return _error(entry, f"it was found on {found}, and the call names {named}")
    urls = tuple(given) or tuple(_with_secret(url, os.environ) for url in stored)
    secrets = secrets_given(*urls)
    if any(MASK in url for url in urls):
        hint = f"name it by --backend, or in {_VARIABLES[0]}"
        return _error(entry, f"the secret of `{next(url for url in urls if MASK in url)}` is not stored: {hint}", True)
    try:
        with PlanExecutor(urls=urls, backends=tuple(map(resolve, urls))) as executor:
            file = str(entry.plan_file(shrunk=shrunk))
            again = replay(_execution(entry, executor), file, RunOptions(seed=entry.config.seed))
            return ReplayAttempt(replayed=replayed(entry, again, shrunk=shrunk, repeats=runs))
    except BackendUnavailable as error:
        return _error(entry, secrets.hide(str(error)), True)


def _execution(entry: BugEntry, executor: PlanExecutor) -> Execute:
    """How the plan was executed when it failed; a crash needs a subprocess."""
    if entry.record.bug.kind == FailureKind.CRASH:
        return executor.isolated
    return executor.doublechecked if entry.config.how is RunMode.DOUBLECHECK else executor.here


def exit_of(tried: Sequence[ReplayAttempt]) -> Exit:
    """A failure outweighs a bug without an answer, and that outweighs everything that is as it should be."""
    if any(one.replayed.is_failure for one in tried):
        return Exit.FAILURE
    if any(one.is_unavailable for one in tried):
        return Exit.UNAVAILABLE
    unsaid = not tried or any(one.replayed.answer is ReplayVerdict.ERROR for one in tried)
    return Exit.NOTHING_CHECKED if unsaid else Exit.OK


def _with_secret(url: str, environment: Mapping[str, str]) -> str:
    """The URL of the environment that is this one when it is masked, else this one."""
    if MASK not in url:
        return url
    return next((one for one in map(environment.get, _VARIABLES) if one and mask(one) == url), url)


def _error(entry: BugEntry, reason: str, is_unavailable: bool = False) -> ReplayAttempt:
    return ReplayAttempt(
        replayed=BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=reason), is_unavailable=is_unavailable
    )
