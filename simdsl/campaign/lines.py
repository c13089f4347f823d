"""A campaign as JSON lines: an object for each event."""

from __future__ import annotations

from dataclasses import asdict
from typing import BinaryIO, Final, assert_never

from simdsl import __version__
from simdsl.campaign.events import Began, BugFound, BugShrunk, Ended, Event, Stopping, Went, WorkerLost
from simdsl.campaign.score import Score, Seen
from simdsl.campaign.telling import Subject, by_count
from simdsl.core.clock import real_ns
from simdsl.report.events import Object
from simdsl.report.jsonlines import health_json, write_line
from simdsl.report.secrets import Secrets

EVERY_NS: Final = 1_000_000_000


class Lines:
    """Writes them; how far it has come after ``every_ns`` at the earliest."""

    def __init__(self, out: BinaryIO, subject: Subject, secrets: Secrets, *, every_ns: int = EVERY_NS) -> None:
        self._every_ns = every_ns
        self._out = out
        self._subject = subject
        self._secrets = secrets
        self._told_ns = real_ns()

    def tell(self, event: Event) -> None:
        """Write an event."""
        if isinstance(event, Went):
            now_ns = real_ns()
            if now_ns - self._told_ns < self._every_ns:
                return
            self._told_ns = now_ns
        write_line(self._out, self._as_json(event), self._secrets)
        self._out.flush()

    def _as_json(self, event: Event) -> Object:
        match event:
            case Began():
                first, last = event.seeds
                subject = self._subject
                return {
                    "event": "campaign_started",
                    "simdsl": __version__,
                    "makers": list(event.score.makers),
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
            case Went():
                counts = {"ahead": event.ahead, "workers": event.workers, "shrinking": event.shrinking}
                return {"event": "campaign_went", **_counts(event.score), **counts}
            case BugFound():
                return {"event": "bug_found", **self._bug(event.seen), "place": event.place, "new": event.is_new}
            case BugShrunk():
                return {"event": "bug_shrunk", **asdict(event)}
            case WorkerLost():
                seed = None if event.at is None else event.at.seed
                return {"event": "worker_lost", "maker": event.maker, "seed": seed, "how": event.how.word}
            case Stopping():
                return {"event": "campaign_stopping", "why": str(event.why)}
            case Ended():
                score = event.score
                return {
                    "event": "campaign_ended",
                    "why": str(event.why),
                    "message": event.message,
                    **_counts(score),
                    "done_now": event.done_now,
                    "elapsed_s": round(event.elapsed_us / 1e6, 3),
                    "bugs": [self._bug(seen) for seen in by_count(score)],
                    "unshrunk": list(event.unshrunk),
                    "troubles": [asdict(trouble) for trouble in score.troubles],
                    "lost_workers": score.lost,
                    "health": health_json(score.health),
                    "replay": self._subject.replay(),
                }
            case _:
                assert_never(event)

    def _bug(self, seen: Seen) -> Object:
        return {**asdict(seen), "reproduce": self._subject.again(seen)}


def _counts(score: Score) -> Object:
    counts = {"seeds": score.seeds, "plans": score.plans, "judged": score.judged, "failed": score.failed}
    return {**counts, "bug_count": len(score.bugs)}
