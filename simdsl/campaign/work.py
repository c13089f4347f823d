"""What a campaign is about and how it is divided: plain data, so that any process on any machine can do a part of it."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from simdsl.bugbase.states import How
from simdsl.bugbase.store import Found
from simdsl.core.processes import Ending
from simdsl.core.verdicts import Health
from simdsl.modes.makers import Maker
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan
from simdsl.plan.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Everything that the parts of a campaign have in common.

    ``urls`` are the backend, and those that it is compared with; they hold secrets, and are not for showing. ``profile``
    is the expanded profile as data, None where only properties of their own size run. ``limit_us`` is for how long a plan
    may give no sign of life.
    """

    makers: tuple[Maker, ...]
    urls: tuple[str, ...]
    profile: Json = None
    limit_us: int = 60_000_000

    @property
    def how(self) -> How:
        """How its plans run."""
        return How.ONCE if len(self.urls) == 1 else How.DIFFERENTIAL


class At(NamedTuple):
    """Where a job is: the number of a maker, and a seed."""

    maker: int
    seed: int


LOST: Final = "lost"
"""The word of an ending that nobody has seen, in another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The seeds ``first`` to ``last``, for every maker.

    ``alone`` has each plan run in a process of its own, which may end. Then ``died`` is why: a worker ended so, there.
    """

    number: int
    first: int
    last: int
    alone: bool = False
    died: tuple[At | None, Ending] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinking:
    """Make a bug as small as it goes within a time. ``plan`` is pinned; ``name`` is what the bug base calls the bug."""

    name: str
    plan: Plan
    seed: int
    limit_us: int


Job: TypeAlias = Batch | Shrinking
"""What a worker is given: something that can be pickled, and done by anybody who has the ``Work``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A bug, as its first run in a batch showed it, and at which seeds it came in that batch, once for each plan.

    ``maker`` has made the first one.
    """

    found: Found
    maker: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A plan that was not judged because of simdsl itself. No failure of a database, and no pass."""

    maker: str
    seed: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """What a batch came to, up to and with the seed ``last``: not its last one if the crew was asked to stop, or if that
    would have taken too long."""

    batch: Batch
    last: int
    health: Health
    findings: tuple[Finding, ...]
    troubles: tuple[Trouble, ...]
    micros: int

    @property
    def seeds(self) -> int:
        """How many are done."""
        return self.last - self.batch.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkingDone:
    """A bug that was shrunk; ``plan`` is None if it could not be, and ``note`` says why."""

    shrinking: Shrinking
    plan: Plan | None
    tries: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A job that could not be done: a backend cannot be reached, or simdsl itself failed around the plans."""

    job: Job
    message: str  # without secrets
    is_unavailable: bool


Done: TypeAlias = BatchDone | ShrinkingDone | Refused
"""What became of a job."""
