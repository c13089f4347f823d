"""Choosing plans by words: ``-k 'pool and not slow'`` over names and files, ``--tag`` over tags.

An expression is made of words, ``and``, ``or``, ``not`` and parentheses; ``and`` binds tighter than ``or``. Two words
without an operator between them must both match.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from simdsl.plan.regexes import lazy_regex

Filter: TypeAlias = Callable[[Callable[[str], bool]], bool]
"""Given what it means that a word matches, whether the whole expression does."""

_TOKEN: Final = lazy_regex(r"\s*([()]|[^\s()]+)")
_OPERATORS: Final = frozenset({"and", "or", "not", "(", ")"})


class BadExpression(ValueError):
    """An expression cannot be read; the message says why."""


def parse(text: str) -> Filter:
    """The filter that an expression means. Raises ``BadExpression``."""
    parser = _Parser(_TOKEN.findall(text))
    if not parser.tokens:
        raise BadExpression("the expression is empty")
    found = parser.alternatives()
    if parser.tokens:
        raise BadExpression(f"`{parser.tokens[0]}` has no place here")
    return found


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def alternatives(self) -> Filter:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda matches: any(part(matches) for part in parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._take("and") or (self.tokens and self.tokens[0] not in ("or", ")")):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda matches: all(part(matches) for part in parts)

    def _one(self) -> Filter:
        if self._take("not"):
            negated = self._one()
            return lambda matches: not negated(matches)
        if self._take("("):
            inner = self.alternatives()
            if not self._take(")"):
                raise BadExpression("a parenthesis is not closed")
            return inner
        if not self.tokens or self.tokens[0] in _OPERATORS:
            raise BadExpression(
                f"a word is missing before `{self.tokens[0]}`" if self.tokens else "a word is missing at the end"
            )
        word = self.tokens.pop(0)
        return lambda matches: matches(word)

    def _take(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False
