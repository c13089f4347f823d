"""What `simdsl run` was asked for."""

from __future__ import annotations

import os
from typing import NamedTuple


class Request(NamedTuple):
    """What the command line asked for; the names are those of the options."""

    paths: tuple[str, ...]
    properties: tuple[str, ...]
    generate: bool
    profile: str | None
    knobs: tuple[str, ...]  # as `--set` takes them
    runs: int | None  # plans of each property, or of the profile
    min_judged: int | None
    backend: str
    differential: tuple[str, ...]
    doublecheck: bool
    isolated: bool
    show_sql: bool
    reset_tables: tuple[str, ...]
    reset_mode: str | None
    seed: int | None
    fresh_seed: int | None  # for plans that have none of their own, where the one who calls has drawn it already
    loop: int | None  # how often, each time with another seed
    keyword: str | None
    tags: tuple[str, ...]
    list_only: bool
    maxfail: int | None
    schedule: str | None
    params: int | None
    trace: str | None
    junit: str | None
    html: str | None
    html_passing: int | None  # runs that passed, at most
    github: bool  # annotations and the summary of a job
    dump: str | None
    unroll: str | None
    bugbase: str | None  # the directory
    shrink: bool
    shrink_rounds: int | None
    shrink_time: str | None  # as it was written
    accept: bool
    quiet: bool
    verbose: int
    json: bool

    @property
    def makes(self) -> bool:
        """Whether plans are made, instead of read from files."""
        return self.generate or bool(self.properties)

    @property
    def reports(self) -> bool:
        """Whether anybody but who reads the screen is told."""
        return self.github or self.junit is not None or self.html is not None


def on_github() -> bool:
    """Whether this is a job of GitHub Actions, which sets this variable for every step."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
