"""What a bug is called: a name for its folder that is readable, and the same wherever the bug is found again."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Final

from simdsl.modes.alike import Bug

_LONGEST: Final = 60
_DIGEST_BYTES: Final = 4


def folder_name(bug: Bug) -> str:
    """Such as ``property_violated-tx-commit-visible-1f3a9c2e``: of the fingerprint, and a digest of the whole identity."""
    slug = re.sub(r"[^a-z0-9_]+", "-", bug.fingerprint.lower()).strip("-")[:_LONGEST].rstrip("-")
    whole = json.dumps([bug.fingerprint, *bug.said]).encode()
    return f"{slug or 'bug'}-{blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest()}"
