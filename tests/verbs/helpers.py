"""What tests of verbs share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.syntax.problems import ParseError


def code_of(parse: Callable[[], object]) -> Code:
    """The code with which a text is refused."""
    with pytest.raises(ParseError) as caught:
        parse()
    return caught.value.issues[0].code


def parses_or_refuses(parse: Callable[[str], object]) -> None:
    """Any text is read or refused: no other exception comes out."""

    @given(text=st.text(alphabet="i in1.$[]times5ever on-all'a ", max_size=20) | st.text(max_size=20))
    def try_one(text: str) -> None:
        with contextlib.suppress(ParseError):
            parse(text)

    try_one()
