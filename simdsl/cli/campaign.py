"""``simdsl campaign``: start workers, run the plans of many seeds, show the progress, and come to an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import field
from types import FrameType
from typing import Final

from simdsl import __version__
from simdsl.backends.registry import mask
from simdsl.bugbase.entry import BugbaseError
from simdsl.bugbase.store import DEFAULT_BUGBASE_DIR, BugStore
from simdsl.campaign.campaign import Campaign
from simdsl.campaign.jobs import CampaignSpec, WorkerPool, WorkerPoolUnavailable
from simdsl.campaign.journal import Journal, JournalError, default_path
from simdsl.campaign.local_pool import LocalPool
from simdsl.campaign.progress import CampaignEnded, CampaignListener, EndReason
from simdsl.campaign.views import CampaignSubject, JsonLinesView, TerminalView
from simdsl.cli.generate import generated_plans
from simdsl.cli.option_values import check_snapshots, describe_backends, duration_us, resolve_backends, urls_of
from simdsl.cli.output import Exit, Stop, usage
from simdsl.cli.requests import CampaignRequest
from simdsl.core.clock import real_ns
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.values import Json
from simdsl.report.context import Secrets, secrets_given
from simdsl.report.screen import screen_of

_RANGE: Final = lazy_regex(r"(?:(\d{1,18})\.\.)?(\d{1,18})")


def campaign(request: CampaignRequest) -> Exit:
    """Run or resume the campaign. Raises ``Stop`` for everything that keeps it from beginning."""
    seeds = seed_range(request.seeds)
    shrink_us = duration_us("--shrink-for", request.shrink_for) if request.shrink else None
    time_us = None if request.time is None else duration_us("--time", request.time)
    urls = urls_of(request)
    work = _work(request, urls)
    secrets = secrets_given(*urls)
    backends = resolve_backends(urls)
    # Plans of one profile have the same number of tasks, so one of them stands for all.
    if not work.generators[0].is_property:
        check_snapshots((work.generators[0].plan(seeds[0]),), backends)
    identity = _identity(work, seeds)
    backend = describe_backends(urls, backends, secrets)
    # Last of what may be refused: processes take time to start, and a cluster is shared with others.
    pool = start_workers(work, request.jobs, request.cluster)
    subject = CampaignSubject(
        generators=work.generators,
        urls=tuple(map(mask, urls)),
        backend=backend,
        workers=pool.size,
        cluster=request.cluster,
        directory=request.bugbase,
        default_directory=DEFAULT_BUGBASE_DIR,
        journal=request.journal or default_path(identity),
    )
    try:
        with (
            _signals(time_us) as stops,
            closing(pool),
            Journal(subject.journal, identity, fresh=request.fresh) as journal,
        ):
            ended = Campaign(
                work=work,
                seeds=seeds,
                pool=pool,
                store=BugStore(request.bugbase),
                journal=journal,
                tell=_view(request, subject, secrets),
                stop_asked=stops.tried,
                floor=request.min_assertions,
                shrink_us=shrink_us,
            ).run()
    except (BugbaseError, JournalError) as error:
        raise Stop(Exit.BAD_INPUT, error.diagnostic) from None
    return exit_of(ended)


def seed_range(text: str) -> tuple[int, int]:
    """The first and the last seed: ``1..500``, or ``500``, which means the same. Raises ``Stop``."""
    # At most 18 digits: a seed fits into 64 bits, and Python refuses to parse numbers of thousands of digits.
    found = _RANGE.fullmatch(text.strip())
    example = "for example: --seeds 1..500, or --seeds 500, which means the same"
    if found is None:
        raise usage(Code.U008, f"--seeds `{text}`: FIRST..LAST or a number is expected", help=example)
    first, last = int(found[1] or 1), int(found[2])
    if last < first:
        what = "the range is empty" if found[1] is None else "the last seed comes before the first"
        raise usage(Code.U008, f"--seeds `{text}`: {what}", help=example)
    return first, last


def exit_of(ended: CampaignEnded) -> Exit:
    """An interruption comes before everything, a failure before plans that checked nothing."""
    if ended.why is EndReason.INTERRUPTED:
        return Exit.INTERRUPTED
    if ended.why is EndReason.TERMINATED:
        return Exit.TERMINATED
    if ended.is_unavailable:
        return Exit.UNAVAILABLE
    totals = ended.totals
    if totals.failed or totals.bugs:
        return Exit.FAILURE
    # Neither a failure nor a success: jobs that simdsl itself could not do.
    if totals.internal_failures or ended.why is EndReason.REFUSED:
        return Exit.INTERNAL
    return Exit.NOTHING_CHECKED if totals.health.below or not totals.assertions else Exit.OK


def _work(request: CampaignRequest, urls: tuple[str, ...]) -> CampaignSpec:
    generators = generated_plans(request.properties, request)
    limit_us = duration_us("--hang-after", request.hang_after)
    return CampaignSpec(generators=generators.makers, urls=urls, profile=generators.profile, limit_us=limit_us)


def _identity(work: CampaignSpec, seeds: tuple[int, int]) -> dict[str, Json]:
    """What makes it this campaign: if any of it differs, other plans would run, or on another backend."""
    return {
        "simdsl": __version__,
        "profile": work.profile,
        "properties": [generator.name for generator in work.generators if generator.is_property],
        # Masked, since the identity is written into the journal, and a new password makes no new campaign.
        "backends": [mask(url) for url in work.urls],
        "first": seeds[0],
        "last": seeds[1],
    }


def _view(request: CampaignRequest, subject: CampaignSubject, secrets: Secrets) -> CampaignListener:
    if request.json:
        return JsonLinesView(sys.stdout.buffer, subject, secrets).tell
    return TerminalView(sys.stdout, screen_of(sys.stdout), subject, secrets).tell


@dataclass(slots=True, kw_only=True, eq=False)
class _Stops:
    """The reasons to stop so far: signals, and the time limit."""

    until_ns: int | None
    came: list[EndReason] = field(default_factory=list)

    def tried(self) -> Sequence[EndReason]:
        if self.until_ns is not None and real_ns() >= self.until_ns:
            self.until_ns = None  # said once, as a signal is; what comes later is a second request
            self.came.append(EndReason.TIME)
        return tuple(self.came)

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(EndReason.TERMINATED if number == signal.SIGTERM else EndReason.INTERRUPTED)


@contextmanager
def _signals(time_us: int | None) -> Iterator[_Stops]:
    """While a campaign runs, signals are only noted, so that none interrupts a write to the journal or the bug base."""
    stops = _Stops(until_ns=None if time_us is None else real_ns() + time_us * 1_000)
    if threading.current_thread() is not threading.main_thread():
        yield stops  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, stops.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_workers(work: CampaignSpec, jobs: int | None, cluster: str | None) -> WorkerPool:
    """Processes of this machine, or the workers of a cluster; the caller closes them. Raises ``Stop``."""
    if cluster is None:
        return LocalPool(work, _processors() if jobs is None else jobs)
    if jobs is not None:
        help_ = "remove `--jobs`: a cluster runs as many jobs at once as its workers have threads"
        raise usage(Code.U008, "--jobs and --cluster cannot be combined", help=help_)
    try:
        from simdsl.campaign.cluster import ClusterPool  # dask is an optional dependency
    except ModuleNotFoundError as error:
        # Only dask's own absence is the user's affair; a module that dask lacks is a broken installation.
        if error.name is None or error.name.partition(".")[0] not in ("dask", "distributed"):
            raise
        raise _unusable("a cluster needs dask.distributed, which is not installed", "pip install 'simdsl[dask]'") from None
    try:
        return ClusterPool(cluster, work)
    except ValueError as error:
        raise usage(Code.U008, f"--cluster `{cluster}`: {error}", help="for example: --cluster tcp://host:8786") from None
    except WorkerPoolUnavailable as error:
        raise _unusable(str(error)) from None


def _unusable(message: str, help_: str | None = None) -> Stop:
    return Stop(Exit.UNAVAILABLE, Diagnostic(code=Code.K006, message=message, file="simdsl", help=help_))


def _processors() -> int:
    """The processors that this process may use."""
    # In a container or under taskset these are fewer than the machine has.
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
