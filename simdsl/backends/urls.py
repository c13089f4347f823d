"""URLs of backends: their parameters, and what in them is secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote

from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.regexes import lazy_regex

_SECRET: Final = lazy_regex(r"pass|pwd|token|secret|auth|credential|key$", re.IGNORECASE)
_MASK: Final = "***"


def mask(url: str) -> str:
    """A URL without its secrets: the password of the user, and parameters that are called like one."""
    masked = re.sub(r"(?<=://)([^/?#@:]*):[^/?#]*@", rf"\1:{_MASK}@", url)
    head, mark, query = masked.partition("?")
    if not mark:
        return masked
    parts = (part.partition("=") for part in query.split("&"))
    return f"{head}?" + "&".join(
        f"{key}={_MASK}" if equals and _SECRET.search(unquote(key)) else f"{key}{equals}{value}"
        for key, equals, value in parts
    )


def secrets(url: str) -> tuple[str, ...]:
    """What ``mask`` hides in this URL, as written and as decoded, for ``mask_text``."""
    found = [hit[1] for hit in re.finditer(r"://[^/?#@:]*:([^/?#]*)@", url)]
    for part in url.partition("?")[2].split("&"):
        key, _, value = part.partition("=")
        if value and _SECRET.search(unquote(key)):
            found.append(value)
    return tuple(dict.fromkeys(secret for text in found for secret in (text, unquote(text)) if secret))


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Any text, such as a driver's message, without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def split_query(selector: str) -> tuple[str, dict[str, str]]:
    """What stands before the ``?``, and the parameters behind it. Raises ``BackendUnavailable``."""
    head, _, query = selector.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    arguments = dict(pairs)
    if len(arguments) != len(pairs):
        raise BackendUnavailable(f"`{mask(selector)}` gives a parameter twice")
    return head, arguments


def check_parameters(backend: str, query: Mapping[str, str], known: Sequence[str]) -> None:
    """Raises ``BackendUnavailable`` for a parameter that this backend does not know."""
    for key in query:
        if key not in known:
            raise BackendUnavailable(f"{backend} has no URL parameter `{key}`" + suggestion(key, known))


def suggestion(word: str, known: Sequence[str]) -> str:
    """``; did you mean `x`?``, or nothing."""
    import difflib  # only to word an error

    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
