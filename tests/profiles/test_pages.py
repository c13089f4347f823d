"""The pages of the codes of profiles: each example triggers its code and nothing else, and what stands instead loads."""

from __future__ import annotations

import re

import pytest

from simdsl.plan.codes import Code, page
from simdsl.profiles.load import check_text

OURS = [code for code in Code if code.name.startswith("P")]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(code: Code) -> list[tuple[str, str]]:
    return BLOCK.findall(page(code))


@pytest.mark.parametrize("code", [code for code in OURS if blocks(code)[0][0] == "yaml"], ids=lambda code: code.name)
def test_the_examples(code: Code) -> None:
    (_, example), (_, instead) = blocks(code)
    refused = check_text(example, "example.yaml")
    assert {diagnostic.code for diagnostic in refused.diagnostics} == {code}
    assert refused.merged is None
    held = check_text(instead, "example.yaml")
    assert held.diagnostics == ()
    assert held.merged is not None


def test_the_other_examples_are_commands() -> None:
    assert {blocks(code)[0][0] for code in OURS} == {"yaml", "console"}
