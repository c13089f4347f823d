"""How GitHub's workflow commands are escaped (the toolkit of GitHub Actions, ``core/src/command.ts``)."""

from __future__ import annotations


def as_data(text: str) -> str:
    """What stands behind the second ``::``: one line, whatever is in it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def as_property(text: str) -> str:
    """The value of a property, which commas separate."""
    return as_data(text).replace(":", "%3A").replace(",", "%2C")
