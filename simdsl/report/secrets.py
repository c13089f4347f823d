"""What must never be shown: the passwords and tokens of backend URLs, wherever a driver or a report repeats them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from simdsl.backends.urls import secrets
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex

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
