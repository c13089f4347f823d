"""Whoever does the jobs of a campaign: processes of this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from simdsl.campaign.work import At, Done, Job
from simdsl.core.processes import Ending
from simdsl.plan.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The process that did a job ended, or was ended because it gave no sign of life, and nothing of the job is known.

    ``at`` is where it was, None if nobody knows. Another process is there for the next job. Whoever reads this divides the
    job, so that a plan which ends processes is found out.
    """

    job: Job
    at: At | None
    how: Ending


class Watch(Protocol):
    """What a job tells its crew while it goes on. See ``doing.Doer``."""

    def at(self, place: At | None) -> None:
        """A plan is about to be made and run; None is a sign of life, no more."""

    def is_stopped(self) -> bool:
        """Whether the job should end after its present seed. Asked once a seed, so it has to be cheap."""


class Crew(Protocol):
    """Does jobs by a ``doing.Doer``, in processes that may die. Every job that was submitted comes back in
    exactly one report, whatever happens, unless ``stop`` or ``close`` was called."""

    @property
    def size(self) -> int:
        """How many jobs it can do at once, at present. A cluster's may change."""

    @property
    def busy(self) -> int:
        """How many jobs it has been given and has not reported."""

    def submit(self, job: Job) -> None:
        """Have a job done. Jobs are begun in the order in which they came; more than ``size`` may wait."""

    def reports(self, wait_us: int) -> Iterator[Done | Lost]:
        """What came to an end, in any order: as soon as anything did, and nothing after so many microseconds.

        Raises ``BackendUnavailable`` never, and ``CrewError`` if there is nobody any more who could do a job.
        """

    def stop(self) -> None:
        """Have jobs end after their present seed and report what they came to; jobs that were not begun are given back
        without a report. ``busy`` falls to 0. Nothing may be submitted any more."""

    def close(self) -> None:
        """End every process at once, with all that it started. Idempotent."""


class CrewError(Exception):
    """There is nobody who can do a job. The message is a sentence for people."""


class CrewUnavailable(CrewError):
    """The crew is elsewhere, and cannot be reached."""
