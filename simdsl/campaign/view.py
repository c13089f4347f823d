"""A campaign as people watch it: a few lines that are written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO, assert_never

from simdsl.campaign import telling
from simdsl.campaign.events import Began, BugFound, BugShrunk, Ended, Event, Stopping, Went, WorkerLost
from simdsl.campaign.telling import Subject
from simdsl.core.clock import real_ns
from simdsl.report.screen import Ink, Screen, fit, visible
from simdsl.report.secrets import Secrets

LIVE_NS: Final = 250_000_000
PLAIN_NS: Final = 10_000_000_000

_BUGS: Final = 5
_YIELDS: Final = 3


class View:
    """Writes to a stream. On a live screen the last lines are the state of things, and move down as others are written.

    The state is told anew after ``every_ns`` at the earliest: at most four times a second where it is live.
    """

    def __init__(
        self, out: TextIO, screen: Screen, subject: Subject, secrets: Secrets, *, every_ns: int | None = None
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
        self._newest: list[str] = []  # the names of bugs, the newest first
        self._is_manned = True

    def tell(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case Began():
                self._begin(event)
            case Went():
                if bool(event.workers) is not self._is_manned:
                    self._is_manned = not self._is_manned
                    self._say(telling.manned(event.workers), Ink.WARNING)
                self._go(event)
            case BugFound():
                self._newest.insert(0, event.seen.name)
                self._say(telling.found(event), Ink.ERROR if event.is_new else Ink.WARNING)
            case BugShrunk():
                self._say(telling.shrunk(event))
            case WorkerLost():
                self._say(telling.lost(event), Ink.WARNING)
            case Stopping():
                self._say(f"{event.why}: waiting for the present plans; Ctrl-C ends them", Ink.WARNING)
            case Ended():
                for line in telling.summary(self._subject, event):
                    self._say(line)
            case _:
                assert_never(event)

    def _begin(self, event: Began) -> None:
        self._seeds = event.seeds
        self._before = (event.done, event.score.judged)
        self._newest = [seen.name for seen in telling.by_count(event.score)]
        self._say(telling.begun(self._subject, event.seeds))
        if event.done:
            self._say(telling.goes_on(self._subject, event.done, self._total))

    @property
    def _total(self) -> int:
        return self._seeds[1] - self._seeds[0] + 1

    def _go(self, event: Went) -> None:
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

    def _live(self, event: Went) -> Iterator[str]:
        yield self._state(event)
        bugs = event.score.bugs
        kinds: dict[str, int] = {}
        for name in self._newest:
            if name in bugs:
                kinds[bugs[name].fingerprint] = kinds.get(bugs[name].fingerprint, 0) + bugs[name].count
        for fingerprint, count in list(kinds.items())[:_BUGS]:
            yield f"{count:>7,}x {fingerprint}"
        if len(kinds) > _BUGS:
            yield f"         and {len(kinds) - _BUGS:,} more"
        if len(event.score.makers) > 1:
            least = sorted(event.score.health.of, key=lambda one: one.judged)
            for one in least[:_YIELDS]:
                yield f"{one.judged:>7,} judged {one.name}"
            if len(least) > _YIELDS:
                yield f"        more by {len(least) - _YIELDS:,} other properties"

    def _state(self, event: Went) -> str:
        """What fits into 60 columns comes first."""
        done, micros = event.score.seeds + event.ahead, (real_ns() - self._began_ns) // 1_000
        new, judged = done - self._before[0], event.score.judged - self._before[1]
        facts = [f"{done:,}/{self._total:,} seeds", f"{telling.rate(new, micros)}/s"]
        if new and done < self._total:
            facts.append(f"{telling.span((self._total - done) * micros // new)} left")
        count = len(event.score.bugs)
        facts.append(f"{count:,} bug{'' if count == 1 else 's'}")
        facts.append(f"{telling.rate(judged, micros)} judged/s")
        facts.append(telling.workers(event.workers))
        if event.shrinking:
            facts.append(f"{event.shrinking} shrinking")
        return ", ".join(facts)

    def _say(self, line: str, ink: Ink | None = None) -> None:
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
