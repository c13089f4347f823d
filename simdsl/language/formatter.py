"""The formatter: a plan in one layout, with its comments and blank lines, and without a change of what it says.

The formatter does not print the loaded plan, which has no comments. It walks over the positioned tree, prints each node in
its new place, and takes over comments and blank lines from the gaps between the nodes in the source. Because that can go
wrong in ways that are hard to foresee, the result is read again and compared with the original; if they differ, the file
stays as it is (F007).
"""

from __future__ import annotations

from typing import Final

from simdsl.language.dump import emit_json, is_plain, scalar_text
from simdsl.plan.backend_facts import dialect_of_backend
from simdsl.plan.codes import Code
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.diagnostics import Diagnostic, Path, Severity
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import STEP_OPTIONS, VERBS
from simdsl.syntax.document import Data, Document, resolve_scalar, source_text
from simdsl.syntax.files import read_text
from simdsl.syntax.problems import ParseError
from simdsl.syntax.source_map import STEP_SECTIONS, ListNode, MapNode, Node, ScalarNode, ScalarStyle
from simdsl.syntax.sql_lexer import dialect_of, scan
from simdsl.syntax.sql_lines import split_head
from simdsl.syntax.yaml_reader import to_data
from simdsl.verbs.base import Overrides, verb_named


class CommentLayout:
    """The lines printed so far, and the offset up to which the gaps of the source have been taken over."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._cursor = 0
        self._lines: list[str] = []
        self._indents: dict[int, str] = {}  # from a column of the source to its new indentation

    def line(self, text: str) -> None:
        """Append a line."""
        self._lines.append(text)

    def trailing(self, comment: str) -> None:
        """Append a comment to the last line."""
        self._lines[-1] += f"  {comment.rstrip()}"

    def move(self, offset: int) -> None:
        """Everything up to this offset has been printed, or has no comments."""
        self._cursor = max(self._cursor, offset)

    def gap(self, offset: int, head: str) -> None:
        """Take over the gap before a node: a comment at the end of the last line, then lines of comments and blank lines.

        ``head`` is the beginning of the node's new line: its indentation, possibly with a dash.
        """
        column = self._column(offset)
        indent = head.replace("- ", "")
        lead = self._source[offset - column : offset]
        if head.endswith("- ") and lead.endswith("- "):
            column -= 2  # a comment above an item belongs to its dash, not to the key after it
        self._indents[column] = indent
        first, *rest = self._take(offset)
        if (comment := _COMMENT.search(first)) and self._lines:
            self.trailing(comment["text"])
        elif comment:
            rest.insert(0, first)  # at the top of the file there is no line that it could be appended to
        self._own_lines(rest[:-1] if rest else rest, indent, column)
        if rest and (comment := _COMMENT.search(rest[-1])):
            self.line(f"{indent}{comment['text'].rstrip()}")

    def loose(self, offset: int) -> None:
        """Take over the gap between a key and a value that will be on its line: comments move above them."""
        column = self._column(offset)
        for part in self._take(offset):
            if comment := _COMMENT.search(part):
                self.line(f"{self._indents.get(column, '')}{comment['text'].rstrip()}")

    def finish(self) -> str:
        """The text, with what follows the last node at its end."""
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
                # A comment that is deeper than the next node belongs to something above, and keeps to its indentation.
                own = len(line) - len(line.lstrip())
                inner = self._indents.get(own, indent) if own > column else indent
                self.line(f"{inner}{comment['text'].rstrip()}")
            elif not line.strip() and self._lines and self._lines[-1]:  # several blank lines become one
                self.line("")


_COMMENT: Final = lazy_regex(r"(?<!\S)(?P<text>#.*)")


def format_text(text: str, name: str) -> str | tuple[Diagnostic, ...]:
    """The formatted text; or why it cannot be read, or (F007) cannot be formatted without losing something."""
    reading = read_text(text, name)
    errors = tuple(problem for problem in reading.problems if problem.severity is Severity.ERROR)
    if reading.document is None or errors:
        return errors
    document = reading.document
    if isinstance(document.data, dict) and document.source.text.lstrip()[:1] == "{":
        whole = to_data(document.root)  # JSON has no comments, and `$schema` is not part of `document.data`
        assert isinstance(whole, dict)
        return emit_json(whole)
    if not isinstance(document.root, MapNode) or document.root.flow:
        return (_refusal(name, "it is not a mapping in block style"),)
    made = _Formatter(document).run(document.root)
    return made if _is_same(document, made, name) else (_refusal(name, "a comment or text cannot be kept where it is"),)


def _refusal(name: str, reason: str) -> Diagnostic:
    return Diagnostic(code=Code.F007, message=f"{name} is left as it is: {reason}", file=name)


def _is_same(document: Document, made: str, name: str) -> bool:
    reading = read_text(made, name)
    again = reading.document
    # Comments are no part of the data; counting their `#` is crude, and errs on the side of leaving a file alone.
    if again is None or made.count("#") != document.source.text.count("#"):
        return False
    if any(problem.severity is Severity.ERROR for problem in reading.problems):
        return False
    lines = _StepLines(document.data)
    return lines.settled(document.data, ()) == lines.settled(again.data, ())


class _StepLines:
    """Which scalars of a plan are lines of steps, and the one form of blanks in these."""

    def __init__(self, data: Data) -> None:
        frame = data if isinstance(data, dict) else {}
        dialect, backends = source_text(frame.get("dialect", "")), frame.get("backends")
        only = [source_text(item) or "" for item in backends] if isinstance(backends, list) else []
        known = Dialect(dialect) if dialect in tuple(Dialect) else None
        self._dialect = dialect_of(known, tuple(only))

    def is_line(self, path: Path) -> bool:
        """Whether the scalar at a path is a line of a step. Blanks of a line may change; other text is left alone."""
        in_steps = len(path) > 1 and path[0] in STEP_SECTIONS
        in_tasks = len(path) > 2 and path[0] == "tasks"
        in_action = len(path) > 4 and path[0] == "workload" and path[3] == "do"
        return (
            (in_steps or in_tasks or in_action)
            and path[-1] not in STEP_OPTIONS
            and "skip" not in path
            and "only" not in path
        )

    def settled(self, data: Data, path: Path) -> Data:
        """The data with its lines in the one form, for comparison."""
        if isinstance(data, dict):
            return {key: self.settled(value, (*path, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.settled(value, (*path, index)) for index, value in enumerate(data)]
        return self.line(data, path) if isinstance(data, str) and self.is_line(path) else data

    def line(self, text: str, path: Path) -> str:
        """A line without line ends at its end, and with one blank on each side of its arrow."""
        text = text.rstrip("\n")
        arrow = self._arrow(text, path[-1])
        if arrow is None:
            return text
        head, tail = text[:arrow], text[arrow + 2 :]
        # An arrow at the beginning of its own line, or an expectation on the lines after it, is the author's layout.
        if head and not head.endswith("\n"):
            head = head.rstrip(" \t") + " " if head.strip() else ""
        tail = tail.lstrip(" \t")
        return f"{head}=>{tail}" if tail.startswith("\n") else f"{head}=> {tail}"

    def _arrow(self, text: str, key: str | int) -> int | None:
        if key in VERBS:
            head, tail, _ = split_head(text)
            return None if tail is None or verb_named(str(key)).overrides is not Overrides.EXPECTATION else len(head)
        try:
            return scan(text, dialect_of_backend(str(key)) or self._dialect).arrow
        except ParseError:
            return None  # SQL that does not lex is for `check` to report


class _Formatter:
    """One walk over the tree."""

    def __init__(self, document: Document) -> None:
        self._lines = _StepLines(document.data)
        self._source = document.source.text
        self._layout = CommentLayout(self._source)

    def run(self, root: MapNode) -> str:
        self._mapping(root, "", "", ())
        return self._layout.finish()

    def _mapping(self, node: MapNode, first: str, indent: str, path: Path) -> None:
        """The entries: the first one after ``first``, which may hold a dash, the others after ``indent``."""
        for number, (key, value) in enumerate(node.entries):
            self._layout.gap(key.start, first if number == 0 else indent)
            # A key that is one word loses its quotes; any other one is copied as it is written.
            name = key.text if _WORD.fullmatch(key.text) else self._source[key.start : key.end]
            head = f"{first if number == 0 else indent}{name}:"
            self._layout.move(key.end)
            self._value(head, value, indent, (*path, key.text))

    def _value(self, head: str, node: Node, indent: str, path: Path) -> None:
        match node:
            case MapNode(flow=False):
                self._layout.line(head)
                self._mapping(node, indent + "  ", indent + "  ", path)
            case ListNode(flow=False):
                self._layout.line(head)
                self._list(node, indent + "  ", path)
            case ScalarNode():
                self._scalar(head, node, indent + "  ", path)
            case _:  # a flow collection, whose brackets stay on the line of its key
                self._layout.loose(node.start)
                self._layout.line(f"{head} {self._flow(node)}")
                self._layout.move(node.end)

    def _list(self, node: ListNode, indent: str, path: Path) -> None:
        for index, item in enumerate(node.items):
            place = (*path, index)
            match item:
                case MapNode(flow=False):
                    self._mapping(item, f"{indent}- ", f"{indent}  ", place)
                case _:
                    self._layout.gap(item.start, f"{indent}- ")
                    self._value(f"{indent}-", item, indent, place)

    def _scalar(self, head: str, node: ScalarNode, indent: str, path: Path) -> None:
        self._layout.loose(node.start)
        raw = self._source[node.start : node.end]
        comment = _HEADER_COMMENT.match(raw) if node.style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED) else None
        text = self._written(node, raw, indent, path)
        if comment and "\n" not in text:
            # After plain text the comment would be ambiguous (Y010), so the text stays a block.
            text = f"|\n{indent}{text}"
        first, *rest = text.split("\n")
        self._layout.line(f"{head} {first}".rstrip())
        if comment:
            self._layout.trailing(comment["comment"])
        for line in rest:
            self._layout.line(line)
        # Blank lines after a block belong to the gap, but in a `|+` block to the text.
        self._layout.move(node.end if raw.startswith("|+") else node.start + len(raw.rstrip()))

    def _written(self, node: ScalarNode, raw: str, indent: str, path: Path) -> str:
        # `1.10` as a step would become text in quotes: it is left for the loader to report.
        is_number = node.style is ScalarStyle.PLAIN and not isinstance(resolve_scalar(raw), str)
        if not is_number and node.style is not ScalarStyle.FOLDED and self._lines.is_line(path):
            text = raw if node.style is ScalarStyle.PLAIN else node.text
            return scalar_text(self._lines.line(text, path), indent, is_line=True)
        if node.style is ScalarStyle.LITERAL:
            return scalar_text(node.text, indent)
        if node.style in (ScalarStyle.SINGLE, ScalarStyle.DOUBLE) and is_plain(node.text):
            return node.text
        return _reindented(raw, indent, keep=node.style is ScalarStyle.FOLDED)

    def _flow(self, node: Node) -> str:
        """Brackets on one line, unless there is a comment in them."""
        raw = self._source[node.start : node.end]
        match node:
            case _ if _COMMENT_INSIDE.search(raw):
                return raw
            case ListNode():
                return f"[{', '.join(map(self._flow, node.items))}]"
            case MapNode():
                return f"{{{', '.join(self._flow_entry(raw, key, value) for key, value in node.entries)}}}"
            case ScalarNode(style=ScalarStyle.SINGLE | ScalarStyle.DOUBLE) if _FLOW_WORD.fullmatch(node.text) and is_plain(
                node.text
            ):
                return node.text
            case ScalarNode():
                return " ".join(raw.split()) if "\n" in raw else raw

    def _flow_entry(self, raw: str, key: ScalarNode, value: Node) -> str:
        name = self._source[key.start : key.end]
        return f"{name}: {self._flow(value)}".rstrip()


def _reindented(raw: str, indent: str, *, keep: bool) -> str:
    """A scalar of several lines with a new indentation; ``keep`` if deeper lines are deeper on purpose."""
    first, *rest = raw.rstrip().split("\n")
    shared = min((len(line) - len(line.lstrip(" ")) for line in rest if line.strip()), default=0) if keep else 0
    lines = [line.rstrip()[shared:] if keep else line.strip() for line in rest]
    head = _HEADER_COMMENT.sub(r"\g<header>", first) if keep else first
    return "\n".join([head.rstrip(), *(f"{indent}{line}" if line else "" for line in lines)])


_WORD: Final = lazy_regex(r"[A-Za-z_][A-Za-z0-9_]*")
_FLOW_WORD: Final = lazy_regex(r"[A-Za-z0-9_.$]+(?:-[A-Za-z0-9_.$]+)*")
_COMMENT_INSIDE: Final = lazy_regex(r"\s#")
_HEADER_COMMENT: Final = lazy_regex(r"(?P<header>[|>][-+0-9]*)[ \t]+(?P<comment>#.*)")
