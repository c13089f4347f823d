"""``simdsl bugs``, and the listener of ``--bugbase-dir``, which stores what fails."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import mask, resolve
from simdsl.bugbase.entry import TRACE, BugbaseError, BugEntry, BugObject, BugReplay, BugState, ReplayVerdict, RunMode
from simdsl.bugbase.entry import replay_bug as replayed
from simdsl.bugbase.store import BugCapture, BugStore
from simdsl.cli.execution import CallContext, Execute, PlanExecutor, RunListener, plan_runner
from simdsl.cli.option_values import backend_url
from simdsl.cli.output import Exit, Stop, counted, print_diagnostics, usage
from simdsl.cli.requests import BugsListRequest, BugsMarkRequest, BugsPruneRequest, BugsReplayRequest, BugsShowRequest
from simdsl.core.clock import utc_now
from simdsl.core.verdicts import FailureKind, PlanStarted, Progress, RunEnded, RunReport
from simdsl.failures import FailureIdentity, OtherFailure
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.report.context import MASK, Secrets, secrets_given
from simdsl.report.screen import visible
from simdsl.runs.context import RunOptions

_P = ParamSpec("_P")


_R = TypeVar("_R")


_DATE: Final = lazy_regex(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")


def _stopping(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Diagnostics of the bug base end the call."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except BugbaseError as error:
            raise bugbase_stop(error) from None

    return call


@_stopping
def list_bugs(request: BugsListRequest) -> Exit | None:
    """Print a line for each bug."""
    entries, problems = BugStore(request.bugbase).entries()
    if request.json:
        _print_json([entry.to_json() for entry in entries])
    else:
        for entry in entries:
            record = entry.record
            _print(f"{record.state:<5}  {record.count:>4}x  {record.last_seen}  {entry.name}  {record.message}")
    return _told(problems)


@_stopping
def show_bug(request: BugsShowRequest) -> Exit | None:
    """Print everything about one bug."""
    entry = BugStore(request.bugbase).find(request.bug)
    if request.json:
        _print_json(entry.to_json())
    else:
        for line in _shown(entry):
            _print(line)
    return None


@_stopping
def replay_bugs(request: BugsReplayRequest) -> Exit | None:
    """Run these bugs, or all, and print an answer for each."""
    store = BugStore(request.bugbase)
    urls = _urls(request)
    entries, problems = _chosen(store, request.bugs)
    tried: list[ReplayAttempt] = []
    for entry in entries:
        one = replay_bug(entry, urls, shrunk=request.shrunk, runs=request.runs)
        tried.append(one)
        if not request.json:  # at once, since a base of hundreds of bugs takes minutes
            _print_answer(one)
        if request.update:
            _update(store, one)
    if request.json:
        _print_json([_answer(one) for one in tried])
    elif not tried and not problems:
        sys.stderr.write(f"no bugs in {request.bugbase}\n")
    # A bug that is there again must not be hidden by a damaged directory beside it.
    code = replay_exit(tried)
    refused = _told(problems)
    return code if code is Exit.FAILURE else refused or code


@_stopping
def mark_bug(request: BugsMarkRequest) -> Exit | None:
    """Set the state of a bug."""
    state = BugState(request.state)
    if state is BugState.KNOWN and not (request.why or "").strip():
        raise usage(Code.U008, "a known bug needs a reason", help="give --why TEXT")
    store = BugStore(request.bugbase)
    entry = store.find(request.bug)
    store.mark(entry.name, state, request.why)
    _print(f"{entry.name} is {state}")
    return None


@_stopping
def prune_bugs(request: BugsPruneRequest) -> Exit | None:
    """Remove fixed bugs, and those last seen before a date."""
    not_seen_since = request.not_seen_since
    if not_seen_since is not None and not _DATE.fullmatch(not_seen_since):
        raise usage(Code.U008, f"--not-seen-since `{not_seen_since}` is not a date", help="such as 2025-01-31")
    store = BugStore(request.bugbase)
    entries, problems = store.entries()
    for entry in entries:
        record = entry.record
        # Dates in ISO form compare as text, and are in UTC as the records are.
        is_old = not_seen_since is not None and record.last_seen[:10] < not_seen_since
        if record.state is not BugState.FIXED and not is_old:
            continue
        if not request.dry_run:
            store.remove(entry.name)
        verb = "would remove" if request.dry_run else "removed"
        _print(f"{verb} {entry.name} ({record.state}, last seen {record.last_seen})")
    return _told(problems)


def _urls(request: BugsReplayRequest) -> tuple[str, ...]:
    """The backends that the call names instead of the stored ones. Raises ``Stop``."""
    servers = request.server_options()
    # With several backends, or with those of the bug, it would be unclear which one the server stands for.
    if servers and len(request.backends) != 1:
        raise usage(
            Code.U008, f"--{next(iter(servers))} has no effect without a single --backend", help="give `--backend` once"
        )
    return tuple(backend_url(url, servers) for url in request.backends)


def _chosen(store: BugStore, names: Sequence[str]) -> tuple[tuple[BugEntry, ...], tuple[Diagnostic, ...]]:
    if not names:
        return store.entries()
    # The beginnings of two names may mean one bug, which is replayed once.
    found = {entry.name: entry for entry in map(store.find, names)}
    return tuple(found.values()), ()


def _update(store: BugStore, tried: ReplayAttempt) -> None:
    entry = tried.replayed.entry
    if tried.replayed.answer is ReplayVerdict.FIXED and entry.record.state is not BugState.FIXED:
        store.mark(entry.name, BugState.FIXED, entry.record.why)
    elif tried.replayed.answer is ReplayVerdict.FAILED:
        store.seen(entry.name, utc_now())


def _shown(entry: BugEntry) -> Iterator[str]:
    record, config = entry.record, entry.config
    why = "" if record.why is None else f": {record.why}"
    yield f"{entry.name}"
    yield f"  {record.message}"
    for name in ("expected", "got"):
        for line in record.failure.get(name, ()):
            yield f"  {name:<11} {line}"
    yield f"  state       {record.state}{why}"
    yield f"  fingerprint {record.bug.fingerprint}"
    yield f"  seen        {record.count}x, first {record.first_seen}, last {record.last_seen}"
    yield f"  found by    simdsl {config.simdsl} {config.how}, {config.file}, seed {config.seed}"
    for party in config.backends:
        yield f"  on          {party.url}: {party.engine} {party.engine_version}, {party.driver} {party.driver_version}"
    yield f"  plan        {entry.plan_file()}"
    if entry.shrunk is not None:
        yield f"  shrunk      {entry.shrunk}"
    yield f"  trace       {entry.folder / TRACE}"


def _answer(tried: ReplayAttempt) -> BugObject:
    one = tried.replayed
    return {
        "name": one.entry.name,
        "state": str(one.entry.record.state),
        "answer": str(one.answer),
        "reason": one.reason,
        "other": one.other,
        "expected": one.is_expected,
    }


def _print_answer(tried: ReplayAttempt) -> None:
    one = tried.replayed
    reason = f": {one.reason}" if one.reason else ""
    _print(f"{one.answer:<6}  {one.entry.name} ({one.entry.record.state}){reason}")


def _told(problems: Sequence[Diagnostic]) -> Exit | None:
    sys.stdout.flush()  # or, in a file that takes both streams, problems would stand before what they are about
    print_diagnostics(problems, sys.stderr)
    return Exit.BAD_INPUT if problems else None


def _print(line: str) -> None:
    print(visible(line), flush=True)


def _print_json(data: BugObject | list[BugObject]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


# Where a call may have the URL with the password that a stored bug must not have.
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
    # Connecting with `***` as the password would be reported as a backend that refuses, which misleads.
    if any(MASK in url for url in urls):
        hint = f"name it by --backend, or in {_VARIABLES[0]}"
        return _error(entry, f"the secret of `{next(url for url in urls if MASK in url)}` is not stored: {hint}", True)
    try:
        with PlanExecutor(urls=urls, backends=tuple(map(resolve, urls))) as executor:
            file = str(entry.plan_file(shrunk=shrunk))
            again = plan_runner(_execution(entry, executor), file, RunOptions(seed=entry.config.seed))
            return ReplayAttempt(replayed=replayed(entry, again, shrunk=shrunk, repeats=runs))
    except BackendUnavailable as error:  # the next bug may be of a backend that is there
        return _error(entry, secrets.hide(str(error)), True)


def _execution(entry: BugEntry, executor: PlanExecutor) -> Execute:
    """How the plan was executed when it failed; a crash needs a subprocess."""
    if entry.record.bug.kind == FailureKind.CRASH:
        return executor.isolated
    return executor.doublechecked if entry.config.how is RunMode.DOUBLECHECK else executor.here


def replay_exit(tried: Sequence[ReplayAttempt]) -> Exit:
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


@dataclass(slots=True, kw_only=True)
class BugStorage:
    """Stores failing runs. ``profile`` is the expanded profile of generated plans; ``note`` shows a line for each bug."""

    directory: str
    urls: Sequence[str]  # as they were given, the first one, and those that it is compared with
    backends: Sequence[Backend]
    secrets: Secrets
    how: RunMode
    note: Callable[[str], None]
    profile: Json = None
    _store: BugStore = field(init=False)
    _finder: BugCapture = field(init=False)

    def __post_init__(self) -> None:
        self._store = BugStore(self.directory)
        self._finder = BugCapture(
            backends=self.backends, backend_urls=self.urls, secrets=self.secrets, how=self.how, profile=self.profile
        )

    def store(self, plan: Plan, report: RunReport, file: str, seed: int) -> str:
        """Store a failing run; the name of its bug. Raises ``Stop`` if the bug base cannot be used."""
        started = PlanStarted(plan=plan, file=file, backend=report.backend, seed=seed)
        try:
            kept = self._store.add(self._finder.found(started, report), utc_now())
        except BugbaseError as error:
            raise bugbase_stop(error) from None
        self.note(f"{'stored as' if kept.is_new else 'seen again:'} {self._store.directory / kept.name}")
        return kept.name

    def store_shrunk(self, name: str, plan: Plan) -> None:
        """Store the shrunk plan of a bug. Raises ``Stop``."""
        try:
            self._store.add_shrunk(name, plan)
        except BugbaseError as error:
            raise bugbase_stop(error) from None


class BugRecorder(RunListener):
    """``--bugbase-dir DIR``: stores every run that fails."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        request = context.request
        assert request.bugbase is not None
        self.last: str | None = None
        """The name of the bug that was stored last."""
        self.storage = BugStorage(
            directory=request.bugbase,
            urls=context.urls,
            backends=context.backends,
            secrets=context.secrets,
            how=run_mode(len(context.urls), doublecheck=request.doublecheck),
            note=context.note,
            profile=context.profile,
        )
        self._started: PlanStarted | None = None

    def tell(self, progress: Progress) -> None:
        """Store a failing run. Raises ``Stop`` if the bug base cannot be used."""
        if isinstance(progress, PlanStarted):
            self._started = progress
        elif isinstance(progress, RunEnded) and progress.report.failure is not None:
            started = self._started
            assert started is not None
            self.last = self.storage.store(started.plan, progress.report, started.file, started.seed)


def run_mode(backends: int, *, doublecheck: bool) -> RunMode:
    """How plans are run by a call: what replays a bug of it."""
    return RunMode.DOUBLECHECK if doublecheck else RunMode.DIFFERENTIAL if backends > 1 else RunMode.ONCE


def other_bugs_line(
    others: Mapping[FailureIdentity, OtherFailure], storage: BugStorage | None, file: str, seed: int
) -> str | None:
    """Store the other bugs that shrinking came across, if there is a bug base; a line about them, if there are any."""
    if not others:
        return None
    met = "1 other bug was found" if len(others) == 1 else f"{len(others)} other bugs were found"
    if storage is None:
        return f"{met}; `--bugbase-dir` stores such bugs: {', '.join(bug.fingerprint for bug in others)}"
    for other in others.values():
        storage.store(other.plan, other.report, file, seed)
    return f"{met}: {storage.directory}"


def bugbase_stop(error: BugbaseError) -> Stop:
    """The end of a call that the bug base cannot serve."""
    return Stop(Exit.BAD_INPUT, error.diagnostic)
