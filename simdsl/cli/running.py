"""The call of ``simdsl run``: select, open, run, report, and come to an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.cli.errors import exit_of, unavailable, usage
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.option_conflicts import check_options, check_snapshot_support
from simdsl.cli.overrides import SelectedPlan
from simdsl.cli.plan_files import STDIN
from simdsl.cli.request import Request
from simdsl.cli.selecting import select_all
from simdsl.core.choices import fresh_seed
from simdsl.core.verdicts import GeneratorHealth, Progress, RunEnded, RunReport
from simdsl.plan.codes import Code
from simdsl.report.context import CallCounter, CallHeader, PlanSource, reproduce_command
from simdsl.report.screen import screen_of
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.report.terminal import TerminalReport, Verbosity
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

# What only an option asks for is imported where it does: a plain run starts a fifth sooner.
if TYPE_CHECKING:
    from simdsl.cli.acceptance import AcceptExpectations
    from simdsl.cli.bug_recording import BugRecorder
    from simdsl.cli.doublecheck import OtherProcessRuns
    from simdsl.cli.generated_plans import GeneratedPlans
    from simdsl.cli.json_report import JsonEvents
    from simdsl.cli.shrink_on_failure import ShrinkOnFailure
    from simdsl.report.health import HealthCollector
    from simdsl.workers.isolated_worker import IsolatedWorker


def run_request(request: Request) -> Exit:
    """Do it. Raises ``Stop`` for everything that keeps plans from running."""
    check_options(request)
    making = _making(request) if request.makes else None
    given = (request.seed, None if making is None else making.seed, request.fresh_seed)
    fresh = next((seed for seed in given if seed is not None), None)
    fresh = fresh_seed() if fresh is None else fresh
    with _refusals_reported(request):
        selected = select_all(request, fresh, making)
    if request.list_only:
        return _list(selected)
    _check_files(request, selected)
    if not selected:
        sys.stderr.write("nothing is selected\n")
        return Exit.NOTHING
    secrets = secrets_given(request.backend, *request.differential)
    with _refusals_reported(request):
        backends = tuple(map(_backend, (request.backend, *request.differential)))
    check_snapshot_support(request, (one.plan for one in selected), backends)
    if request.doublecheck:
        from simdsl.cli.doublecheck import refuse_nondeterministic

        refuse_nondeterministic(selected)
    with ExitStack() as stack:
        call = _Call(request=request, selected=selected, backends=backends, secrets=secrets, seed=fresh, stack=stack)
        stack.enter_context(_terminated_like_interrupted())
        return call.run()


class _Terminated(KeyboardInterrupt):
    """The process was asked to end: everything is cleaned up as after Ctrl-C."""


class _Call:
    """One call over its selected plans."""

    def __init__(
        self,
        *,
        request: Request,
        selected: Sequence[SelectedPlan],
        backends: Sequence[Backend],
        secrets: Secrets,
        seed: int,
        stack: ExitStack,
    ) -> None:
        self.request = request
        self.selected = {one.name: one for one in selected}
        self.backends = backends
        self.secrets = secrets
        self.stack = stack
        self.seed = seed
        self.tally = CallCounter(seed=seed)
        self.translators = TranslatorCache()
        self.report = self._reporter()
        self.listeners: list[Callable[[Progress], None]] = [self.tally.tell]
        if request.trace is not None:
            from simdsl.report.json_lines import TraceWriter

            out = stack.enter_context(_writable(request.trace))
            self.listeners.append(TraceWriter(out, backends, secrets).tell)
        self.listeners.append(self.report.tell)
        self.health = self._health() if request.makes else None
        if self.health is not None:
            self.listeners.append(self.health.tell)
        for path, steps in ((request.dump, False), (request.unroll, True)):
            if path is not None:
                from simdsl.cli.dump_plan import PlanDump

                dumping = PlanDump(
                    path=path, backend_urls=(request.backend, *request.differential), note=self.report.note, steps=steps
                )
                self.listeners.append(dumping.tell)
        self.keeping = self._keeping() if request.bugbase is not None else None
        if self.keeping is not None:
            self.listeners.append(self.keeping.tell)
        if request.shrink:
            self.listeners.append(self._shrinker().tell)
        self.isolated = stack.enter_context(self._isolated()) if request.isolated else None
        self.acceptance = self._acceptance() if request.accept else None
        self.other = self._other() if request.doublecheck else None

    def run(self) -> Exit:
        """All plans, until enough have failed or somebody interrupts."""
        with _refusals_reported(self.request):
            call = CallHeader(seed=self.seed, backend=self._described(), plans=len(self.selected))
        self.report.start(call)
        if self.request.reports:
            from simdsl.cli.report_files import ReportFiles

            reporting = ReportFiles(self.request, call, secrets=self.secrets, told=self.told, reproduce=self.reproduce)
            self.listeners.append(self.stack.enter_context(reporting).tell)
        code: Exit | None = None
        try:
            for selected in self.selected.values():
                self._plan(selected)
                if self.request.maxfail is not None and self.tally.failed >= self.request.maxfail:
                    break
        except _Terminated:
            code = Exit.TERMINATED
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
        ended = self.tally.end(interrupted=code is not None, health=self._healthy())
        self._tell(ended)
        if code is None and self.acceptance is not None:
            return self.acceptance.exit_of(ended)
        return code or exit_of(ended)

    def reproduce(self, name: str, report: RunReport, seed: int) -> str:
        """The command that shows a failed run again."""
        selected = self.selected[name]
        urls = tuple(map(mask, (self.request.backend, *self.request.differential)))
        return reproduce_command(selected.again or name, selected.original, report, backend_urls=urls, seed=seed)

    def told(self, name: str) -> PlanSource:
        """The text of a selected plan."""
        selected = self.selected[name]
        return PlanSource(file=selected.file, plan=selected.original, document=selected.document)

    def _plan(self, selected: SelectedPlan) -> None:
        options = RunOptions(seed=selected.seed, keep_going=self.request.accept, translators=self.translators)
        if self.request.show_sql:
            self._show_sql(selected)
        events = self._events(selected, options)
        if self.acceptance is not None:
            self.acceptance.begin(selected)
        try:
            for progress in events:
                self._tell(progress)
                if self.acceptance is not None and isinstance(progress, RunEnded):
                    self.acceptance.tell(progress.report)
        except BackendUnavailable as error:
            raise unavailable(self.secrets.hide(str(error)), about=mask(self.request.backend)) from error
        finally:
            if isinstance(events, Generator):
                events.close()
        if self.acceptance is not None:
            self.acceptance.end()

    def _events(self, selected: SelectedPlan, options: RunOptions) -> Iterator[Progress]:
        if self.isolated is not None:
            return self.isolated.run(selected.plan, selected.name, options)
        if len(self.backends) == 1:
            events = run_plan(selected.plan, selected.name, self.backends[0], options)
            if self.other is None:
                return events
            from simdsl.cli.doublecheck import doublechecked

            return doublechecked(events, self.other, self.backends[0])
        from simdsl.runs.differential import run_differential

        return run_differential(selected.plan, selected.name, self.backends, options)

    def _tell(self, progress: Progress) -> None:
        for listener in self.listeners:
            listener(progress)

    def _show_sql(self, selected: SelectedPlan) -> None:
        from simdsl.cli.show_sql import sql_lines

        for backend in self.backends:
            for line in sql_lines(selected.plan, backend, only_changed=True):
                self.report.note(line)

    def _other(self) -> OtherProcessRuns:
        from simdsl.cli.doublecheck import OtherProcessRuns, check_input

        request = self.request
        check_input(request.paths)
        arguments = [*request.paths, "--no-github", "--fresh-seed", str(self.seed)]
        if request.generate:
            arguments.append("--generate")
        for name in request.properties:
            arguments += ["--property", name]
        for knob in request.knobs:
            arguments += ["--set", knob]
        for name, value in (
            ("--seed", request.seed),
            ("--profile", request.profile),
            ("--runs", request.runs),
            ("-k", request.keyword),
            ("--schedule", request.schedule),
            ("--params", request.params),
            ("--maxfail", request.maxfail),
            ("--reset-mode", request.reset_mode),
        ):
            if value is not None:
                arguments += [name, str(value)]
        for tag in request.tags:
            arguments += ["--tag", tag]
        for table in request.reset_tables:
            arguments += ["--reset-table", table]
        return OtherProcessRuns(arguments, request.backend)

    def _health(self) -> HealthCollector:
        from simdsl.report.health import DEFAULT_FLOOR, HealthCollector

        makers = {one.name: one.maker for one in self.selected.values() if one.maker is not None}
        floor = DEFAULT_FLOOR if self.request.min_judged is None else self.request.min_judged
        return HealthCollector(makers, are_properties=bool(self.request.properties), floor=floor)

    def _healthy(self) -> GeneratorHealth | None:
        """What generated plans came to, which is told too."""
        if self.health is None:
            return None
        from simdsl.report.health import health_lines

        health = self.health.end()
        for line in health_lines(health):
            self.report.note(line)
        return health

    def _keeping(self) -> BugRecorder:
        from simdsl.cli.bug_recording import bug_recorder

        return bug_recorder(self.request, self.backends, self.secrets, self.report.note)

    def _shrinker(self) -> ShrinkOnFailure:
        from simdsl.cli.shrink_on_failure import ShrinkOnFailure
        from simdsl.cli.shrinking import deadline
        from simdsl.runs.shrink_driver import ShrinkLimits

        request = self.request
        deadline("--shrink-for", request.shrink_time)  # is it one at all?
        return ShrinkOnFailure(
            urls=(request.backend, *request.differential),
            backends=self.backends,
            translators=self.translators,
            limits=lambda: ShrinkLimits(rounds=request.shrink_rounds, is_over=deadline("--shrink-for", request.shrink_time)),
            note=self.report.note,
            keeping=self.keeping,
        )

    def _isolated(self) -> IsolatedWorker:
        from simdsl.workers.isolated_worker import IsolatedWorker

        return IsolatedWorker((self.request.backend, *self.request.differential))

    def _acceptance(self) -> AcceptExpectations:
        from simdsl.cli.acceptance import AcceptExpectations

        return AcceptExpectations(self.report.note)

    def _reporter(self) -> TerminalReport | JsonEvents:
        if self.request.json:
            from simdsl.cli.json_report import JsonEvents

            url = mask(self.request.backend)
            return JsonEvents(sys.stdout.buffer, url=url, secrets=self.secrets, reproduce=self.reproduce)
        detail = (
            Verbosity.QUIET
            if self.request.quiet
            else Verbosity(min(Verbosity.PLANS + self.request.verbose, Verbosity.STEPS))
        )
        return TerminalReport(
            sys.stdout,
            screen_of(sys.stdout),
            detail=detail,
            stories=not self.request.accept,
            secrets=self.secrets,
            told=self.told,
            reproduce=self.reproduce,
        )

    def _described(self) -> str:
        told: list[str] = []
        for backend, url in zip(self.backends, (self.request.backend, *self.request.differential), strict=True):
            try:
                description = backend.describe()
            except BackendUnavailable as error:
                raise unavailable(self.secrets.hide(str(error)), about=mask(url)) from error
            told.append(f"{backend.name} ({description.engine} {description.engine_version}, {description.driver})")
        return " against ".join(told)


def _making(request: Request) -> GeneratedPlans:
    from simdsl.cli.generated_plans import generators

    return generators(request.properties, generate_too=request.generate, profile=request.profile, knobs=request.knobs)


def _check_files(request: Request, selected: Sequence[SelectedPlan]) -> None:
    """Nothing is written over a plan that runs, and what came from standard input has no file to be rewritten."""
    plans = {os.path.realpath(one.file) for one in selected}
    written: set[str] = set()
    for path in (request.trace, request.junit, request.html, request.dump, request.unroll):
        if path is None:
            continue
        place = os.path.realpath(path)
        if place in plans:
            raise usage(Code.U009, "this is one of the plans that run", about=path, help="name another file")
        if place in written and (os.path.isfile(place) or not os.path.exists(place)):
            raise usage(Code.U009, "two options write to this file", about=path, help="name another file")
        written.add(place)
    if request.accept and any(one.file == STDIN for one in selected):
        raise usage(Code.U008, "--accept and standard input do not go together", help="name the plan's file")


@contextmanager
def _refusals_reported(request: Request) -> Iterator[None]:
    """What keeps plans from running is in the reports too, which are not begun yet."""
    try:
        yield
    except Stop as stop:
        if request.reports:
            from simdsl.cli.report_files import refused

            refused(request, stop, secrets_given(request.backend, *request.differential))
        raise


def _list(selected: list[SelectedPlan]) -> Exit:
    for one in selected:
        tags = f" [{', '.join(one.original.tags)}]" if one.original.tags else ""
        print(f"{one.name}  {one.original.name}{tags}")
    return Exit.HELD if selected else Exit.NOTHING


def _backend(url: str) -> Backend:
    try:
        return resolve(url)
    except BackendUnavailable as error:
        raise unavailable(secrets_given(url).hide(str(error)), about=mask(url)) from error


@contextmanager
def _writable(path: str) -> Iterator[Any]:
    try:
        out = open(path, "wb")  # noqa: SIM115 - it is closed below, and only opening it may be refused
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=path) from None
    with out:
        yield out


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """While plans run, a request to terminate leaves nothing behind either."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
