"""``simdsl run``: select plans, open backends, run, report, and come to an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import mask
from simdsl.cli.execution import CallContext, Execute, PlanExecutor, RunListener, refuse_nondeterministic
from simdsl.cli.option_values import check_options, check_snapshots, describe_backends, resolve_backends, urls_of
from simdsl.cli.options import load
from simdsl.cli.output import Exit, Stop, run_exit, unavailable, usage
from simdsl.cli.requests import RunRequest
from simdsl.cli.selection import STDIN, SelectedPlan, Selection, select_plans
from simdsl.core.choices import SEED_BITS, choose_below, fresh_seed
from simdsl.core.verdicts import Progress
from simdsl.plan.codes import Code
from simdsl.plan.values import Json
from simdsl.report.context import CallCounter, CallHeader, Secrets, secrets_given
from simdsl.report.screen import screen_of
from simdsl.report.terminal import TerminalReport, Verbosity
from simdsl.runs.context import RunOptions

# What only some options need is imported where they are used: a plain run of a file starts a fifth sooner for it.
if TYPE_CHECKING:
    from simdsl.cli.generate import GeneratedPlans
    from simdsl.cli.run_files import JsonEvents

_STOPPED: Final = (Exit.INTERRUPTED, Exit.TERMINATED)


def run(request: RunRequest) -> Exit:
    """Run plans, once or with several seeds. Raises ``Stop`` for everything that keeps them from running."""
    if request.github is None:
        request = request.replaced(github=os.environ.get("GITHUB_ACTIONS") == "true")
    check_options(request)
    return _run_repeatedly(request) if request.is_repeated else _run_once(request)


def _run_repeatedly(request: RunRequest) -> Exit:
    """Run the call several times, with a line before each that has its seed; the worst exit code of all.

    The seeds are drawn from the one that was given, so with ``--seed`` they are the same every time.
    """
    # `--loop` is the older spelling, and with generated plans the only one: there `--runs` counts the plans of a call.
    count = request.loop or request.runs or 1
    once = request.replaced(loop=None, runs=request.runs if request.is_generated else None)
    first = fresh_seed() if request.seed is None else request.seed
    out = sys.stderr if request.json else sys.stdout  # standard output belongs to the events, which have the seed in them
    codes: dict[int, Exit] = {}
    for number in range(1, count + 1):
        seed = choose_below(2**SEED_BITS, first, "loop", number)
        print(f"run {number} of {count}, seed {seed}", file=out, flush=True)
        codes[seed] = _run_once(once.replaced(seed=seed))
        failed = [seed for seed, code in codes.items() if code is Exit.FAILURE]
        # -x means the first failing repetition here, since each repetition stops at its own first failing plan.
        if codes[seed] in _STOPPED or (request.failure_limit is not None and len(failed) >= request.failure_limit):
            break
    print(_summary(codes, count), file=out, flush=True)
    # Ctrl-C and a failure say more than the rest, where the larger code is the worse one.
    stopped = next((code for code in codes.values() if code in _STOPPED), None)
    return stopped or (Exit.FAILURE if Exit.FAILURE in codes.values() else max(codes.values()))


def _summary(codes: dict[int, Exit], count: int) -> str:
    failed = [str(seed) for seed, code in codes.items() if code is Exit.FAILURE]
    nothing = sum(code is Exit.NOTHING_CHECKED for code in codes.values())
    line = f"ran {len(codes)} of {count} times: {len(failed)} failed"
    if nothing:
        line += f", {nothing} checked nothing or too little"
    return f"{line}; seed {', '.join(failed)}" if failed else line


def _run_once(request: RunRequest) -> Exit:
    generated = _generated(request) if request.is_generated else None
    seed = next((seed for seed in (request.seed, None if generated is None else generated.seed) if seed is not None), None)
    seed = fresh_seed() if seed is None else seed
    # A report must say why nothing ran, even where there is not even a backend to describe.
    with _refusals_reported(request):
        urls = urls_of(request)
        selection = select_plans(request, seed, generated)
    if request.list_only:
        return _list(selection)
    # Generated plans are in no file, and making all of them now would cost the time to the first run.
    _check_files(request, () if request.is_generated else selection.all())
    if not selection.count:
        sys.stderr.write("no plans selected\n")
        return Exit.NOTHING_CHECKED
    secrets = secrets_given(*urls)
    with _refusals_reported(request):
        backends = resolve_backends(urls)
        description = CallHeader(seed=seed, backend=describe_backends(urls, backends, secrets), plans=selection.count)
    if request.doublecheck and not request.is_generated:
        # Before anything runs, as every other mistake; generated plans use no such function.
        refuse_nondeterministic(selection.all())
    with ExitStack() as stack:
        call = _Call(
            request, urls, selection, backends, secrets, description, None if generated is None else generated.profile
        )
        stack.enter_context(_terminated_like_interrupted())
        return call.run(stack)


class _Terminated(KeyboardInterrupt):
    """The process was asked to end: everything is cleaned up as after Ctrl-C."""


class _Call:
    """One call over its selected plans: what executes them, what listens, and what they come to."""

    def __init__(
        self,
        request: RunRequest,
        urls: tuple[str, ...],
        selection: Selection,
        backends: Sequence[Backend],
        secrets: Secrets,
        description: CallHeader,
        profile: Json,
    ) -> None:
        self._request = request
        self._selection = selection
        self._tally = CallCounter(seed=description.seed)
        self._context = CallContext(
            request=request,
            urls=urls,
            selection=selection,
            backends=backends,
            secrets=secrets,
            description=description,
            profile=profile,
            note=lambda line: self._screen.note(line),
        )
        self._screen = _screen(self._context)

    def run(self, stack: ExitStack) -> Exit:
        """All plans, until enough have failed or the call is interrupted."""
        context, request = self._context, self._request
        # One after the other: a listener may look for those before it, as shrinking looks for the bug base.
        for reference in request.listeners():
            context.listeners.append(stack.enter_context(load(reference)(context)))
        # Entered last, so its processes are ended before any report is written about a call that was broken off.
        executor = stack.enter_context(PlanExecutor(urls=context.urls, backends=context.backends))
        execute = executor.isolated if request.isolated else executor.doublechecked if request.doublecheck else executor.here
        self._screen.start(context.description)
        code: Exit | None = None
        try:
            for selected in self._selection:
                self._run_plan(selected, execute)
                if request.failure_limit is not None and self._tally.failed >= request.failure_limit:
                    break
        except _Terminated:
            code = Exit.TERMINATED
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
        # The end is told even after an interruption: what ran until then is counted and reported.
        ended = self._tally.end(interrupted=code is not None)
        for listener in context.listeners:
            ended = listener.ending(ended)
        self._tell(ended)
        if code is not None:
            return code
        code = run_exit(ended)
        for listener in context.listeners:
            code = listener.exit_code(code)
        return code

    def _run_plan(self, selected: SelectedPlan, execute: Execute) -> None:
        context = self._context
        if self._request.generate and not self._request.properties:
            check_snapshots((selected.plan,), context.backends)
        for listener in context.listeners:
            listener.plan_selected(selected)
        # A plan usually stops at its first failing run; --accept needs all of them, or each call would rewrite one line.
        options = RunOptions(seed=selected.seed, keep_going=self._request.accept, translators=context.translators)
        events = execute(selected.plan, selected.name, options)
        try:
            for progress in events:
                self._tell(progress)
        except BackendUnavailable as error:
            raise unavailable(error, context.secrets, context.urls[0]) from error
        finally:
            # An error or Ctrl-C leaves the generator half done: closing it now removes its database and connections.
            if isinstance(events, Generator):
                events.close()
        for listener in context.listeners:
            listener.plan_left()

    def _tell(self, progress: Progress) -> None:
        # The screen comes first, so that notes of listeners stand below the plan that they are about.
        self._tally.tell(progress)
        self._screen.tell(progress)
        for listener in self._context.listeners:
            listener.tell(progress)


def _generated(request: RunRequest) -> GeneratedPlans:
    from simdsl.cli.generate import generated_plans  # start-up: the generator and the SQL parser

    return generated_plans(request.properties, request, use_profile=request.generate)


def _screen(context: CallContext) -> TerminalReport | JsonEvents:
    """What shows the call to the user, or to a program that reads JSON lines."""
    request = context.request
    if request.json:
        from simdsl.cli.run_files import JsonEvents  # start-up: most calls are watched by people

        url = mask(context.urls[0])
        return JsonEvents(sys.stdout.buffer, url=url, secrets=context.secrets, reproduce=context.reproduce)
    detail = Verbosity.QUIET if request.quiet else Verbosity(min(Verbosity.PLANS + request.verbose, Verbosity.STEPS))
    return TerminalReport(
        sys.stdout,
        screen_of(sys.stdout),
        detail=detail,
        stories=not request.accept,
        secrets=context.secrets,
        told=context.source,
        reproduce=context.reproduce,
    )


def _check_files(request: RunRequest, selected: Sequence[SelectedPlan]) -> None:
    """No option may write over a plan that runs or over the file of another option. Raises ``Stop``."""
    plans = {os.path.realpath(one.file) for one in selected}
    written: set[str] = set()
    for name, field in request.fields.items():
        path = getattr(request, name)
        if field.option.listener is None or field.option.metavar != "FILE" or path is None:
            continue
        place = os.path.realpath(path)
        if place in plans:
            raise usage(Code.U009, "this is one of the plans that run", about=path, help="name another file")
        # Two options may well share what is not a regular file, such as a pipe or /dev/stderr.
        if place in written and (os.path.isfile(place) or not os.path.exists(place)):
            raise usage(Code.U009, "two options write to this file", about=path, help="name another file")
        written.add(place)
    if request.accept and any(one.file == STDIN for one in selected):
        raise usage(Code.U008, "--accept cannot rewrite standard input", help="name the plan's file")


@contextmanager
def _refusals_reported(request: RunRequest) -> Iterator[None]:
    """What keeps plans from running is in the reports too, though no listener is made yet."""
    try:
        yield
    except Stop as stop:
        secrets = _secrets(request)
        for reference in request.listeners():
            listener: type[RunListener] = load(reference)
            listener.refused(request, stop, secrets)
        raise


def _secrets(request: RunRequest) -> Secrets:
    """The secrets of the call. Where its options do not fit together there is no URL, and the password is in an option."""
    try:
        return secrets_given(*urls_of(request))
    except Stop:
        return secrets_given(request.backend, *request.differential, arguments=sys.argv)


def _list(selection: Selection) -> Exit:
    for one in selection:
        tags = f" [{', '.join(one.original.tags)}]" if one.original.tags else ""
        print(f"{one.name}  {one.original.name}{tags}")
    return Exit.OK if selection.count else Exit.NOTHING_CHECKED


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """While plans run, a request to terminate cleans up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
