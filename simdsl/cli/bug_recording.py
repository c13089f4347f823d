"""``--bugbase-dir``: every failing run is stored as a bug, or counted if it is stored already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from simdsl.backends.protocol import Backend
from simdsl.bugbase.capture import BugCapture
from simdsl.bugbase.entry import BugbaseError
from simdsl.bugbase.states import RunMode
from simdsl.bugbase.store import BugStore
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.core.clock import utc_now
from simdsl.core.verdicts import PlanStarted, Progress, RunEnded, RunReport
from simdsl.failures.same_failure import FailureIdentity, OtherFailure
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.report.secrets import Secrets


@dataclass(slots=True, kw_only=True)
class BugStorage:
    """Stores failing runs. ``profile`` is the expanded profile of generated plans; ``note`` shows a line for each bug."""

    directory: str
    urls: Sequence[str]  # as they were given, the first one, and those that it is compared with
    backends: Sequence[Backend]
    secrets: Secrets
    how: RunMode
    note: Callable[[str], None]
    profile: Json = None
    _store: BugStore = field(init=False)
    _finder: BugCapture = field(init=False)

    def __post_init__(self) -> None:
        self._store = BugStore(self.directory)
        self._finder = BugCapture(
            backends=self.backends, backend_urls=self.urls, secrets=self.secrets, how=self.how, profile=self.profile
        )

    def store(self, plan: Plan, report: RunReport, file: str, seed: int) -> str:
        """Store a failing run; the name of its bug. Raises ``Stop`` if the bug base cannot be used."""
        started = PlanStarted(plan=plan, file=file, backend=report.backend, seed=seed)
        try:
            kept = self._store.add(self._finder.found(started, report), utc_now())
        except BugbaseError as error:
            raise stop(error) from None
        self.note(f"{'stored as' if kept.is_new else 'seen again:'} {self._store.directory / kept.name}")
        return kept.name

    def store_shrunk(self, name: str, plan: Plan) -> None:
        """Store the shrunk plan of a bug. Raises ``Stop``."""
        try:
            self._store.add_shrunk(name, plan)
        except BugbaseError as error:
            raise stop(error) from None


class BugRecorder(RunListener):
    """``--bugbase-dir DIR``: stores every run that fails."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        request = context.request
        assert request.bugbase is not None
        self.last: str | None = None
        """The name of the bug that was stored last."""
        self.storage = BugStorage(
            directory=request.bugbase,
            urls=context.urls,
            backends=context.backends,
            secrets=context.secrets,
            how=run_mode(len(context.urls), doublecheck=request.doublecheck),
            note=context.note,
            profile=context.profile,
        )
        self._started: PlanStarted | None = None

    def tell(self, progress: Progress) -> None:
        """Store a failing run. Raises ``Stop`` if the bug base cannot be used."""
        if isinstance(progress, PlanStarted):
            self._started = progress
        elif isinstance(progress, RunEnded) and progress.report.failure is not None:
            started = self._started
            assert started is not None
            self.last = self.storage.store(started.plan, progress.report, started.file, started.seed)


def run_mode(backends: int, *, doublecheck: bool) -> RunMode:
    """How plans are run by a call: what replays a bug of it."""
    return RunMode.DOUBLECHECK if doublecheck else RunMode.DIFFERENTIAL if backends > 1 else RunMode.ONCE


def other_bugs_line(
    others: Mapping[FailureIdentity, OtherFailure], storage: BugStorage | None, file: str, seed: int
) -> str | None:
    """Store the other bugs that shrinking came across, if there is a bug base; a line about them, if there are any."""
    if not others:
        return None
    met = "1 other bug was found" if len(others) == 1 else f"{len(others)} other bugs were found"
    if storage is None:
        return f"{met}; `--bugbase-dir` stores such bugs: {', '.join(bug.fingerprint for bug in others)}"
    for other in others.values():
        storage.store(other.plan, other.report, file, seed)
    return f"{met}: {storage.directory}"


def stop(error: BugbaseError) -> Stop:
    """The end of a call that the bug base cannot serve."""
    return Stop(Exit.BAD_INPUT, error.diagnostic)
