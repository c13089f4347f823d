"""``simdsl backends``: list the backends and what they can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from simdsl.backends.protocol import Capabilities, Description
from simdsl.backends.registry import InstalledBackend, installed, resolve
from simdsl.cli.commands import BackendsRequest
from simdsl.report.screen import screen_of


def backends(request: BackendsRequest) -> None:
    """Print each backend with its versions, its capabilities and whether it can be reached."""
    screen = screen_of(sys.stdout)
    for entry in installed():
        for line in _lines(entry):
            print(screen.wrap(line, rest="    "))


def _lines(entry: InstalledBackend) -> Iterator[str]:
    yield f"{entry.name}: {'connected' if entry.problem is None else 'unavailable: ' + entry.problem}"
    if entry.description is not None:
        yield from _versions(entry.description)
    if entry.problem is None:
        yield from _abilities(resolve(entry.name).capabilities)


def _versions(description: Description) -> Iterator[str]:
    yield f"  engine  {description.engine} {description.engine_version}"
    yield f"  driver  {description.driver} {description.driver_version}"
    yield f"  pool    {description.pool}"


def _abilities(capabilities: Capabilities) -> Iterator[str]:
    can = [name.replace("_", " ") for name in capabilities.__dataclass_fields__ if getattr(capabilities, name) is True]
    cannot = [name.replace("_", " ") for name in capabilities.__dataclass_fields__ if getattr(capabilities, name) is False]
    yield f"  can     {', '.join(can)}"
    yield f"  cannot  {', '.join(cannot)}"
    yield f"  levels  {', '.join(sorted(capabilities.isolation_levels)) or 'none'}"
    yield f"  begins  {', '.join(sorted(capabilities.begin_modes)) or 'none'}"
    yield f"  faults  {', '.join(sorted(capabilities.faults)) or 'none'}"
    yield f"  errors  {', '.join(sorted(capabilities.error_classes))}"
