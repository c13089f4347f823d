"""What listens to the runs of a call: the protocol, and what a listener may ask of the call.

Each option of ``simdsl run`` that observes runs (a trace, a report, the bug base, shrinking) names its listener where it
is declared (``Option.listener``). The call makes the listeners of the options given, in the order of the declarations,
and tells all of them everything, so an option of this kind is added without a change to ``run``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.requests import RunRequest
from simdsl.cli.selection import SelectedPlan, Selection
from simdsl.core.verdicts import AllPlansEnded, Progress, RunReport
from simdsl.plan.values import Json
from simdsl.report.context import CallHeader, PlanSource, reproduce_command
from simdsl.report.secrets import Secrets
from simdsl.runner.lowering import TranslatorCache


class RunListener:
    """The base of all listeners: hears nothing, changes nothing. Entered before the first plan, left after the last."""

    # Hooks with empty bodies rather than abstract ones: most listeners need one or two of them.

    def __init__(self, context: CallContext) -> None:
        """Raises ``Stop`` if the listener cannot do its work, such as write its file."""
        self.context = context

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """The call is over, or was broken off by an error."""

    @classmethod
    def refused(cls, request: RunRequest, stop: Stop, secrets: Secrets) -> None:
        """No plan ran, since the call stopped before there was a context."""

    def plan_selected(self, selected: SelectedPlan) -> None:
        """This plan runs next."""

    def tell(self, progress: Progress) -> None:
        """Something happened. Raises ``Stop`` to end the call."""

    def plan_left(self) -> None:
        """All runs of the plan are over, and its connections are closed."""
        # Apart from the event PlanEnded, which is told while a run may still hold the plan's database open.

    def ending(self, ended: AllPlansEnded) -> AllPlansEnded:
        """The end of the call before it is told: a listener may add what it found out."""
        return ended

    def exit_code(self, code: Exit) -> Exit:
        """The exit code of the call: a listener may turn it into another one."""
        return code


class CallContext:
    """What the listeners of a call may know: what was asked for, its plans and backends, and where to leave a note."""

    def __init__(
        self,
        *,
        request: RunRequest,
        urls: tuple[str, ...],
        selection: Selection,
        backends: Sequence[Backend],
        secrets: Secrets,
        description: CallHeader,
        profile: Json,
        note: Callable[[str], None],
    ) -> None:
        self.request = request
        self.urls = urls
        self.selection = selection
        self.backends = backends
        self.secrets = secrets
        self.description = description  # what the call runs and on what, as reports begin
        self.profile = profile  # of generated plans, expanded; None for plans of files
        self.note = note  # shows a line on the screen, or on standard error beside --json
        self.translators = TranslatorCache()
        self.listeners: list[RunListener] = []

    def reproduce(self, name: str, report: RunReport, seed: int) -> str:
        """The command that shows a failing run again."""
        selected = self.selection[name]
        urls = tuple(map(mask, self.urls))
        return reproduce_command(selected.arguments or name, selected.original, report, backend_urls=urls, seed=seed)

    def source(self, name: str) -> PlanSource:
        """A plan that has been selected, with its text."""
        selected = self.selection[name]
        return PlanSource(file=selected.file, plan=selected.original, document=selected.document)
