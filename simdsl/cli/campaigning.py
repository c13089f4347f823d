"""The call of ``simdsl campaign``: read what is wanted, hire a crew, watch, and come to an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import field
from types import FrameType
from typing import Final

from simdsl import __version__
from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.bugbase.entry import BugbaseError
from simdsl.bugbase.store import DEFAULT_BUGBASE_DIR, BugStore
from simdsl.campaign.campaign import Campaign
from simdsl.campaign.jobs import CampaignSpec
from simdsl.campaign.journal import Journal, JournalError, default_path
from simdsl.campaign.messages import CampaignSubject
from simdsl.campaign.progress import CampaignEnded, CampaignListener, EndReason
from simdsl.campaign.views import JsonLinesView, TerminalView
from simdsl.cli.bug_recording import expanded
from simdsl.cli.errors import unavailable, usage
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.generated_plans import generators
from simdsl.cli.knobs import QUICK
from simdsl.cli.option_conflicts import check_snapshots
from simdsl.cli.start_workers import start_workers
from simdsl.core.clock import real_ns
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.values import Json
from simdsl.report.screen import screen_of
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.syntax.cells import parse_duration
from simdsl.syntax.problems import ParseError

_RANGE: Final = lazy_regex(r"(?:(\d{1,18})\.\.)?(\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOptions:
    """What the command line asked for; times as they were written."""

    seeds: str
    profile: str | None
    properties: tuple[str, ...]
    knobs: tuple[str, ...]
    urls: tuple[str, ...]
    jobs: int | None
    cluster: str | None
    time: str | None
    bugbase: str
    min_judged: int
    shrink_time: str | None  # None: nothing is shrunk
    plan_time: str
    journal: str | None
    fresh: bool
    json: bool


def run_campaign(wanted: CampaignOptions) -> Exit:
    """Do it. Raises ``Stop`` for everything that keeps it from beginning."""
    seeds = seed_range(wanted.seeds)
    shrink_us = None if wanted.shrink_time is None else _duration_us("--shrink-for", wanted.shrink_time)
    time_us = None if wanted.time is None else _duration_us("--time", wanted.time)
    work = _work(wanted)
    secrets = secrets_given(*wanted.urls)
    backends = tuple(_backend(url) for url in wanted.urls)
    if not work.makers[0].is_property:
        check_snapshots((work.makers[0].plan(seeds[0]),), backends)
    identity = _identity(wanted, work, seeds)
    backend = _described(wanted.urls, backends, secrets)
    crew = start_workers(work, wanted.jobs, wanted.cluster)
    subject = CampaignSubject(
        makers=work.makers,
        urls=tuple(map(mask, wanted.urls)),
        backend=backend,
        workers=crew.size,
        cluster=wanted.cluster,
        directory=wanted.bugbase,
        default_directory=DEFAULT_BUGBASE_DIR,
        journal=wanted.journal or default_path(identity),
    )
    try:
        with (
            _signals(time_us) as stops,
            closing(crew),
            Journal(subject.journal, identity, fresh=wanted.fresh) as journal,
        ):
            ended = Campaign(
                work=work,
                seeds=seeds,
                crew=crew,
                store=BugStore(wanted.bugbase),
                journal=journal,
                tell=_view(wanted, subject, secrets),
                stop_asked=stops.asked,
                floor=wanted.min_judged,
                shrink_us=shrink_us,
            ).run()
    except (BugbaseError, JournalError) as error:
        raise Stop(Exit.BAD_INPUT, error.diagnostic) from None
    return exit_of(ended)


def seed_range(text: str) -> tuple[int, int]:
    """The first and the last seed: ``1..500``, or ``500``, which means the same. Raises ``Stop``."""
    found = _RANGE.fullmatch(text.strip())
    example = "for example: --seeds 1..500, or --seeds 500, which means the same"
    if found is None:
        raise usage(Code.U008, f"--seeds `{text}`: FIRST..LAST or a number is wanted", help=example)
    first, last = int(found[1] or 1), int(found[2])
    if last < first:
        what = "there are none" if found[1] is None else "the last one comes before the first one"
        raise usage(Code.U008, f"--seeds `{text}`: {what}", help=example)
    return first, last


def exit_of(ended: CampaignEnded) -> Exit:
    """A failure outweighs what was not judged; nothing outweighs that somebody has stopped it."""
    if ended.why is EndReason.INTERRUPTED:
        return Exit.INTERRUPTED
    if ended.why is EndReason.TERMINATED:
        return Exit.TERMINATED
    if ended.is_unavailable:
        return Exit.UNAVAILABLE
    score = ended.score
    if score.failed or score.bugs:
        return Exit.FAILURE
    if score.troubles or ended.why is EndReason.REFUSED:
        return Exit.INTERNAL
    return Exit.NOTHING if score.health.below or not score.assertions else Exit.HELD


def _work(wanted: CampaignOptions) -> CampaignSpec:
    generate = not wanted.properties
    made = generators(wanted.properties, generate_too=generate, profile=wanted.profile, knobs=wanted.knobs)
    sized = generate or wanted.profile is not None or bool(wanted.knobs)
    return CampaignSpec(
        makers=made.makers,
        urls=wanted.urls,
        profile=expanded(wanted.profile or QUICK, wanted.knobs) if sized else None,
        limit_us=_duration_us("--hang-after", wanted.plan_time),
    )


def _identity(wanted: CampaignOptions, work: CampaignSpec, seeds: tuple[int, int]) -> dict[str, Json]:
    """What makes it this campaign: with anything else, other plans would run, or elsewhere."""
    return {
        "simdsl": __version__,
        "profile": work.profile,
        "properties": [maker.name for maker in work.makers if maker.is_property],
        "backends": [mask(url) for url in wanted.urls],
        "first": seeds[0],
        "last": seeds[1],
    }


def _view(wanted: CampaignOptions, subject: CampaignSubject, secrets: Secrets) -> CampaignListener:
    if wanted.json:
        return JsonLinesView(sys.stdout.buffer, subject, secrets).tell
    return TerminalView(sys.stdout, screen_of(sys.stdout), subject, secrets).tell


def _described(urls: Sequence[str], backends: Sequence[Backend], secrets: Secrets) -> str:
    told: list[str] = []
    for url, backend in zip(urls, backends, strict=True):
        try:
            description = backend.describe()
        except BackendUnavailable as error:
            raise unavailable(secrets.hide(str(error)), about=mask(url)) from error
        told.append(f"{backend.name} ({description.engine} {description.engine_version}, {description.driver})")
    return " against ".join(told)


def _backend(url: str) -> Backend:
    try:
        return resolve(url)
    except BackendUnavailable as error:
        raise unavailable(secrets_given(url).hide(str(error)), about=mask(url)) from error


def _duration_us(option: str, text: str) -> int:
    try:
        duration_us = parse_duration(text)
    except ParseError as refused:
        raise usage(
            Code.U008, f"{option} `{text}`: {refused.troubles[0].message}", help=f"for example: {option} 30s"
        ) from None
    if not duration_us:
        raise usage(Code.U008, f"{option} `{text}`: that is no time at all", help=f"for example: {option} 30s")
    return duration_us


@dataclass(slots=True, kw_only=True, eq=False)
class _Stops:
    """Who asked to stop so far: signals, and the clock."""

    until_ns: int | None
    came: list[EndReason] = field(default_factory=list)

    def asked(self) -> Sequence[EndReason]:
        if self.until_ns is not None and real_ns() >= self.until_ns:
            self.until_ns = None
            self.came.append(EndReason.TIME)
        return tuple(self.came)

    def note(self, number: int, frame: FrameType | None) -> None:
        self.came.append(EndReason.TERMINATED if number == signal.SIGTERM else EndReason.INTERRUPTED)


@contextmanager
def _signals(time_us: int | None) -> Iterator[_Stops]:
    """While a campaign goes on, signals are only noted, so that none falls between two lines of what is stored."""
    stops = _Stops(until_ns=None if time_us is None else real_ns() + time_us * 1_000)
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    before = {number: signal.signal(number, stops.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
