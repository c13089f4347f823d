"""Versions of installed packages without importing them, and without importlib.metadata, which is slow to load."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def version_of(module: str, distribution: str) -> str | None:
    """The version of the distribution that brought this module; None where it is not installed."""
    place = location_of(module)
    if place is None:
        return None
    found = sorted(place.glob(f"{distribution}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else "unknown"


def location_of(module: str) -> Path | None:
    """The directory from which this module would be imported."""
    spec = find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent.parent
