"""A campaign as it is watched: lines on a terminal for people, JSON lines for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import BinaryIO, Final, TextIO, assert_never

from simdsl import __version__
from simdsl.campaign.progress import (
    BugFound,
    BugShrunk,
    BugSighting,
    CampaignEnded,
    CampaignEvent,
    CampaignProgress,
    CampaignStarted,
    CampaignStopping,
    CampaignTotals,
    EndReason,
    WorkerDied,
)
from simdsl.core.clock import real_ns
from simdsl.plan.deferred import dataclass
from simdsl.properties.registry import PlanGenerator
from simdsl.report.context import Secrets, count_noun
from simdsl.report.health import health_lines
from simdsl.report.json_lines import JsonObject, health_json, write_line
from simdsl.report.screen import Screen, Style, fit, visible

# So many bugs are listed at the end.
LISTED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSubject:
    """What a campaign is about, in words that hold no secret."""

    generators: tuple[PlanGenerator, ...]
    urls: tuple[str, ...]
    backend: str  # described
    workers: int
    directory: str  # of the bug base
    default_directory: str
    journal: str
    cluster: str | None = None  # the address of its scheduler

    @property
    def name(self) -> str:
        """What makes the plans."""
        if len(self.generators) == 1:
            return self.generators[0].name
        return f"{len(self.generators)} properties"

    def again(self, seen: BugSighting) -> str:
        """The command that runs the first plan that showed a bug."""
        generator = next(generator for generator in self.generators if generator.name == seen.generator)
        words = ["simdsl", "run", *generator.options, "--backend", self.urls[0]]
        for url in self.urls[1:]:
            words += ["--differential", url]
        return shlex.join([*words, "--seed", str(seen.seed)])

    def replay(self) -> str:
        """The command that runs all bugs again."""
        words = ["simdsl", "bugs", "replay"]
        return shlex.join(words if self.directory == self.default_directory else [*words, "--bugbase-dir", self.directory])


def started_text(subject: CampaignSubject, seeds: tuple[int, int]) -> str:
    """The first line."""
    where = "" if subject.cluster is None else f" of {subject.cluster}"
    return (
        f"campaign {subject.name}, seeds {seeds[0]:,} to {seeds[1]:,}, backend {subject.backend}, "
        f"{workers(subject.workers)}{where}"
    )


def resumed_text(subject: CampaignSubject, done: int, of: int) -> str:
    """What an earlier call has done."""
    if done == of:
        return f"all {of:,} seeds are done already, by {subject.journal}; `--fresh` ignores the journal and restarts"
    return f"resumed: {done:,} of {of:,} seeds are done"


def workers_changed_text(count: int) -> str:
    """There are no workers, or there are some again."""
    return f"resumed with {workers(count)}" if count else "waiting for workers: the cluster has none; Ctrl-C ends it"


def bug_found_text(event: BugFound) -> str:
    """A bug was found."""
    seen = event.seen
    what = "new bug" if event.is_new else "seen again:"
    return f"{what} {seen.fingerprint} at {seen.generator} seed {seen.seed}: {event.place}"


def bug_shrunk_text(event: BugShrunk) -> str:
    """A bug was shrunk."""
    if event.after is None:
        return f"not shrunk: {event.name}: {event.note}"
    tries = "1 try" if event.tries == 1 else f"{event.tries:,} tries"
    return f"shrunk {event.before:,} -> {event.after:,} steps ({tries}): {event.name}"


def worker_died_text(event: WorkerDied) -> str:
    """A process was lost."""
    where = "" if event.at is None else f" at {event.generator} seed {event.at.seed}"
    return f"a worker {event.how.said}{where}; that plan is re-run in a process of its own"


def summary_lines(subject: CampaignSubject, ended: CampaignEnded) -> Iterator[str]:
    """The last lines."""
    totals = ended.totals
    of = ended.seeds[1] - ended.seeds[0] + 1
    bugs = bugs_by_count(totals)
    for seen in bugs[:LISTED]:
        yield f"bug {seen.fingerprint}, {seen.count:,}x: {subject.directory}/{seen.name}"
        yield f"  {seen.message}"
        yield f"  {subject.again(seen)}"
    if len(bugs) > LISTED:
        yield f"and {len(bugs) - LISTED:,} more bugs, which were seen less often"
    if ended.unshrunk:
        yield f"not shrunk for lack of time: {', '.join(ended.unshrunk)}"
    for failure in totals.internal_failures:
        yield f"not checked, {failure.generator} seed {failure.seed}: simdsl itself failed: {failure.message}"
    if totals.bugs:
        yield f"replay: {subject.replay()}"
    yield from health_lines(totals.health, "--seeds")
    if totals.lost:
        yield f"{totals.lost} worker process{'es' if totals.lost > 1 else ''} lost and replaced"
    if ended.message is not None:
        yield f"could not continue: {ended.message}"
    speed = (
        f"; {span(ended.elapsed_us)}, {rate_text(ended.done_now, ended.elapsed_us)} seeds/s on {workers(subject.workers)}"
    )
    yield (
        f"{totals.seeds:,} of {of:,} seeds: "
        f"{count_noun(totals.plans, 'plan')}, {count_noun(totals.assertions, 'assertion')}, "
        f"{totals.failed:,} failed, {count_noun(len(totals.bugs), 'bug')}{speed if ended.done_now else ''}"
    )
    if ended.why is not EndReason.DONE:
        yield f"{ended.why}; the same command resumes the campaign"


def bugs_by_count(totals: CampaignTotals) -> Sequence[BugSighting]:
    """The bugs, the commonest first."""
    return sorted(totals.bugs.values(), key=lambda one: (-one.count, one.seed, one.name))


def workers(count: int) -> str:
    """How many there are."""
    return count_noun(count, "worker")


def span(micros: int) -> str:
    """A duration as people say it: ``12.3 s``, ``4 min 05 s``, ``3 h 12 min``."""
    seconds = micros / 1e6
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min"


def rate_text(count: int, micros: int) -> str:
    """So many a second."""
    speed = count * 1e6 / micros if micros > 0 else 0.0
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"


LIVE_NS: Final = 250_000_000


PLAIN_NS: Final = 10_000_000_000


_BUGS: Final = 5


_YIELDS: Final = 3


class TerminalView:
    """Writes to a stream. On a live screen the last lines show the current state and stay below all others.

    The state is written every ``every_ns`` at most: four times a second on a live screen, every ten seconds elsewhere.
    """

    def __init__(
        self, out: TextIO, screen: Screen, subject: CampaignSubject, secrets: Secrets, *, every_ns: int | None = None
    ) -> None:
        self._every_ns = (LIVE_NS if screen.live else PLAIN_NS) if every_ns is None else every_ns
        self._out = out
        self._screen = screen
        self._subject = subject
        self._secrets = secrets
        self._seeds = (1, 0)
        self._before = (0, 0)  # seeds and judgements of earlier calls
        self._began_ns = self._drawn_ns = real_ns()
        self._drawn = 0  # lines
        self._newest_bugs: list[str] = []  # the names of bugs, the newest first
        self._has_workers = True

    def tell(self, event: CampaignEvent) -> None:
        """Show what happened."""
        match event:
            case CampaignStarted():
                self._begin(event)
            case CampaignProgress():
                if bool(event.workers) is not self._has_workers:
                    self._has_workers = not self._has_workers
                    self._say(workers_changed_text(event.workers), Style.WARNING)
                self._go(event)
            case BugFound():
                self._newest_bugs.insert(0, event.seen.name)
                self._say(bug_found_text(event), Style.ERROR if event.is_new else Style.WARNING)
            case BugShrunk():
                self._say(bug_shrunk_text(event))
            case WorkerDied():
                self._say(worker_died_text(event), Style.WARNING)
            case CampaignStopping():
                self._say(f"{event.why}: waiting for the plans that are running; Ctrl-C ends them", Style.WARNING)
            case CampaignEnded():
                for line in summary_lines(self._subject, event):
                    self._say(line)
            case _:
                assert_never(event)

    def _begin(self, event: CampaignStarted) -> None:
        self._seeds = event.seeds
        self._before = (event.done, event.totals.assertions)
        self._newest_bugs = [seen.name for seen in bugs_by_count(event.totals)]
        self._say(started_text(self._subject, event.seeds))
        if event.done:
            self._say(resumed_text(self._subject, event.done, self._total))

    @property
    def _total(self) -> int:
        return self._seeds[1] - self._seeds[0] + 1

    def _go(self, event: CampaignProgress) -> None:
        now_ns = real_ns()
        if now_ns - self._drawn_ns < self._every_ns:
            return
        self._drawn_ns = now_ns
        if not self._screen.live:
            self._say(self._state(event))
            return
        lines = [fit(line, self._screen.width - 1) for line in self._live(event)]
        self._erase()
        self._write("".join(f"{line}\n" for line in lines))
        self._drawn = len(lines)

    def _live(self, event: CampaignProgress) -> Iterator[str]:
        yield self._state(event)
        bugs = event.totals.bugs
        kinds: dict[str, int] = {}
        for name in self._newest_bugs:
            if name in bugs:
                kinds[bugs[name].fingerprint] = kinds.get(bugs[name].fingerprint, 0) + bugs[name].count
        for fingerprint, count in list(kinds.items())[:_BUGS]:
            yield f"{count:>7,}x {fingerprint}"
        if len(kinds) > _BUGS:
            yield f"         and {len(kinds) - _BUGS:,} more"
        if len(event.totals.generators) > 1:
            least = sorted(event.totals.health.of, key=lambda one: one.assertions)
            for one in least[:_YIELDS]:
                yield f"{one.assertions:>7,} assertions {one.name}"
            if len(least) > _YIELDS:
                yield f"        and {len(least) - _YIELDS:,} other properties"

    def _state(self, event: CampaignProgress) -> str:
        """The state in one line. What matters most comes first, so that it fits into 60 columns."""
        done, micros = event.totals.seeds + event.ahead, (real_ns() - self._began_ns) // 1_000
        new, assertions = done - self._before[0], event.totals.assertions - self._before[1]
        facts = [f"{done:,}/{self._total:,} seeds", f"{rate_text(new, micros)}/s"]
        if new and done < self._total:
            facts.append(f"{span((self._total - done) * micros // new)} left")
        count = len(event.totals.bugs)
        facts.append(count_noun(count, "bug"))
        facts.append(f"{rate_text(assertions, micros)} assertions/s")
        facts.append(workers(event.workers))
        if event.shrinking:
            facts.append(f"{event.shrinking} shrinking")
        return ", ".join(facts)

    def _say(self, line: str, ink: Style | None = None) -> None:
        self._erase()
        indent = line[: len(line) - len(line.lstrip())]
        text = self._screen.wrap(visible(line.lstrip()), first=indent, rest=f"{indent}  ")
        self._write(f"{self._screen.paint(ink, text) if ink is not None else text}\n")

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self._out.write(self._secrets.hide(text))
        self._out.flush()


EVERY_NS: Final = 1_000_000_000


class JsonLinesView:
    """An object for each event; progress every ``every_ns`` at most."""

    def __init__(self, out: BinaryIO, subject: CampaignSubject, secrets: Secrets, *, every_ns: int = EVERY_NS) -> None:
        self._every_ns = every_ns
        self._out = out
        self._subject = subject
        self._secrets = secrets
        self._told_ns = real_ns()

    def tell(self, event: CampaignEvent) -> None:
        """Write an event."""
        if isinstance(event, CampaignProgress):
            now_ns = real_ns()
            if now_ns - self._told_ns < self._every_ns:
                return
            self._told_ns = now_ns
        write_line(self._out, self._as_json(event), self._secrets)
        self._out.flush()

    def _as_json(self, event: CampaignEvent) -> JsonObject:
        match event:
            case CampaignStarted():
                first, last = event.seeds
                subject = self._subject
                return {
                    "event": "campaign_started",
                    "simdsl": __version__,
                    "generators": list(event.totals.generators),
                    "backend": subject.backend,
                    "urls": list(subject.urls),
                    "first": first,
                    "last": last,
                    "done": event.done,
                    "workers": subject.workers,
                    "cluster": subject.cluster,
                    "bugbase": subject.directory,
                    "journal": subject.journal,
                }
            case CampaignProgress():
                counts = {"ahead": event.ahead, "workers": event.workers, "shrinking": event.shrinking}
                return {"event": "campaign_progress", **_counts(event.totals), **counts}
            case BugFound():
                return {"event": "bug_found", **self._bug(event.seen), "place": event.place, "new": event.is_new}
            case BugShrunk():
                return {"event": "bug_shrunk", **asdict(event)}
            case WorkerDied():
                seed = None if event.at is None else event.at.seed
                return {"event": "worker_died", "generator": event.generator, "seed": seed, "how": event.how.word}
            case CampaignStopping():
                return {"event": "campaign_stopping", "why": str(event.why)}
            case CampaignEnded():
                totals = event.totals
                return {
                    "event": "campaign_ended",
                    "why": str(event.why),
                    "message": event.message,
                    **_counts(totals),
                    "done_now": event.done_now,
                    "elapsed_s": round(event.elapsed_us / 1e6, 3),
                    "bugs": [self._bug(seen) for seen in bugs_by_count(totals)],
                    "unshrunk": list(event.unshrunk),
                    "internal_failures": [asdict(failure) for failure in totals.internal_failures],
                    "lost_workers": totals.lost,
                    "health": health_json(totals.health),
                    "replay": self._subject.replay(),
                }
            case _:
                assert_never(event)

    def _bug(self, seen: BugSighting) -> JsonObject:
        return {**asdict(seen), "reproduce": self._subject.again(seen)}


def _counts(totals: CampaignTotals) -> JsonObject:
    counts = {"seeds": totals.seeds, "plans": totals.plans, "assertions": totals.assertions, "failed": totals.failed}
    return {**counts, "bug_count": len(totals.bugs)}
