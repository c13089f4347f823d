"""Durations on the command line, such as ``30s``."""

from __future__ import annotations

from collections.abc import Callable

from simdsl.cli.errors import usage
from simdsl.core.clock import real_ns
from simdsl.plan.codes import Code
from simdsl.syntax.cells import parse_duration
from simdsl.syntax.problems import ParseError


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
    except ParseError as refused:
        message = f"{option} `{text}`: {refused.troubles[0].message}"
        raise usage(Code.U008, message, help=f"for example: {option} 30s") from None
