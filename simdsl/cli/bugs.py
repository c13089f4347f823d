"""``simdsl bugs``: list, show, replay, mark and prune stored bugs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from simdsl.bugbase.entry import TRACE, BugbaseError, BugEntry, BugObject
from simdsl.bugbase.replay import ReplayVerdict
from simdsl.bugbase.states import BugState
from simdsl.bugbase.store import BugStore
from simdsl.cli.backend_options import backend_url
from simdsl.cli.bug_recording import stop
from simdsl.cli.commands import BugsListRequest, BugsMarkRequest, BugsPruneRequest, BugsReplayRequest, BugsShowRequest
from simdsl.cli.errors import usage
from simdsl.cli.exits import Exit
from simdsl.cli.output import print_diagnostics
from simdsl.cli.replay import ReplayAttempt, exit_of, replay_bug
from simdsl.core.clock import utc_now
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.regexes import lazy_regex
from simdsl.report.screen import visible

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
            raise stop(error) from None

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
        if not request.json:
            _print_answer(one)
        if request.update:
            _update(store, one)
    if request.json:
        _print_json([_answer(one) for one in tried])
    elif not tried and not problems:
        sys.stderr.write(f"no bugs in {request.bugbase}\n")
    code = exit_of(tried)
    refused = _told(problems)
    return code if code is Exit.FAILURE else refused or code


@_stopping
def mark_bug(request: BugsMarkRequest) -> Exit | None:
    """Set the state of a bug."""
    if request.state is BugState.KNOWN and not (request.why or "").strip():
        raise usage(Code.U008, "a known bug needs a reason", help="give --why TEXT")
    store = BugStore(request.bugbase)
    entry = store.find(request.bug)
    store.mark(entry.name, request.state, request.why)
    _print(f"{entry.name} is {request.state}")
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
    if servers and len(request.backends) != 1:
        raise usage(
            Code.U008, f"--{next(iter(servers))} has no effect without a single --backend", help="give `--backend` once"
        )
    return tuple(backend_url(url, servers) for url in request.backends)


def _chosen(store: BugStore, names: Sequence[str]) -> tuple[tuple[BugEntry, ...], tuple[Diagnostic, ...]]:
    if not names:
        return store.entries()
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
    sys.stdout.flush()
    print_diagnostics(problems, sys.stderr)
    return Exit.BAD_INPUT if problems else None


def _print(line: str) -> None:
    print(visible(line), flush=True)


def _print_json(data: BugObject | list[BugObject]) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))
