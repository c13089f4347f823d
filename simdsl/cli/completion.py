"""What the shell is offered while a word is typed. Each function is given the beginning of the word."""

from __future__ import annotations

from simdsl.language.property_names import known_names
from simdsl.plan.codes import Code
from simdsl.profiles.profile_files import available_profiles


def profile_names(incomplete: str) -> list[str]:
    """Profiles."""
    return [place.name for place in available_profiles() if place.name and place.name.startswith(incomplete)]


def property_names(incomplete: str) -> list[str]:
    """Properties."""
    return [name for name in known_names() if name.startswith(incomplete)]


def code_names(incomplete: str) -> list[tuple[str, str]]:
    """Diagnostic codes, with their titles."""
    return [(name, code.title) for name, code in Code.__members__.items() if name.startswith(incomplete.upper())]
