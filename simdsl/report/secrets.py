"""What must never be shown: the passwords and tokens of backend URLs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

MASK: Final = "***"

_USERINFO: Final = re.compile(r"://[^/?#\s:@]*:(?P<secret>[^/?#\s]+)@")
_PARAMETER: Final = re.compile(
    r"[?&;](?P<name>password|passwd|pwd|pass|token|auth_?token|access_?token|secret|api_?key|key)=(?P<secret>[^&;#\s]+)",
    re.IGNORECASE,
)
# A shorter secret is masked where it stands in a URL only: as a bare word it would blot out half of any text.
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


def secrets_of(urls: Iterable[str]) -> Secrets:
    """The secrets in these URLs: as they are written there, percent-decoded, and as a JSON text would quote them."""
    pairs: dict[str, str] = {}
    for url in urls:
        for match in _USERINFO.finditer(url):
            pairs[f":{match['secret']}@"] = f":{MASK}@"
            pairs |= _bare(match["secret"])
        for match in _PARAMETER.finditer(url):
            pairs[f"{match['name']}={match['secret']}"] = f"{match['name']}={MASK}"
            pairs |= _bare(match["secret"])
    # The longest first, so that a secret that contains another is replaced whole.
    return Secrets(pairs=tuple(sorted(pairs.items(), key=lambda pair: (-len(pair[0]), pair))))


def _bare(secret: str) -> dict[str, str]:
    forms = (secret, unquote(secret), json.dumps(unquote(secret))[1:-1])
    return {form: MASK for form in forms if len(form) >= _SHORTEST}
