"""Secrets of URLs, wherever they turn up."""

from __future__ import annotations

import pytest

from simdsl.report.context import secrets_of


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        ("pg://u:hunter22@h/d", "cannot reach pg://u:hunter22@h/d", "cannot reach pg://u:***@h/d"),
        ("pg://u:hunter22@h/d", "password hunter22 refused", "password *** refused"),
        ("pg://u:a%40b%2Fcd@h/d", "password a@b/cd refused", "password *** refused"),
        ("pg://u:ab@h/d", "about pg://u:ab@h", "about pg://u:***@h"),
        ("x://h?token=s3cr3t&a=1", "x://h?token=s3cr3t&a=1", "x://h?token=***&a=1"),
        ("x://h?a=1", "x://h?a=1", "x://h?a=1"),
        ("x://u:qu%22ote@h", '"qu\\"ote"', '"***"'),
    ],
)
def test_hiding(url: str, text: str, shown: str) -> None:
    assert secrets_of(url).hide(text) == shown
