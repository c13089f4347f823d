"""Files that cannot be read say why; nothing raises."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.syntax import json_reader, yaml_reader
from simdsl.syntax.files import MAX_BYTES, read_bytes, read_file, read_text


def codes(path: Path | str) -> list[Code]:
    reading = read_file(str(path))
    assert (reading.document is None) == bool(reading.problems)
    assert all(problem.help for problem in reading.problems)
    return [problem.code for problem in reading.problems]


def test_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfsimdsl: 1\r\nplan: p\r\n")
    assert codes(path) == []


def test_what_is_no_file(tmp_path: Path) -> None:
    assert codes(tmp_path / "missing.yaml") == [Code.F001]
    assert codes(tmp_path) == [Code.F005]
    assert codes("nul\0byte.yaml") == [Code.F002]
    assert codes("x" * 10_000) == [Code.F002]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("simdsl: 1\n")
    path.chmod(0)
    assert codes(path) == [Code.F002]


def test_binary_files(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert codes(path) == [Code.F003]
    path.write_bytes(b"SQLite format 3\0")
    assert codes(path) == [Code.F003]


def test_a_file_of_100_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    assert codes(path) == [Code.F004]


def test_texts_are_measured_in_bytes() -> None:
    assert [p.code for p in read_text("#" * (MAX_BYTES + 1), "p").problems] == [Code.F004]
    assert [p.code for p in read_text("# " + "é" * (MAX_BYTES // 2), "p").problems] == [Code.F004]
    assert read_text("# " + "x" * (MAX_BYTES - 3), "p").problems == ()


def test_a_missing_parser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_ruamel_yaml", None)
    assert [p.code for p in read_text("a: >\n  x\n", "p").problems] == [Code.F006]


def test_more_values_than_anybody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 50)
    monkeypatch.setattr(json_reader, "MAX_NODES", 50)
    assert [p.code for p in read_text("a: [" + "b, " * 100, "p").problems] == [Code.F008]
    assert [p.code for p in read_text('{"a": [' + "1, " * 100, "p").problems] == [Code.F008]


@given(st.binary(max_size=200))
def test_any_bytes_are_data_or_diagnostics(content: bytes) -> None:
    reading = read_bytes(content, "p.yaml")
    assert reading.document is not None or reading.problems
