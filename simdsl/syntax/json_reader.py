"""Plans in JSON: a fast reader by the standard library, and a slow one with positions.

JSON is YAML, but reading it needs no YAML parser, and plans that programs write are long. The fast reader takes 0.75 us a
step where the slow one takes 21 (CPython 3.11): the standard library decodes in C, and one pass over the result does the
rest. As with YAML, the fast reader returns None for whatever is wrong, and the slow one says what it is.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.syntax.document import Data, PlainScalar, resolve_scalar
from simdsl.syntax.source_map import ListNode, MapNode, Node, ReaderIssue, ReaderIssues, ScalarNode, ScalarStyle
from simdsl.syntax.yaml_reader import MAX_DEPTH, MAX_NODES, PositionedRead, too_many


def is_json(text: str, name: str) -> bool:
    """Whether to read a text as JSON: because of its name, or because its first character that is not blank is ``{``."""
    return name.endswith(".json") or text.lstrip()[:1] == "{"


def read_fast(text: str) -> Data | None:
    """The plain data of a JSON text, without ``$schema``; None if anything is wrong with it."""
    if _may_have_surrogates(text) or text.count(",") > MAX_NODES * 2:
        return None  # half a surrogate pair, or more values than the slow reader will position
    walk = _ScalarResolver()
    try:
        data: Data = walk.settled(_DECODER.decode(text), 0)
        # The decoder keeps the last of two equal keys without a word. Counting keys finds that out without a hook, which
        # would be a Python call for every object.
        if walk.keys != text.count(":") and walk.keys != _most_keys(text):
            _STRICT.decode(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict):
        data.pop("$schema", None)
    return data


def read_slow(text: str) -> PositionedRead:
    """The positioned tree of a JSON text and everything that is wrong with it; a syntax error stands alone."""
    reader = _JsonReader(text)
    try:
        root = reader.read()
    except _Stop as stop:
        return PositionedRead(issues=ReaderIssues([stop.issue]))
    return PositionedRead(root=root, issues=reader.issues)


def read_tree(text: str) -> Node:
    """The tree of a text that is known to be JSON."""
    root = read_slow(text).root
    return root if root is not None else ScalarNode(0, 0, ScalarStyle.PLAIN, "")


def _may_have_surrogates(text: str) -> bool:
    """Whether the text may hold half a surrogate pair, escaped or not. One search for both would cost more than decoding."""
    return ("\\u" in text and _ESCAPED_SURROGATE.search(text) is not None) or (
        not text.isascii() and _SURROGATE.search(text) is not None
    )


def _most_keys(text: str) -> int:
    """An upper bound for the number of keys in a JSON text: every key is followed by a colon, or by blanks and a colon.

    A colon within a string may be counted as well, but no key is missed. So if the data has that many keys, none was
    repeated; if it has fewer, the strict decoder decides. Counting costs a tenth of a Python call for every object, and
    counting colons alone, which suffices where no string contains one, a tenth of that.
    """
    return sum(map(text.count, ('":', " :", "\n:", "\t:", "\r:")))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a key is there twice")
    return entries


def _number(text: str) -> PlainScalar:
    value = resolve_scalar(text)
    if not isinstance(value, PlainScalar):
        raise ValueError("a number beyond 64 bits")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


class _ScalarResolver:
    """One walk over decoded JSON, which counts the keys."""

    def __init__(self) -> None:
        self.keys = 0

    def settled(self, data: Any, depth: int) -> Any:
        """The data with null, true and false as plain scalars, in place. Raises ``ValueError`` if nested too deeply."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if type(data) is dict:
            self.keys += len(data)
            for key, value in data.items():
                if type(value) is not str and type(value) is not PlainScalar:
                    data[key] = self.settled(value, depth + 1)
        elif type(data) is list:
            self._settle(data, depth)
        elif data is None or data is True or data is False:
            return _WORDS[data]
        return data

    def _settle(self, items: list[Any], depth: int) -> None:
        """The items of a list. Nearly all of them are steps, mappings of text, and not worth a call each."""
        for index, item in enumerate(items):
            if type(item) is dict and depth < MAX_DEPTH:
                for value in item.values():
                    if type(value) is not str:
                        break
                else:
                    self.keys += len(item)
                    continue
            if type(item) is not str and type(item) is not PlainScalar:
                items[index] = self.settled(item, depth + 1)


_DECODER: Final = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_no_constant)
_STRICT: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates)
_ESCAPED_SURROGATE: Final = lazy_regex(r"\\u[dD][89a-fA-F]")
_SURROGATE: Final = lazy_regex("[\ud800-\udfff]")
_WORDS: Final = {None: PlainScalar("null", None), True: PlainScalar("true", True), False: PlainScalar("false", False)}


class _Stop(Exception):
    """An issue after which nothing more can be read."""

    def __init__(self, issue: ReaderIssue) -> None:
        super().__init__(issue.message)
        self.issue = issue


class _JsonReader:
    """A recursive descent over the text, to a bounded depth: the standard decoder gives no positions."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.issues = ReaderIssues()
        self.count = 0

    def read(self) -> Node:
        root, end = self._value(self._blank(0), ())
        end = self._blank(end)
        if end < len(self.text):
            self._stop(end, "the document ended before this")
        return root

    def _blank(self, at: int) -> int:
        found = _BLANK.match(self.text, at)
        return found.end() if found else at

    def _value(self, at: int, path: Path) -> tuple[Node, int]:
        self.count += 1
        if self.count > MAX_NODES:
            raise _Stop(too_many(at))
        match self.text[at : at + 1]:
            case '"':
                return self._string(at, path)
            case "{":
                return self._object(at, path)
            case "[":
                return self._array(at, path)
            case _:
                return self._scalar(at, path)

    def _object(self, at: int, path: Path) -> tuple[Node, int]:
        self._limit(at, path)
        entries: list[tuple[ScalarNode, Node]] = []
        seen: set[str] = set()
        place = self._blank(at + 1)
        while self.text[place : place + 1] != "}" or entries:
            if self.text[place : place + 1] != '"':
                self._stop(place, "a key in double quotes is missing here")
            key, place = self._string(place, path)
            place = self._blank(place)
            if self.text[place : place + 1] != ":":
                self._stop(place, "a `:` is missing here")
            if key.text in seen:
                self._find(
                    Code.J002, key.start, key.end, f"`{key.text}` is there twice in one object", "JSON would keep only one"
                )
            seen.add(key.text)
            value, place = self._value(self._blank(place + 1), (*path, key.text))
            entries.append((key, value))
            place = self._blank(place)
            if self.text[place : place + 1] != ",":
                break
            place = self._blank(place + 1)
        if self.text[place : place + 1] != "}":
            self._stop(place, "a `,` or a `}` is missing here")
        return MapNode(at, place + 1, True, entries), place + 1

    def _array(self, at: int, path: Path) -> tuple[Node, int]:
        self._limit(at, path)
        items: list[Node] = []
        place = self._blank(at + 1)
        while self.text[place : place + 1] != "]" or items:
            item, place = self._value(place, (*path, len(items)))
            items.append(item)
            place = self._blank(place)
            if self.text[place : place + 1] != ",":
                break
            place = self._blank(place + 1)
        if self.text[place : place + 1] != "]":
            self._stop(place, "a `,` or a `]` is missing here")
        return ListNode(at, place + 1, True, items), place + 1

    def _limit(self, at: int, path: Path) -> None:
        if len(path) > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            raise _Stop(ReaderIssue(Code.J006, at, at + 1, message, "a plan is flatter than this"))

    def _string(self, at: int, path: Path) -> tuple[ScalarNode, int]:
        found = _STRING.match(self.text, at)
        if found is None:
            self._stop(at, "this string is not closed, or holds a control character or an escape that JSON lacks")
        text = json.loads(found[0])
        if half := _SURROGATE.search(text):
            message = f"U+{ord(half[0]):04X} is half of a character"
            self._find(Code.J005, at, found.end(), message, "write the character, or both of its halves", path)
            text = _SURROGATE.sub("\ufffd", text)
        return ScalarNode(at, found.end(), ScalarStyle.JSON, text), found.end()

    def _scalar(self, at: int, path: Path) -> tuple[ScalarNode, int]:
        found = _SCALAR.match(self.text, at)
        word = found[0] if found else ""
        end = at + len(word)
        if word in ("NaN", "Infinity", "-Infinity"):
            hint = "in the text of a step, `nan`, `inf` and `-inf` are values"
            self._find(Code.J003, at, end, f"`{word}` is not a number of JSON", hint, path)
        elif word not in ("true", "false", "null"):
            if not _NUMBER.fullmatch(word):
                self._stop(at, "a value is missing here" if not word else f"`{word}` is not a value of JSON")
            # JSON has no limit for integers; a plan has 64 bits, as databases do.
            if not isinstance(resolve_scalar(word), PlainScalar):
                hint = "write it as a string, or as a decimal"
                self._find(Code.J004, at, end, f"{word[:40]} does not fit in 64 bits", hint, path)
        return ScalarNode(at, end, ScalarStyle.PLAIN, word), end

    def _stop(self, at: int, message: str) -> NoReturn:
        # At the end of the text there is nothing to mark, so the last character is.
        at = min(at, max(len(self.text.rstrip()) - 1, 0))
        hint = "a text that begins with `{`, or is named .json, is read as JSON"
        raise _Stop(ReaderIssue(Code.J001, at, at + 1, message, hint))

    def _find(self, code: Code, start: int, end: int, message: str, hint: str, path: Path = ()) -> None:
        self.issues.add(ReaderIssue(code, start, end, message, hint), path)


_BLANK: Final = lazy_regex(r"[ \t\n\r]*")
_STRING: Final = lazy_regex(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
_SCALAR: Final = lazy_regex(r"[^\s,:\[\]{}\"]+")
_NUMBER: Final = lazy_regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
