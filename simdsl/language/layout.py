"""Printing again what was read: lines, and the comments and blank lines from the gaps between them."""

from __future__ import annotations

import re
from typing import Final


class Layout:
    """The lines made so far, and how far in the source their gaps have been taken over."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._cursor = 0
        self._lines: list[str] = []
        self._indents: dict[int, str] = {}  # from a column of the source to the indentation that stands for it

    def line(self, text: str) -> None:
        """One line more."""
        self._lines.append(text)

    def trailing(self, comment: str) -> None:
        """A comment behind the last line."""
        self._lines[-1] += f"  {comment.rstrip()}"

    def move(self, offset: int) -> None:
        """The source up to here needs no more care."""
        self._cursor = max(self._cursor, offset)

    def gap(self, offset: int, head: str) -> None:
        """Take over what stands before a node: a comment behind the last line, then lines of their own.

        ``head`` is what the node's line begins with: an indentation, perhaps with a dash.
        """
        column = self._column(offset)
        indent = head.replace("- ", "")
        lead = self._source[offset - column : offset]
        if head.endswith("- ") and lead.endswith("- "):
            column -= 2
        self._indents[column] = indent
        first, *rest = self._take(offset)
        if (comment := _COMMENT.search(first)) and self._lines:
            self.trailing(comment["text"])
        elif comment:
            rest.insert(0, first)
        self._own_lines(rest[:-1] if rest else rest, indent, column)
        if rest and (comment := _COMMENT.search(rest[-1])):
            self.line(f"{indent}{comment['text'].rstrip()}")

    def loose(self, offset: int) -> None:
        """Take over what stands between a key and a value that will stand behind it: comments go above them."""
        column = self._column(offset)
        for part in self._take(offset):
            if comment := _COMMENT.search(part):
                self.line(f"{self._indents.get(column, '')}{comment['text'].rstrip()}")

    def finish(self) -> str:
        """The text. What stands behind the last node comes last."""
        first, *rest = self._take(len(self._source))
        if (comment := _COMMENT.search(first)) and self._lines:
            self.trailing(comment["text"])
        self._own_lines(rest, "", 0)
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return "\n".join([*self._lines, ""])

    def _take(self, offset: int) -> list[str]:
        taken = self._source[self._cursor : offset]
        self.move(offset)
        return taken.split("\n")

    def _column(self, offset: int) -> int:
        return offset - self._source.rfind("\n", 0, offset) - 1

    def _own_lines(self, lines: list[str], indent: str, column: int) -> None:
        for line in lines:
            if comment := _COMMENT.search(line):
                own = len(line) - len(line.lstrip())
                inner = self._indents.get(own, indent) if own > column else indent
                self.line(f"{inner}{comment['text'].rstrip()}")
            elif not line.strip() and self._lines and self._lines[-1]:
                self.line("")


_COMMENT: Final = re.compile(r"(?<!\S)(?P<text>#.*)")
