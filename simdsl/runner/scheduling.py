"""Scheduling policies: explicit and recorded schedules, random walks, PCT, and exhaustive exploration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Final, Protocol, assert_never

from simdsl.core.choices import choose_below, shuffled
from simdsl.core.trace import ScheduleEntrySkipped, TaskChosen, Trace
from simdsl.core.verdicts import FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import ExhaustiveSchedule, ExplicitSchedule, PctSchedule, RandomSchedule, RecordedSchedule, Schedule
from simdsl.verbs.base.runtime import RunStopped, TaskThread, ThreadState, of_run

DEFAULT_RUN_BOUND: Final = 10_000


class SchedulingView(Protocol):
    """What a policy sees of the interpreter."""

    @property
    def threads(self) -> Sequence[TaskThread]: ...
    @property
    def trace(self) -> Trace: ...


class SchedulingPolicy(Protocol):
    """Decides which thread takes the next step, in one run."""

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """The index of one of the enabled threads."""

    def finish(self) -> None:
        """All threads have ended. Raises ``RunStopped`` if the schedule says more than that."""


@dataclass(slots=True, eq=False)
class ExplicitPolicy:
    """The entries of an explicit schedule; after the last one, threads run in the order of the file."""

    names: Sequence[str]
    entries: Sequence[str]
    position: int = 0

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """The next entry that names an enabled task; entries before it are skipped, and traced as skipped."""
        while self.position < len(self.entries):
            entry = self.entries[self.position]
            index = self.names.index(entry)
            self.position += 1
            if index in enabled:
                return index
            state = interpreter.threads[index].state
            why = "finished" if state is ThreadState.DONE else f"blocked: {state.value}"
            interpreter.trace.add(ScheduleEntrySkipped(index=self.position, entry=entry, why=why))
        return enabled[0]

    def finish(self) -> None:
        """Entries that are left name finished tasks, and mean nothing."""


@dataclass(slots=True, eq=False)
class ReplayPolicy:
    """A recorded schedule, followed strictly: a choice that cannot be followed is a divergence."""

    names: Sequence[str]
    choices: Sequence[int]
    position: int = 0

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """The recorded choice. Raises ``RunStopped`` if it is not enabled."""
        if self.position == len(self.choices):
            raise RunStopped(
                of_run(FailureKind.DIVERGENCE, f"the recorded schedule ends, and {self._names(enabled)} can still run")
            )
        choice = self.choices[self.position] - 1
        self.position += 1
        if choice in enabled:
            return choice
        wanted = self.names[choice] if choice < len(self.names) else f"task {choice + 1}"
        message = f"choice {self.position} of the recorded schedule is {wanted}, and only {self._names(enabled)} can run"
        raise RunStopped(of_run(FailureKind.DIVERGENCE, message))

    def finish(self) -> None:
        """Raises ``RunStopped`` if choices are left over."""
        left = len(self.choices) - self.position
        if left:
            raise RunStopped(
                of_run(FailureKind.DIVERGENCE, f"all tasks have ended before the last {left} of the recorded choices")
            )

    def _names(self, enabled: tuple[int, ...]) -> str:
        return " and ".join(self.names[i] for i in enabled)


@dataclass(slots=True, eq=False)
class RandomWalkPolicy:
    """Any enabled thread, each as likely."""

    seed: int
    run: int
    position: int = 0

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """A function of (seed, run, position)."""
        choice = enabled[choose_below(len(enabled), self.seed, "schedule", self.run, self.position)]
        self.position += 1
        return choice

    def finish(self) -> None:
        """Any end is fine."""


class PctPolicy:
    """PCT: the enabled thread of the highest priority; at depth-1 random steps, that thread's priority becomes the lowest.

    Finds every bug of that depth with probability at least 1 / (n * k**(depth-1)) for n tasks and k steps: Burckhardt,
    Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic guarantees of finding bugs, ASPLOS 2010.
    """

    def __init__(self, *, seed: int, run: int, depth: int, threads: int, length: int) -> None:
        order = shuffled(threads, seed, "pct.priority", run)
        self.priorities = [depth + order[i] for i in range(threads)]
        self.changes = {choose_below(max(length, 1), seed, "pct.change", run, i): i for i in range(depth - 1)}
        self.position = 0

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """The enabled thread of the highest priority."""
        choice = max(enabled, key=self.priorities.__getitem__)
        change = self.changes.get(self.position)
        if change is not None:
            self.priorities[choice] = change
            choice = max(enabled, key=self.priorities.__getitem__)
        self.position += 1
        return choice

    def finish(self) -> None:
        """Any end is fine."""


@dataclass(slots=True, eq=False)
class PrefixPolicy:
    """Follows a prefix of choices, each with the enabled set that was seen there, then the first enabled thread."""

    prefix: Sequence[TaskChosen]
    position: int = 0

    def choose(self, enabled: tuple[int, ...], interpreter: SchedulingView) -> int:
        """Raises ``RunStopped`` where the enabled set is not the recorded one."""
        if self.position == len(self.prefix):
            return enabled[0]
        recorded = self.prefix[self.position]
        self.position += 1
        if recorded.enabled != enabled:
            message = f"step {self.position} could be taken by {recorded.enabled} before, and by {enabled} now"
            raise RunStopped(of_run(FailureKind.DIVERGENCE, message))
        return recorded.choice

    def finish(self) -> None:
        """Any end is fine."""


@dataclass(slots=True, eq=False)
class ScheduleExplorer:
    """The policies of all runs of a schedule, one after the other.

    Exhaustive exploration is stateless (Godefroid, POPL 1997): no state of the database is saved to branch from. After
    each run ``learn`` takes its trace, and the next run replays it up to the last step at which another thread could have
    moved, and moves that one: a depth-first search. ``cut`` says that the bound ended it early.
    """

    schedule: Schedule
    names: Sequence[str]
    seed: int
    length: int
    cut: bool = False
    _next: list[TaskChosen] | None = field(default_factory=list)

    @property
    def repeats(self) -> bool:
        """Whether there may be more than one run."""
        return not isinstance(self.schedule, ExplicitSchedule | RecordedSchedule)

    def __iter__(self) -> Iterator[SchedulingPolicy]:
        match self.schedule:
            case ExplicitSchedule(entries=entries):
                yield ExplicitPolicy(self.names, entries)
            case RecordedSchedule(choices=choices):
                yield ReplayPolicy(self.names, choices)
            case RandomSchedule(runs=runs, seed=seed):
                yield from (RandomWalkPolicy(self.seed if seed is None else seed, run) for run in range(runs))
            case PctSchedule(depth=depth, runs=runs, seed=seed):
                chosen = self.seed if seed is None else seed
                for run in range(runs):
                    yield PctPolicy(seed=chosen, run=run, depth=depth, threads=len(self.names), length=self.length)
            case ExhaustiveSchedule(bound=bound):
                yield from self._every(bound or DEFAULT_RUN_BOUND)
            case _:
                assert_never(self.schedule)

    def learn(self, trace: Trace) -> None:
        """Take in what a run chose, to find the next interleaving."""
        path = [event for _, event in trace.between if isinstance(event, TaskChosen)]
        while path:
            last = path.pop()
            later = [i for i in last.enabled if i > last.choice]
            if later:
                self._next = [*path, TaskChosen(choice=later[0], enabled=last.enabled)]
                return
        self._next = None

    def _every(self, bound: int) -> Iterator[SchedulingPolicy]:
        runs = 0
        while self._next is not None:
            if runs == bound:
                self.cut = True
                return
            runs += 1
            yield PrefixPolicy(self._next)
