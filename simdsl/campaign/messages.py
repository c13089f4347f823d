"""What is said of a campaign to people, line by line; how it gets on the screen is the views' business."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from simdsl.campaign.progress import BugFound, BugShrunk, BugSighting, CampaignEnded, CampaignTotals, EndReason, WorkerDied
from simdsl.plan.dataclasses import dataclass
from simdsl.report.context import count_noun
from simdsl.report.health import health_lines
from simdsl.runs.plan_generator import PlanGenerator

LISTED: Final = 50
"""So many bugs are listed at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSubject:
    """What a campaign is about, in words that hold no secret."""

    makers: tuple[PlanGenerator, ...]
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
        if len(self.makers) == 1:
            return self.makers[0].name
        return f"{len(self.makers)} properties"

    def again(self, seen: BugSighting) -> str:
        """The command that runs the first plan that showed a bug."""
        maker = next(maker for maker in self.makers if maker.name == seen.maker)
        words = ["simdsl", "run", *maker.again, "--backend", self.urls[0]]
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
    return f"resumed with {workers(count)}" if count else "no workers: waiting for the cluster; Ctrl-C ends the campaign"


def bug_found_text(event: BugFound) -> str:
    """A bug was found."""
    seen = event.seen
    what = "new bug" if event.is_new else "seen again:"
    return f"{what} {seen.fingerprint} at {seen.maker} seed {seen.seed}: {event.place}"


def bug_shrunk_text(event: BugShrunk) -> str:
    """A bug was shrunk."""
    if event.after is None:
        return f"not shrunk: {event.name}: {event.note}"
    tries = "1 try" if event.tries == 1 else f"{event.tries:,} tries"
    return f"shrunk {event.before:,} -> {event.after:,} steps ({tries}): {event.name}"


def worker_died_text(event: WorkerDied) -> str:
    """A process was lost."""
    where = "" if event.at is None else f" at {event.maker} seed {event.at.seed}"
    return f"a worker {event.how.said}{where}; that plan is re-run in a process of its own"


def summary_lines(subject: CampaignSubject, ended: CampaignEnded) -> Iterator[str]:
    """The last lines."""
    score = ended.score
    of = ended.seeds[1] - ended.seeds[0] + 1
    bugs = bugs_by_count(score)
    for seen in bugs[:LISTED]:
        yield f"bug {seen.fingerprint}, {seen.count:,}x: {subject.directory}/{seen.name}"
        yield f"  {seen.message}"
        yield f"  {subject.again(seen)}"
    if len(bugs) > LISTED:
        yield f"and {len(bugs) - LISTED:,} more bugs, which were seen less often"
    if ended.unshrunk:
        yield f"not shrunk for lack of time: {', '.join(ended.unshrunk)}"
    for trouble in score.troubles:
        yield f"not checked, {trouble.maker} seed {trouble.seed}: simdsl itself failed: {trouble.message}"
    if score.bugs:
        yield f"replay: {subject.replay()}"
    yield from health_lines(score.health, "--seeds")
    if score.lost:
        yield f"{score.lost} worker process{'es' if score.lost > 1 else ''} lost and replaced"
    if ended.message is not None:
        yield f"could not continue: {ended.message}"
    speed = (
        f"; {span(ended.elapsed_us)}, {rate_text(ended.done_now, ended.elapsed_us)} seeds/s on {workers(subject.workers)}"
    )
    yield (
        f"{score.seeds:,} of {of:,} seeds: {count_noun(score.plans, 'plan')}, {count_noun(score.assertions, 'assertion')}, "
        f"{score.failed:,} failed, {count_noun(len(score.bugs), 'bug')}{speed if ended.done_now else ''}"
    )
    if ended.why is not EndReason.DONE:
        yield f"{ended.why}; the same command resumes the campaign"


def bugs_by_count(score: CampaignTotals) -> Sequence[BugSighting]:
    """The bugs, the commonest first."""
    return sorted(score.bugs.values(), key=lambda one: (-one.count, one.seed, one.name))


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
