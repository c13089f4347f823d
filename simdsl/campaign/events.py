"""What is told of a campaign while it goes on. Views fold over these."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from simdsl.campaign.score import Score, Seen
from simdsl.campaign.work import At
from simdsl.core.processes import Ending
from simdsl.plan.dataclasses import dataclass


class End(StrEnum):
    """Why a campaign ended."""

    DONE = "done"
    TIME = "time is over"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    REFUSED = "could not go on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """It begins, or goes on. ``seeds`` are the first and the last."""

    seeds: tuple[int, int]
    done: int  # of them, before
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Went:
    """A moment has passed. ``ahead`` seeds are done and not in the score yet, since one before them is not."""

    score: Score
    ahead: int
    busy: int  # jobs under way or given out
    shrinking: int  # of them
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BugFound:
    """A bug was stored that this campaign had not met. ``is_new``: neither had the bug base."""

    seen: Seen
    place: str  # its folder
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BugShrunk:
    """A bug was shrunk, or could not be: then ``note`` says why. Sizes are in steps."""

    name: str
    before: int
    after: int | None
    tries: int
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost:
    """A process ended. ``maker`` made the plan that it was at, None if it was at none, or nobody knows."""

    maker: str | None
    at: At | None
    how: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Jobs are coming to an end, after which the campaign ends too."""

    why: End


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """It has ended. ``message`` says what keeps it from going on, if anything does."""

    score: Score
    seeds: tuple[int, int]
    why: End
    elapsed_us: int
    done_now: int  # seeds that this call has done
    unshrunk: tuple[str, ...]  # bugs for which there was no time
    message: str | None = None
    is_unavailable: bool = False


Event: TypeAlias = Began | Went | BugFound | BugShrunk | WorkerLost | Stopping | Ended
Tell: TypeAlias = Callable[[Event], None]
