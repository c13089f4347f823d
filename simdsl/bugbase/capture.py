"""From a run that failed to what the bug base stores of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import field, replace

from simdsl import __version__
from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.bugbase.entry import BugConfig, BugObject, RecordedBackend
from simdsl.bugbase.states import RunMode
from simdsl.bugbase.store import FoundBug
from simdsl.core.verdicts import FailureKind, PlanStarted, RunEnded, RunReport
from simdsl.failures.same_failure import FailureIdentity, primary_failure
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.report.json_lines import TraceWriter, progress_json
from simdsl.report.secrets import Secrets
from simdsl.rewriting.pin import pin_run
from simdsl.runs.differential import labels


@dataclass(slots=True, kw_only=True)
class BugCapture:
    """Knows what the runs of a call have in common. ``profile`` is the expanded profile of generated plans."""

    backends: Sequence[Backend]
    backend_urls: Sequence[str]  # as they were given, the first one, and those that it is compared with
    secrets: Secrets
    how: RunMode
    profile: Json = None
    _parties: list[RecordedBackend] = field(default_factory=list)

    def bug(self, report: RunReport) -> FailureIdentity:
        """The bug that a run shows, as it is stored. Raises ``ValueError`` for a run that did not fail."""
        bug = FailureIdentity.of_run(report)
        return FailureIdentity(fingerprint=bug.fingerprint, details=tuple(map(self.secrets.hide, bug.details)))

    def found(self, started: PlanStarted, report: RunReport) -> FoundBug:
        """Everything about a run that failed."""
        told: BugObject = progress_json(RunEnded(report=replace(report, failure=primary_failure(report), consequences=())))[
            "failure"
        ]
        return FoundBug(
            bug=self.bug(report),
            plan=_plan(started, report),
            config=BugConfig(
                simdsl=__version__,
                how=self.how,
                seed=started.seed,
                file=started.file,
                backends=self._described(),
                profile=self.profile,
            ),
            failure={key: self._hidden(value) for key, value in told.items()},
            trace=self._trace(started, report),
        )

    def _hidden(self, value: Json) -> Json:
        match value:
            case str():
                return self.secrets.hide(value)
            case list():
                return [self._hidden(item) for item in value]
            case dict():
                return {key: self._hidden(item) for key, item in value.items()}
            case _:
                return value

    def _trace(self, started: PlanStarted, report: RunReport) -> bytes:
        out = io.BytesIO()
        writer = TraceWriter(out, self.backends, self.secrets)
        known = labels(self.backends)
        if report.backend not in known:  # its process died before it could say
            report = replace(report, backend=known[0])
        writer.tell(started)
        writer.tell(RunEnded(report=report))
        return out.getvalue()

    def _described(self) -> tuple[RecordedBackend, ...]:
        if not self._parties:
            for url, backend in zip(self.backend_urls, self.backends, strict=True):
                said = backend.describe()
                fields = {name: self.secrets.hide(getattr(said, name)) for name in said.__slots__}
                self._parties.append(RecordedBackend(url=self.secrets.hide(mask(url)), **fields))
        return tuple(self._parties)


def _plan(started: PlanStarted, report: RunReport) -> Plan:
    """The plan of this one run. Where a process died before anything was chosen, nothing can be pinned but the seed."""
    if primary_failure(report).kind is FailureKind.CRASH and not report.choices:
        params = (report.params,) if report.params else started.plan.params
        return replace(started.plan, params=params, seed=started.seed)
    return pin_run(started.plan, report, started.seed)
