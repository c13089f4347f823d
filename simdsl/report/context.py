"""What the reports of a call share, and what a report is: a fold over the events of a call.

That includes what none of them may show: the passwords and tokens of backend URLs, wherever a driver repeats them."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

from simdsl.backends.registry import secrets
from simdsl.core.verdicts import AllPlansEnded, GeneratorHealth, PlanEnded, Progress, RunReport, Verdict
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Identifier, Param, Plan
from simdsl.plan.values import literal
from simdsl.syntax.document import Document

MASK: Final = "***"


# A shorter secret is masked only where it stands in a URL: as a bare word it would blot out half of any text.
_SHORTEST: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets that this call was given, as (what to hide, what to show), and how to keep them out of a text."""

    pairs: tuple[tuple[str, str], ...] = ()

    def hide(self, text: str) -> str:
        """The text with every secret replaced by ``***``."""
        for hidden, shown in self.pairs:
            if hidden in text:
                text = text.replace(hidden, shown)
        return text


NO_SECRETS: Final = Secrets()


# Drivers and backends read these themselves.
_PASSWORD_VARIABLES: Final = ("PGPASSWORD", "SIMDSL_MSSQL_PASSWORD")


_URL_VARIABLES: Final = ("SIMDSL_BACKEND", "SIMDSL_MSSQL_URL")


_PASSWORD_OPTION: Final = lazy_regex(r"--[a-z]+-password(?:=(.*))?", re.DOTALL)


def secrets_given(*urls: str, arguments: Sequence[str] = ()) -> Secrets:
    """The secrets in URLs, in the environment, and in the options of a command line."""
    passwords = [os.environ.get(name, "") for name in _PASSWORD_VARIABLES]
    for i, argument in enumerate(arguments):
        if found := _PASSWORD_OPTION.fullmatch(argument):
            passwords += arguments[i + 1 : i + 2] if found[1] is None else [found[1]]
    places = [*urls, *arguments, *(os.environ.get(name, "") for name in _URL_VARIABLES)]
    return secrets_of(*places, *(f"?password={quote(password, safe='')}" for password in passwords))


def secrets_of(*urls: str) -> Secrets:
    """The secrets in URLs: as they are written there, percent-decoded, and as a JSON text would quote them."""
    pairs: dict[str, str] = {}
    for secret in dict.fromkeys(secret for url in urls for secret in secrets(url)):
        # Drivers quote a URL as they got it, decoded, or inside JSON.
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            pairs |= {f":{form}@": f":{MASK}@", f"={form}": f"={MASK}"}
            if len(form) >= _SHORTEST:
                pairs[form] = MASK
    # The longest first, so that a secret that contains another is replaced whole.
    return Secrets(pairs=tuple(sorted(pairs.items(), key=lambda pair: (-len(pair[0]), pair))))


# What a call says that ran plans which assert nothing: it must not look like success.
NOTHING_ASSERTED: Final = "no assertion was evaluated, so nothing was tested"


def count_noun(n: int, noun: str) -> str:
    """``1 run``, ``1,234 runs``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSource:
    """A plan and the text it came from."""

    file: str
    plan: Plan
    document: Document | None = None


def params_text(params: tuple[Param, ...]) -> str:
    """An entry of ``params:`` in one line: ``n = 3, who = 'alice'``."""
    return ", ".join(
        f"{param.name} = {param.value.name if isinstance(param.value, Identifier) else literal(param.value)}"
        for param in params
    )


def reproduce_command(
    target: str | Sequence[str], plan: Plan, report: RunReport, *, backend_urls: Sequence[str], seed: int
) -> str:
    """The command that runs this one run again: its file, backend, seed, entry of params and schedule.

    ``target`` is the file as the call named it, with its ``:LINE``, or the words that stand in its place; secrets in the
    URLs are masked by then. Backends behind the first one are those that it is compared with.
    """
    words = ["simdsl", "run", *([target] if isinstance(target, str) else target), "--backend", backend_urls[0]]
    for url in backend_urls[1:]:
        words += ["--differential", url]
    words += ["--seed", str(seed if report.seed is None else report.seed)]
    entry = params_entry(plan, report)
    # Only what is needed to get the same run: every further option is one to wonder about.
    if entry is not None and len(plan.params) > 1:
        words += ["--params", str(entry)]
    if report.choices:
        words += ["--schedule", choice_list(report.choices)]
    return shlex.join(words)


def choice_list(choices: tuple[int, ...]) -> str:
    """A schedule as the plan language writes it: ``1-1-2``."""
    return "-".join(map(str, choices))


def params_entry(plan: Plan, report: RunReport) -> int | None:
    """Which entry of ``params:`` a run had, counted from 1."""
    return plan.params.index(report.params) + 1 if report.params in plan.params else None


@dataclass(slots=True, eq=False)
class CallCounter:
    """Folds the progress of a call into its end."""

    seed: int
    plans: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    warned: int = 0
    runs: int = 0
    assertions: int = 0

    def tell(self, progress: Progress) -> None:
        """Count a plan that ended."""
        if not isinstance(progress, PlanEnded):
            return
        self.plans += 1
        self.runs += progress.runs
        self.assertions += progress.assertions
        match progress.verdict:
            case Verdict.PASS:
                self.passed += 1
            case Verdict.FAIL:
                self.failed += 1
            case Verdict.SKIP:
                self.skipped += 1
            case Verdict.WARN:
                self.warned += 1

    def end(self, *, interrupted: bool = False, health: GeneratorHealth | None = None) -> AllPlansEnded:
        """What the call came to."""
        return AllPlansEnded(
            seed=self.seed,
            plans=self.plans,
            passed=self.passed,
            failed=self.failed,
            skipped=self.skipped,
            warned=self.warned,
            runs=self.runs,
            assertions=self.assertions,
            interrupted=interrupted,
            health=health,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeader:
    """What the call was asked for: the lines before the first plan."""

    seed: int
    backend: str
    plans: int


class Destination(Enum):
    """Where a part of a report goes."""

    FILE = "file"  # the file that the option names; replaced whole
    LOG = "log"  # the call's own output, which the CI server reads
    SUMMARY = "summary"  # a file of the CI server's, to which every step appends


class ReportOutput(NamedTuple):
    """A part of a finished report, UTF-8."""

    destination: Destination
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """What the reports of a call share."""

    header: CallHeader
    secrets: Secrets
    source_of: Callable[[str], PlanSource]  # a plan's text by its file
    reproduce: Callable[[str, RunReport, int], str]  # the command that shows a failed run again: file, run, seed
    repository_path: Callable[[str], str | None] = lambda file: file  # None for a plan that is in no file
    passing_runs: int | None = None  # how many runs that passed are shown in full; None leaves it to the report


class Report(Protocol):
    """A fold over the events of a call."""

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""

    def outputs(self, broken: str | None = None) -> Sequence[ReportOutput]:
        """The report, asked for once, when the call has ended. ``broken`` says why it came to no end, if it did not."""


class ReportModule(Protocol):
    """What a module of a report defines."""

    def open_report(self, context: ReportContext) -> Report:
        """A report of a call that begins."""

    def refused(
        self, diagnostics: Sequence[Diagnostic], secrets: Secrets, repository_path: Callable[[str], str | None]
    ) -> Sequence[ReportOutput]:
        """The report of a call in which nothing ran, with the reasons. Empty where there is nothing to show."""
