"""The pages of the codes of files, YAML and JSON: each example triggers its code, and what stands instead loads cleanly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simdsl.plan
from simdsl.language.formatter import format_text
from simdsl.language.load import check_text
from simdsl.plan.codes import Code

PAGES = Path(simdsl.plan.__file__).parent / "pages"
OURS = [code for code in Code if code.name[0] in "FYJ" or code is Code.W001]
BLOCK = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def blocks(code: Code) -> list[tuple[str, str]]:
    return BLOCK.findall((PAGES / f"{code.name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", OURS, ids=lambda code: code.name)
def test_the_form_of_a_page(code: Code) -> None:
    text = (PAGES / f"{code.name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {code.name}: {code.title}\n")
    assert re.findall(r"^## .*", text, re.MULTILINE) == ["## Example", "## Instead"]
    assert len(blocks(code)) == 2


@pytest.mark.parametrize("code", [code for code in OURS if blocks(code)[0][0] == "yaml"], ids=lambda code: code.name)
def test_the_examples(code: Code) -> None:
    (_, example), (_, instead) = blocks(code)
    assert [d.code for d in check_text(example + "\n", "p.yaml").diagnostics if d.code is not Code.W002] == [code]
    assert check_text(instead + "\n", "p.yaml").diagnostics == ()


def test_the_example_of_the_formatter() -> None:
    (_, example), (_, instead) = blocks(Code.F007)
    refused = format_text(example + "\n", "p.yaml")
    assert not isinstance(refused, str)
    assert [diagnostic.code for diagnostic in refused] == [Code.F007]
    assert format_text(instead + "\n", "p.yaml") == instead + "\n"
