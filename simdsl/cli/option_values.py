"""What the values of options mean: URLs of backends, durations, and the options that cannot be combined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import mask, resolve
from simdsl.cli.option_groups import GENERATION, BackendOptions, ComparisonOptions
from simdsl.cli.options import Request
from simdsl.cli.output import Stop, unavailable, usage
from simdsl.cli.requests import RunRequest
from simdsl.core.clock import real_ns
from simdsl.plan.backend_facts import BackendFacts, built_in_facts
from simdsl.plan.codes import Code
from simdsl.plan.plan import Plan
from simdsl.plan.steps import SqlStep
from simdsl.report.context import Secrets, secrets_given
from simdsl.syntax.expressions import parse_duration
from simdsl.syntax.problems import ParseError


def backend_url(backend: str, options: Mapping[str, str | int | None]) -> str:
    """The URL that the options mean. Their names are those of the command line without the dashes: ``pg-host``.

    Raises ``Stop`` where they belong to another backend, or where a URL says already where the backend is.
    """
    given = {name: str(value) for name, value in options.items() if value is not None}
    if not given:
        return backend
    # `name=postgres` gives the backend a name of the user's; the options are about what stands behind it.
    alias, equals, selector = backend.rpartition("=") if "://" not in backend and "?" not in backend else ("", "", backend)
    for name in given:
        facts = _facts_of_option(name)
        if selector.partition(":")[0].partition("?")[0] not in facts.schemes:
            raise usage(
                Code.U008,
                f"--{name} has no effect without `--backend {facts.name}`",
                help=f"give `--backend {facts.name}` too",
            )
        if selector not in facts.schemes:
            raise usage(Code.U008, f"--{name} and a URL both say where the backend is", help="give only one of them")
    values = {name.removeprefix(f"{facts.option_prefix}-"): value for name, value in given.items()}
    assert facts.url_of_options is not None, "a backend with a prefix knows what its options mean"
    return f"{alias}{equals}{facts.url_of_options(values)}"


def urls_of(request: ComparisonOptions) -> tuple[str, ...]:
    """The URLs of all backends of a call, the one that the others are compared with first. Raises ``Stop``."""
    return (url_of(request), *request.differential)


def url_of(request: BackendOptions) -> str:
    """The URL of the backend of a call. Raises ``Stop`` if the options that name a server do not fit it."""
    return backend_url(request.backend, request.server_options())


def resolve_backends(urls: Sequence[str]) -> tuple[Backend, ...]:
    """The backends of these URLs. Raises ``Stop`` if there is no such backend, or its driver cannot be used."""
    return tuple(map(_resolve, urls))


def describe_backends(urls: Sequence[str], backends: Sequence[Backend], secrets: Secrets) -> str:
    """The backends with the versions of engines and drivers, in one line. Raises ``Stop`` if one cannot be reached."""
    told: list[str] = []
    for url, backend in zip(urls, backends, strict=True):
        try:
            description = backend.describe()
        except BackendUnavailable as error:
            raise unavailable(error, secrets, url) from error
        told.append(f"{backend.name} ({description.engine} {description.engine_version}, {description.driver})")
    return " against ".join(told)


def _resolve(url: str) -> Backend:
    try:
        return resolve(url)
    except BackendUnavailable as error:
        raise unavailable(error, secrets_given(url), url) from error


def _facts_of_option(name: str) -> BackendFacts:
    """Of the backend whose server an option names: ``pg-host`` is PostgreSQL's."""
    return next(facts for facts in built_in_facts() if facts.option_prefix == name.partition("-")[0])


def duration_us(option: str, text: str) -> int:
    """The microseconds of an option's value, more than 0. Raises ``Stop``."""
    duration = _parsed_us(option, text)
    if not duration:
        raise usage(Code.U008, f"{option} `{text}`: the duration must be more than 0", help=f"for example: {option} 30s")
    return duration


def deadline(option: str, text: str | None) -> Callable[[], bool]:
    """Whether that time has passed since this call; never with None, at once with `0s`. Raises ``Stop``."""
    if text is None:
        return lambda: False
    end = real_ns() + _parsed_us(option, text) * 1_000
    return lambda: real_ns() >= end


def _parsed_us(option: str, text: str) -> int:
    try:
        return parse_duration(text)
    except ParseError as error:
        message = f"{option} `{text}`: {error.issues[0].message}"
        raise usage(Code.U008, message, help=f"for example: {option} 30s") from None


# By the names of fields. --accept excludes what makes more than one version of the truth, or changes what a plan says.
_PAIRS: Final = (
    ("quiet", "verbose"),
    ("paths", "properties"),
    ("paths", "generate"),
    ("accept", "properties"),
    ("accept", "generate"),
    ("accept", "dump"),
    ("json", "verbose"),
    ("json", "quiet"),
    ("accept", "differential"),
    ("accept", "doublecheck"),
    ("differential", "doublecheck"),
    ("accept", "shrink"),
    ("isolated", "doublecheck"),
)


_NOT_REPEATED: Final = ("accept", "list_only", "trace", "junit", "html", "dump", "unroll")
"""What a repeated call cannot have: each repetition would rewrite the same file."""


def check_options(request: RunRequest) -> None:
    """Raises ``Stop`` with U008 if two options contradict each other, or one has no effect without another."""
    for one, other in _PAIRS:
        if getattr(request, one) and getattr(request, other):
            raise conflict(_name(request, one), _name(request, other))
    repeated = "loop" if request.loop is not None else "runs"
    if request.is_repeated:
        for one in _NOT_REPEATED:
            if getattr(request, one):
                raise conflict(_name(request, repeated), _name(request, one))
    if not request.shrink and (request.shrink_rounds or request.shrink_for) is not None:
        one = "shrink_rounds" if request.shrink_rounds is not None else "shrink_for"
        raise usage(
            Code.U008,
            f"{_name(request, one)} has no effect without --shrink-on-failure",
            help="give `--shrink-on-failure` too",
        )
    if request.html_passing is not None and request.html is None:
        raise usage(Code.U008, "--html-passing has no effect without --html", help="give `--html FILE` too")
    if request.is_generated:
        return
    # An option without effect is refused, since who gave it believes that plans are generated by it.
    for name, field in request.fields.items():
        if field.option.panel == GENERATION and request.is_given(name):
            raise usage(
                Code.U008,
                f"{field.option.name} is about generated plans, and the plans of this call are in files",
                help="give `--generate` or `--property NAME` instead of PATHS",
            )


def conflict(one: str, other: str) -> Stop:
    """Two options that exclude each other (U008)."""
    return usage(Code.U008, f"{one} and {other} cannot be combined")


def _name(request: Request, field: str) -> str:
    return request.fields[field].option.name


def check_snapshots(plans: Iterable[Plan], backends: Iterable[Backend]) -> None:
    """Raises ``Stop`` with U010 if plans of a profile have several tasks and writers of a backend block its readers.

    Such plans predict the result of every statement, and the prediction assumes that reads never wait for writes.
    """
    # A single task never waits for itself, so the locks of the backend do not matter.
    several = any(len(_tasks(plan)) > 1 for plan in plans)
    for backend in backends:
        if several and not backend.capabilities.snapshot_reads:
            raise usage(
                Code.U010,
                "generated plans with several tasks need a backend where writers do not block readers",
                about=mask(backend.url),
                help="`--backend sqlite` is one, and so is a file with `?journal_mode=wal`; or give `--tasks 1`",
            )


def _tasks(plan: Plan) -> set[str]:
    """The tasks of a plan that have anything to do."""
    if plan.tasks is not None:
        return {task.name for task in plan.tasks}
    return {step.task for step in plan.steps or () if isinstance(step, SqlStep)}
