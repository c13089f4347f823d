"""``--bugbase-dir``: every run that fails is stored as a bug, or counted where it is one already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import assert_never

from simdsl.backends.protocol import Backend
from simdsl.bugbase.capture import BugCapture
from simdsl.bugbase.entry import BugbaseError
from simdsl.bugbase.states import RunMode
from simdsl.bugbase.store import DEFAULT_BUGBASE_DIR, BugStore
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.knobs import QUICK
from simdsl.cli.request import Request
from simdsl.core.clock import utc_now
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.profiles.knobs import nested
from simdsl.profiles.load import check_profile
from simdsl.report.secrets import Secrets


@dataclass(slots=True, kw_only=True)
class BugRecorder:
    """Stores the runs that fail. ``profile`` is the expanded profile of generated plans; ``note`` is told of each bug."""

    store: BugStore
    backends: Sequence[Backend]
    backend_urls: Sequence[str]  # as they were given, the first one, and those that it is compared with
    secrets: Secrets
    how: RunMode
    note: Callable[[str], None]
    profile: Json = None
    _started: PlanStarted | None = None
    _last: str | None = None  # the bug that was kept last
    _finder: BugCapture = field(init=False)

    def __post_init__(self) -> None:
        self._finder = BugCapture(
            backends=self.backends, backend_urls=self.backend_urls, secrets=self.secrets, how=self.how, profile=self.profile
        )

    def tell(self, progress: Progress) -> None:
        """Store a run that failed. Raises ``Stop`` where the base cannot be used."""
        match progress:
            case PlanStarted():
                self._started = progress
            case RunEnded(report=report) if report.failure is not None:
                self._keep(report)
            case RunEnded() | PlanEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def keep_last_shrunk(self, plan: Plan) -> None:
        """Store the shrunk plan of the bug that was kept last, if there is one. Raises ``Stop``."""
        if self._last is not None:
            self.keep_shrunk(self._last, plan)

    def keep_shrunk(self, name: str, plan: Plan) -> None:
        """Store the shrunk plan of a bug. Raises ``Stop``."""
        try:
            self.store.add_shrunk(name, plan)
        except BugbaseError as error:
            raise stop(error) from None

    def _keep(self, report: RunReport) -> None:
        started = self._started
        assert started is not None
        try:
            kept = self.store.add(self._finder.found(started, report), utc_now())
        except BugbaseError as error:
            raise stop(error) from None
        self._last = kept.name
        self.note(f"{'stored as' if kept.is_new else 'seen again:'} {self.store.directory / kept.name}")


def bug_recorder(
    request: Request, backends: Sequence[Backend], secrets: Secrets, note: Callable[[str], None]
) -> BugRecorder:
    """What keeps the runs of a call that fail. Raises ``Stop`` for a profile that is none."""
    how = RunMode.DOUBLECHECK if request.doublecheck else RunMode.DIFFERENTIAL if request.differential else RunMode.ONCE
    sized = request.profile is not None or request.knobs or request.generate
    return BugRecorder(
        store=BugStore(request.bugbase or DEFAULT_BUGBASE_DIR),
        backends=backends,
        backend_urls=(request.backend, *request.differential),
        secrets=secrets,
        how=how,
        note=note,
        profile=expanded(request.profile or QUICK, request.knobs) if sized else None,
    )


def expanded(profile: str, knobs: Sequence[str]) -> Json:
    """A profile with everything that it extends and all knobs, as data. Raises ``Stop`` with what is wrong with it."""
    checked = check_profile(profile, knobs)
    if checked.merged is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    return nested(checked.merged.profile.name, checked.merged.values)


def stop(error: BugbaseError) -> Stop:
    """The end of a call that the bug base cannot serve."""
    return Stop(Exit.BAD_INPUT, error.diagnostic)
