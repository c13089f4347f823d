"""Properties on the command line: their plans as files that nobody wrote, and what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simdsl.cli.failing import usage
from simdsl.cli.opening import Opened
from simdsl.cli.paths import Target
from simdsl.core.trace import Parked, Stepped, Trace, Wait
from simdsl.core.verdicts import PlanEnded, Progress, RunEnded, Verdict
from simdsl.language.load import check_text
from simdsl.language.named import known
from simdsl.language.problems import nearest
from simdsl.language.write import dump
from simdsl.plan.codes import Code
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.properties import registry
from simdsl.properties.property import Property

ALL = "all"
DEFAULT_RUNS = 3

_CONFLICTS = frozenset(
    (
        ErrorClass.BUSY,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.SNAPSHOT_CONFLICT,
    )
)


def find_property(name: str) -> Property:
    """The property that an option names. Raises ``Stop`` with N012."""
    if name not in known():
        option = nearest(name, known())
        help_ = f"did you mean `{option}`?" if option else "`simdsl properties` lists them all"
        raise usage(Code.N012, f"there is no property `{name}`", help=help_)
    problem = registry.problem(name)
    if problem is not None:
        raise usage(Code.N012, problem)
    return registry.find(name)


def chosen(names: Sequence[str]) -> tuple[Property, ...]:
    """The properties that options name, each once; `all` means every one."""
    wanted = known() if ALL in names else tuple(dict.fromkeys(names))
    return tuple(map(find_property, wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The plan of a property and a seed, as if it had been read from a file."""

    opened: Opened
    seed: int
    again: tuple[str, ...]  # what makes `simdsl run` make it again


def generated(properties: Sequence[Property], seed: int, runs: int) -> Iterator[Generated]:
    """The plans of each property for ``runs`` seeds, beginning with this one."""
    for one in properties:
        for number in range(seed, seed + runs):
            name = f"property:{one.name} (seed {number})"
            checked = check_text(dump(one.plan(number)), name)
            opened = Opened(
                target=Target(file=name), document=checked.document, plan=checked.plan, diagnostics=checked.diagnostics
            )
            yield Generated(opened=opened, seed=number, again=("--property", one.name, "--runs", "1"))


@dataclass(slots=True, eq=False)
class _Count:
    generated: int = 0
    ran: int = 0
    judged: int = 0
    failed: int = 0
    unjudged: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


class PropertyTally:
    """What the plans of each property came to, and what they never met."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """``files`` are the properties of the plans by the names of their files."""
        self._files = files
        self._counts: dict[str, _Count] = {name: _Count() for name in files.values()}
        self._tried: dict[str, int] = {}
        self._conflicts = self._waits = self._runs = 0

    @property
    def judged(self) -> int:
        """How often any property could have broken."""
        return sum(count.judged for count in self._counts.values())

    def tell(self, progress: Progress) -> None:
        """Count a run and look at its trace; count a plan."""
        if isinstance(progress, RunEnded):
            self._runs += 1
            for one in progress.report.properties:
                self._tried[one.name] = self._tried.get(one.name, 0) + one.judged
            self._look(progress.report.trace)
        elif isinstance(progress, PlanEnded):
            name = self._files[progress.file]
            count, judged = self._counts[name], self._tried.pop(name, 0)
            count.generated += 1
            count.judged += judged
            count.failed += progress.verdict is Verdict.FAIL
            count.unjudged += progress.verdict is not Verdict.SKIP and not judged
            if progress.verdict is Verdict.SKIP:
                reason = _reason(progress.reason or "")
                count.skipped[reason] = count.skipped.get(reason, 0) + 1

    def lines(self) -> Iterator[str]:
        """A line for each property, and one for each thing that was never met."""
        for name, count in self._counts.items():
            facts = [f"{count.generated} generated", f"judged {count.judged:,} times", f"{count.failed} failed"]
            facts += [f"{number} skipped ({reason})" for reason, number in count.skipped.items()]
            if count.unjudged:
                facts.append(f"{count.unjudged} not judged ({registry.find(name).never})")
            yield f"{name}: {', '.join(facts)}"
        if self._runs and not self._conflicts:
            yield "0 conflicts seen: this run proves nothing about locks"
        if self._runs and not self._waits:
            yield "0 waits for a pool seen: this run proves nothing about pools that are too small"

    def _look(self, trace: Trace) -> None:
        for event in trace:
            if isinstance(event, Parked):
                self._conflicts += event.wait is Wait.LOCK
                self._waits += event.wait is Wait.POOL
            elif isinstance(event, Stepped) and isinstance(event.outcome, Failed):
                self._conflicts += event.outcome.error_class in _CONFLICTS


def _reason(text: str) -> str:
    """Why, without the step, which differs from plan to plan."""
    head, colon, rest = text.partition(": ")
    return rest if colon and head.startswith("step ") else text
