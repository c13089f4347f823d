"""A failed run as text: what broke, where, expected and got cell by cell, and the steps so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Location, Path, SourceSpan
from simdsl.report import transcript
from simdsl.report.context import PlanSource, choice_list, params_text
from simdsl.report.diagnostics import gutter_width, place_lines
from simdsl.report.screen import Screen, Style, cell_width, fit, pad, visible
from simdsl.syntax.document import step_source

# How many rows that are as expected are shown around those that are not.
COMMON_SHOWN: Final = 3


EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


_ORDER: Final = lazy_regex(r" in (?:any )?order$")


_SCALAR: Final = lazy_regex(
    r"NULL|true|false|nan|-?inf|-?[0-9][0-9.eE+-]*|(?:[a-zA-Z]+ ?)?'(?:[^']|'')*'|_|[?$][a-z_][a-z0-9_]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPair:
    """An expected row and the received row that is most like it; one of them is None if it has no partner."""

    expected: tuple[str, ...] | None
    got: tuple[str, ...] | None

    @property
    def is_same(self) -> bool:
        """Whether the row is as expected."""
        return self.expected is not None and self.got is not None and _is_equal(self.expected, self.got)


def compare_rows(
    expected: Sequence[str], got: Sequence[str], screen: Screen, values: Mapping[str, str] = EMPTY
) -> list[str]:
    """The lines that show what was expected and what came. ``values`` holds the variables that an expectation may name."""
    left = _known(parse_rows(expected[0]), values) if len(expected) == 1 else None
    right = [split_cells(line) for line in got]
    whole = [row for row in right if row is not None]
    if left is None or len(whole) < len(right):
        return [*_side("expected", expected, screen, Style.GOOD), *_side("got", got, screen, Style.ERROR)]
    if len(left) == 1 and len(whole) == 1 and len(left[0]) == 1 and len(whole[0]) == 1:
        return [*_side("expected", left[0], screen, Style.GOOD), *_side("got", whole[0], screen, Style.ERROR)]
    if len(left) == 1 and len(whole) == 1 and len(left[0]) == len(whole[0]):
        return _couple(RowPair(expected=left[0], got=whole[0]), screen)
    return _table(left, whole, screen)


def parse_rows(expectation: str) -> list[tuple[str, ...]] | None:
    """The rows of an expectation that is a list of rows, such as ``(1, 'a'), (2, _)`` or ``1, 2``; None for any other."""
    items = _split(_ORDER.sub("", expectation))
    rows = [split_cells(item) or ((item,) if _SCALAR.fullmatch(item) else None) for item in items]
    known = [row for row in rows if row is not None]
    return known if len(known) == len(rows) else None


def split_cells(row: str) -> tuple[str, ...] | None:
    """The cells of a row literal such as ``(1, 'it''s')``, and None if the text is no such row."""
    if not (row.startswith("(") and row.endswith(")")):
        return None
    return tuple(_split(row[1:-1]))


def pair_rows(expected: Sequence[tuple[str, ...]], got: Sequence[tuple[str, ...]]) -> list[RowPair]:
    """Each row with its partner: an equal one if there is one, else the one with the most equal cells in equal places."""
    free = list(range(len(got)))
    partner: dict[int, int] = {}
    for i, row in enumerate(expected):
        j = next((j for j in free if _is_equal(row, got[j])), None)
        if j is not None:
            partner[i] = j
            free.remove(j)
    for i, row in enumerate(expected):
        if i in partner or not free:
            continue
        j = max(free, key=lambda j: (_likeness(row, got[j]), -j))
        if _likeness(row, got[j]) or len(expected) == len(got):
            partner[i] = j
            free.remove(j)
    pairs = [RowPair(expected=row, got=got[partner[i]] if i in partner else None) for i, row in enumerate(expected)]
    return pairs + [RowPair(expected=None, got=got[j]) for j in free]


def _split(text: str) -> list[str]:
    """The pieces between commas that stand outside quotes and parentheses."""
    found: list[str] = []
    start = depth = 0
    quoted = False
    for index, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            found.append(text[start:index].strip())
            start = index + 1
    return [*found, text[start:].strip()]


def _known(rows: list[tuple[str, ...]] | None, values: Mapping[str, str]) -> list[tuple[str, ...]] | None:
    if rows is None:
        return None
    return [tuple(values.get(cell[1:], cell) if cell.startswith("$") else cell for cell in row) for row in rows]


def _side(name: str, lines: Sequence[str], screen: Screen, ink: Style) -> list[str]:
    label = pad(name, len("expected"))
    blank = " " * len(label)
    room = screen.width - len(label) - 5
    shown = [fit(line, room) for line in lines] or ["nothing"]
    return [f"   {label if i == 0 else blank}  {screen.paint(ink, line)}" for i, line in enumerate(shown)]


def _couple(pair: RowPair, screen: Screen) -> list[str]:
    """One row against one row of the same width."""
    expected, got = pair.expected or (), pair.got or ()
    widths = _widths([expected, got])
    room = screen.width - len("expected") - 5
    marks = _marks(pair, widths)[: max(room - 1, 0)]
    return [
        f"   expected  {screen.paint(Style.GOOD, _row_text(expected, widths, room))}",
        f"   got       {screen.paint(Style.ERROR, _row_text(got, widths, room))}",
        *([f"              {screen.paint(Style.ERROR, marks)}"] if marks else []),
    ]


def _table(expected: list[tuple[str, ...]], got: list[tuple[str, ...]], screen: Screen) -> list[str]:
    pairs = pair_rows(expected, got)
    widths = _widths([*expected, *got])
    lines = [f"   {screen.paint(Style.GOOD, '- expected')}, {screen.paint(Style.ERROR, '+ got')}"]
    common = 0
    for pair in pairs:
        if pair.is_same:
            common += 1
            if common <= COMMON_SHOWN:
                lines.append(_row(" ", pair.got or (), widths, screen, Style.FAINT))
            continue
        if pair.expected is not None:
            lines.append(_row("-", pair.expected, widths, screen, Style.GOOD))
        if pair.got is not None:
            lines.append(_row("+", pair.got, widths, screen, Style.ERROR))
        lines += _underline(pair, widths, screen)
    if common > COMMON_SHOWN:
        rest = common - COMMON_SHOWN
        lines.append(f"   ... and {rest} more {'row' if rest == 1 else 'rows'} as expected")
    return lines


def _row(mark: str, row: tuple[str, ...], widths: list[int], screen: Screen, ink: Style) -> str:
    return f"   {screen.paint(ink, f'{mark} {_row_text(row, widths, screen.width - 5)}')}"


def _row_text(row: tuple[str, ...], widths: list[int], room: int) -> str:
    padded = [pad(visible(cell), widths[i]) for i, cell in enumerate(row)]
    return fit(f"({', '.join(padded)})", room)


def _underline(pair: RowPair, widths: list[int], screen: Screen) -> list[str]:
    expected, got = pair.expected, pair.got
    if expected is None or got is None or len(expected) != len(got) or len(got) == 1:
        return []
    marks = _marks(pair, widths)[: screen.width - 6]
    return [f"      {screen.paint(Style.ERROR, marks)}"] if marks else []


def _marks(pair: RowPair, widths: list[int]) -> str:
    """Carets under the cells that differ, as wide as the wider of the two."""
    marks = [
        ("^" if not _cell_meets(e, g) else " ") * max(cell_width(visible(e)), cell_width(visible(g)), 1)
        for e, g in zip(pair.expected or (), pair.got or (), strict=True)
    ]
    return "  ".join(pad(mark, widths[i]) for i, mark in enumerate(marks)).rstrip()


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    count = max(map(len, rows), default=0)
    return [max((cell_width(visible(row[i])) for row in rows if i < len(row)), default=0) for i in range(count)]


def _is_equal(expected: tuple[str, ...], got: tuple[str, ...]) -> bool:
    return len(expected) == len(got) and all(map(_cell_meets, expected, got))


def _cell_meets(expected: str, got: str) -> bool:
    return expected == "_" or expected.startswith("?") or expected == got


def _likeness(expected: tuple[str, ...], got: tuple[str, ...]) -> int:
    if len(expected) != len(got):
        return 0
    return sum(map(_cell_meets, expected, got))


def render_failure(report: RunReport, failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    """The whole story of a failed run, without the line that reproduces it."""
    lines = [*_head(failure, source, screen), *_run(report, screen), *_values(failure, report, screen)]
    lines += _difference(failure, screen)
    if failure.help:
        lines.append(screen.wrap(visible(failure.help), first="   help: ", rest="         "))
    lines += _history(report, failure, screen)
    for consequence in report.consequences:
        lines.append("")
        lines.append(screen.wrap(f"as a consequence: {visible(consequence.message)}", rest="  "))
        lines += _place(consequence, source, screen)
        lines += _difference(consequence, screen)
    return lines


def failure_span(failure: Failure, source: PlanSource) -> tuple[SourceSpan, str] | None:
    """Where the caret goes, and the text of that line: the expectation that was missed, else the whole step."""
    document = source.document
    if document is None or not failure.path:
        return None
    line = step_source(document, source.plan, failure.path, failure.override)
    span = document.locate(line.at if line is not None else Location(path=failure.path))
    return (span, document.source.line(span.line)) if span is not None else None


def _head(failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    label = failure.kind.label
    text = screen.wrap(visible(failure.message), first=f"{label}: ", rest="  ")
    return [
        screen.paint(Style.ERROR, label) + screen.paint(Style.STRONG, text[len(label) :]),
        *_place(failure, source, screen),
    ]


def _place(failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    where = failure_span(failure, source)
    span, line = where if where is not None else (None, "")
    lines = place_lines(source.file, span, line, screen)
    if failure.override is not None and span is not None:
        lines.append(f"{' ' * gutter_width(span)} = for {failure.override}")
    return lines


def _run(report: RunReport, screen: Screen) -> list[str]:
    words = [f"run {report.run} on {report.backend}"]
    if report.params:
        words.append(f"params {params_text(report.params)}")
    if report.choices:
        words.append(f"schedule {choice_list(report.choices)}")
    return [screen.wrap(visible(", ".join(words)), first="   in ", rest="      ")]


def _values(failure: Failure, report: RunReport, screen: Screen) -> list[str]:
    given = {param.name for param in report.params}
    shown = [f"${name} = {value}" for name, value in failure.arguments if name not in given]
    return [screen.wrap(visible(", ".join(shown)), first="   with ", rest="        ")] if shown else []


def _difference(failure: Failure, screen: Screen) -> list[str]:
    values: Mapping[str, str] = dict(failure.arguments)
    match failure.kind:
        case FailureKind.DEADLOCK | FailureKind.STUCK | FailureKind.CHECK:
            return [f"   {fit(line, screen.width - 3)}" for line in failure.got]
        case FailureKind.DIFFERENCE:
            return _beside(failure, screen)
        case FailureKind.PROPERTY:
            proof = [screen.wrap(visible(line), first="     ", rest="       ") for line in failure.got]
            return ["   evidence", *proof]
        case _:  # all other kinds have an expectation, or nothing to show
            return compare_rows(failure.expected, failure.got, screen, values) if failure.expected or failure.got else []


def _beside(failure: Failure, screen: Screen) -> list[str]:
    """What the plan expects if one missed it, what each backend said, and what was sent, once if it is the same."""
    width = max((len(said.backend) for said in failure.backend_outputs), default=0)
    width = max(width, len("expected") if failure.expected else len("sent"))

    def line(label: str, text: str) -> str:
        return screen.wrap(visible(text), first=f"   {label:<{width}}  ", rest=" " * (width + 5))

    lines = [line("expected", ", ".join(failure.expected))] if failure.expected else []
    lines += [line(said.backend, said.said) for said in failure.backend_outputs]
    sent = list(dict.fromkeys(said.sent for said in failure.backend_outputs if said.sent is not None))
    if len(sent) == 1:
        lines.append(line("sent", sent[0]))
    elif sent:
        lines.append("   was sent")
        lines += [line(said.backend, said.sent if said.sent is not None else "nothing") for said in failure.backend_outputs]
    return lines


def _history(report: RunReport, failure: Failure, screen: Screen) -> list[str]:
    in_setup = failure.kind is FailureKind.SETUP or _is_setup(failure.path)
    lines = transcript.transcript(report.trace, setup=in_setup)
    if not lines:
        return []
    return [screen.paint(Style.FAINT, "   steps so far"), *transcript.render_transcript(lines, screen)]


def _is_setup(path: Path) -> bool:
    return path[:1] == ("setup",)
