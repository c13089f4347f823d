"""One module as the checks of the house see it: its text, its syntax, its comments."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = "simdsl"
_NO_COMMENT = ("# type:", "# noqa", "#!", "# pragma", "# fmt:", "# ruff:")


@dataclass(frozen=True)
class Module:
    """A module of the package by its dotted name."""

    name: str
    path: Path
    text: str

    @property
    def package(self) -> str:
        """The package right under simdsl that it belongs to; `simdsl` for those at the top."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and (ROOT / TOP / parts[1]).is_dir() else TOP

    @property
    def lines(self) -> int:
        """All lines."""
        return self.text.count("\n")

    @property
    def holds_code(self) -> bool:
        """Whether there is more in it than a docstring, which is all that most packages have at their top."""
        return len(self.tree.body) > 1 or not ast.get_docstring(self.tree)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax."""
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> dict[int, str]:
        """Comments that say something to a reader, by line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {
            token.start[0]: token.string
            for token in tokens
            if token.type == tokenize.COMMENT and not _only_for_tools(token.string)
        }

    @cached_property
    def code_lines(self) -> int:
        """Lines that are neither blank nor of a docstring nor of a comment alone."""
        skipped: set[int] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return sum(
            1
            for number, line in enumerate(self.text.splitlines(), 1)
            if line.strip() and not line.lstrip().startswith("#") and number not in skipped
        )

    @cached_property
    def comment_count(self) -> int:
        """Comments; lines of comment that follow one another are counted line by line, as in the figures of others."""
        return len(self.comments)

    def has_comment_at(self, line: int) -> bool:
        """Whether the line, or the one above it, has a comment."""
        return line in self.comments or (line - 1) in self.comments

    def imports(self) -> Iterator[Import]:
        """Every import, wherever it stands."""
        yield from _imports(self.tree, self, inside="", typing=False)


@dataclass(frozen=True)
class Import:
    """One import statement."""

    module: Module
    line: int
    names: tuple[str, ...]
    """What may be a module: `a.b` and `a.b.c` for `from a.b import c`."""
    inside: str
    """The function that it stands in, or nothing."""
    typing: bool
    """Whether only type checkers execute it."""


def modules(root: Path = ROOT) -> list[Module]:
    """All modules of the package, by name."""
    found = []
    for path in sorted((root / TOP).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name=name, path=path, text=path.read_text(encoding="utf-8")))
    return found


def _only_for_tools(comment: str) -> bool:
    """`# type: ignore[x]` alone; one with a reason behind it (`# noqa: X  # why`) is a comment."""
    return comment.startswith(_NO_COMMENT) and "  # " not in comment


def _imports(node: ast.AST, module: Module, inside: str, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import():
                names = tuple(one.name for one in child.names)
                yield Import(module, child.lineno, names, inside, typing)
            case ast.ImportFrom():
                base = child.module or ""
                names = (base, *(f"{base}.{one.name}" for one in child.names))
                yield Import(module, child.lineno, names, inside, typing)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _imports(child, module, child.name, typing)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _imports(child, module, inside, True)
            case _:
                yield from _imports(child, module, inside, typing)
