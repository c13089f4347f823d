"""The functions behind ``import simdsl``: load, check and write plans, run them, and shrink one that fails.

``simdsl/__init__.py`` gives these names on first use. Nothing here prints, reads the command line or exits; the command
line is a program on top of the same packages, not of this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.choices import fresh_seed
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import Failure, Progress
from simdsl.failures import PlanRunner, failed_run, primary_failure
from simdsl.language.dump import dump as dump_text
from simdsl.language.load import check_file, load_file, load_text
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic, PlanError
from simdsl.plan.plan import Plan
from simdsl.report.context import CallCounter
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions

if TYPE_CHECKING:
    from simdsl.properties.property import Property


def load(path: str | os.PathLike[str]) -> Plan:
    """The plan in a file, YAML or JSON.

    Raises:
        PlanError: The file cannot be read or is not a plan; ``diagnostics`` says everything that is wrong with it.
    """
    return load_file(os.fspath(path))


def loads(text: str, *, name: str = "<text>") -> Plan:
    """The plan that a text contains. ``name`` stands in diagnostics, and makes the text JSON if it ends in ``.json``.

    Raises:
        PlanError: The text is not a plan.
    """
    return load_text(text, name)


def dump(plan: Plan) -> str:
    """The plan as YAML. ``loads(dump(plan)) == plan``."""
    return dump_text(plan)


def check(path: str | os.PathLike[str]) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a file, errors and warnings in the order of the file; empty for a flawless plan."""
    return check_file(os.fspath(path)).diagnostics


def run(
    plans: Plan | Iterable[Plan],
    backend: str | Backend = "sqlite",
    *,
    differential: Sequence[str | Backend] = (),
    seed: int | None = None,
    keep_going: bool = False,
    subprocess: bool = False,
) -> Iterator[Progress]:
    """Run plans and yield what happens.

    For each plan: ``PlanStarted``, a ``RunEnded`` for each run, ``PlanEnded``; at the end ``AllPlansEnded``. A plan is
    taken from ``plans`` when the one before it has ended, so a generator of plans is consumed as fast as plans run. A run
    happens when its event is asked for; closing the iterator ends it and removes what it made.

    Args:
        plans: A plan, or any iterable of them.
        backend: A name or URL, such as ``"sqlite"`` or ``"postgres"``, or a backend object.
        differential: Further backends, whose outcomes are compared with those of ``backend``.
        seed: For plans that have none. Chosen at random if omitted; ``PlanStarted`` tells which it was.
        keep_going: Whether to go on after a mismatch within a run, and after a failed run.
        subprocess: Whether to run in a process that may crash without taking this one with it. Needs names or URLs.

    Raises:
        BackendUnavailable: A backend is unknown, not installed, or cannot be reached.
        ValueError: ``subprocess`` with a backend object, which another process cannot have.
    """
    options = RunOptions(seed=fresh_seed() if seed is None else seed, keep_going=keep_going, translators=TranslatorCache())
    stack = ExitStack()
    # Resolved before the first event is asked for: a typo is reported where the call stands.
    runner = _runner([backend, *differential], options, subprocess, stack)
    return _events([plans] if isinstance(plans, Plan) else plans, runner, options.seed, stack)


def generate(source: str | Property, seeds: Iterable[int]) -> Iterator[Plan]:
    """Generated plans, one for each seed, each built when it is asked for.

    Args:
        source: The name of a property (``"norec"``, ``"tx-commit-visible"``), a ``Property``, or the name or path of a
            profile (``"quick"``).
        seeds: The same seed always gives the same plan, which carries it, so that a run of it can be repeated.

    Raises:
        PlanError: There is no such property and no such profile, or the profile has mistakes.
    """
    # start-up: a program that runs its own plans needs neither properties nor profiles
    from simdsl.language.property_names import is_property
    from simdsl.properties.property import DEFAULT_SIZE, Property
    from simdsl.properties.registry import PlanGenerator, canonical

    if isinstance(source, Property):
        build: Callable[[int], Plan] = partial(source.plan, size=DEFAULT_SIZE)
    elif is_property(source):
        build = PlanGenerator(name=canonical(source), options=()).plan
    else:
        from simdsl.profiles.load import check_profile  # start-up, as above

        checked = check_profile(source)
        if checked.merged is None:
            raise PlanError(checked.diagnostics)
        build = PlanGenerator(name=source, options=(), profile=checked.merged.profile).plan
    return (replace(build(seed), seed=seed) for seed in seeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkPlan:
    """The smallest plan that was found."""

    plan: Plan
    failure: Failure  # of the run that was shrunk; the plan fails with the same fingerprint
    is_minimal: bool  # False if a limit ended the search
    candidates: int  # plans that were run


class PlanPassed(ValueError):
    """A plan was to be shrunk and does not fail."""


def shrink(
    plan: Plan,
    backend: str | Backend = "sqlite",
    *,
    differential: Sequence[str | Backend] = (),
    reference: str | Backend | None = None,
    seed: int | None = None,
    max_candidates: int | None = None,
    max_seconds: float | None = None,
    repeats: int = 10,
    subprocess: bool = False,
) -> ShrunkPlan:
    """Run a plan until it fails, and search for a smaller one with the same failure.

    Args:
        plan: A plan that fails. One that fails only sometimes is run up to ``repeats`` times.
        backend: Where it fails; see ``run``.
        differential: The other backends of a difference; see ``run``.
        reference: A backend on which every candidate must pass, so that the search cannot end at a plan that is merely
            wrong.
        seed: For a plan that has none. Chosen at random if omitted.
        max_candidates: How many smaller plans to run at most.
        max_seconds: How long to search, in real time.
        repeats: How often to run a plan whose failure is flaky.
        subprocess: Whether candidates run in a process that may crash; needed to shrink a crash.

    Raises:
        PlanPassed: No run failed.
        NotReproducible: The failure does not repeat, or the plan fails on ``reference`` as well.
        BackendUnavailable: See ``run``.
    """
    from simdsl.runs.shrink_driver import ShrinkDriver, ShrinkLimits  # start-up: `run` does not need the shrinker

    options = RunOptions(seed=fresh_seed() if seed is None else seed, translators=TranslatorCache())
    with ExitStack() as stack:
        runner = _bound(_runner([backend, *differential], options, subprocess, stack))
        holds_on = None if reference is None else _bound(_runner([reference], options, subprocess, stack))
        report = next(filter(None, (failed_run(runner, plan) for _ in range(repeats))), None)
        if report is None:
            raise PlanPassed(f"the plan {plan.name} does not fail (seed {options.seed})")
        limits = ShrinkLimits(rounds=max_candidates, is_over=_deadline(max_seconds), repeats=repeats)
        chosen_seed = options.seed if plan.seed is None else plan.seed
        *_, last = ShrinkDriver(plan, report, chosen_seed, runner, limits, holds_on)
        return ShrunkPlan(
            plan=last.case.plan, failure=primary_failure(report), is_minimal=last.is_minimal, candidates=last.tried
        )


def _events(
    plans: Iterable[Plan], runner: Callable[[Plan, str], Iterator[Progress]], seed: int, stack: ExitStack
) -> Iterator[Progress]:
    counter = CallCounter(seed=seed)
    with stack:
        for plan in plans:
            for event in runner(plan, plan.name):
                counter.tell(event)
                yield event
    yield counter.end()


def _runner(
    backends: Sequence[str | Backend], options: RunOptions, subprocess: bool, stack: ExitStack
) -> Callable[[Plan, str], Iterator[Progress]]:
    """What runs one plan under a name on these backends. ``stack`` ends the process that it may start."""
    if subprocess:
        from simdsl.workers.isolated_worker import IsolatedWorker  # start-up: multiprocessing

        urls = [one for one in backends if isinstance(one, str)]
        if len(urls) < len(backends):
            raise ValueError("an isolated run needs the name or URL of a backend, not an object")
        for url in urls:
            resolve(url)
        worker = stack.enter_context(IsolatedWorker(urls))
        return partial(worker.run, options=options)
    resolved = [resolve(one) if isinstance(one, str) else one for one in backends]
    if len(resolved) == 1:
        # start-up: an isolated run executes in another process, which imports this itself
        from simdsl.runs.single import run_plan

        return partial(run_plan, backend=resolved[0], options=options)
    from simdsl.runs.differential import run_differential  # start-up: a plain run compares nothing

    return partial(run_differential, backends=resolved, options=options)


def _bound(runner: Callable[[Plan, str], Iterator[Progress]]) -> PlanRunner:
    return lambda plan: runner(plan, plan.name)


def _deadline(max_seconds: float | None) -> Callable[[], bool]:
    if max_seconds is None:
        return lambda: False
    end_ns = real_ns() + int(max_seconds * 1e9)
    return lambda: real_ns() >= end_ns
