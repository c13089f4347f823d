"""Text as HTML: nothing of a plan, an engine or a secret gets through as it is."""

from __future__ import annotations

from html import escape
from typing import Final

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.values import Row, literal
from simdsl.report.screen import visible
from simdsl.report.secrets import Secrets
from simdsl.report.transcript import brief_outcome

LONG: Final = 400
"""Longer texts are folded, in characters."""

LONGEST: Final = 20_000
"""More of one text is left out, and it is said how much."""

FEW_ROWS: Final = 4
"""So many rows are shown at once, more are folded."""

MOST_ROWS: Final = 100
"""More rows of one result are left out, and it is said how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlText:
    """Makes HTML of what a run said."""

    secrets: Secrets

    def text(self, text: str) -> str:
        """Secrets hidden, control characters visible, and nothing that HTML would read as its own; line breaks stay."""
        text = self.secrets.hide(text)
        cut = f" … {len(text) - LONGEST:,} more characters" if len(text) > LONGEST else ""
        return escape("\n".join(map(visible, text[:LONGEST].split("\n"))) + cut)

    def code(self, text: str) -> str:
        """A statement; a long one is folded."""
        if len(text) <= LONG:
            return f"<code>{self.text(text)}</code>"
        head = self.text(text[: LONG // 2])
        return f"<details class=long><summary><code>{head} …</code></summary><code>{self.text(text)}</code></details>"

    def outcome(self, outcome: Outcome) -> str:
        """What came: rows as a table, where there is more than one."""
        match outcome:
            case Rows(rows=rows) if len(rows) > 1:
                shown = " open" if len(rows) <= FEW_ROWS else ""
                return f"<details class=rows{shown}><summary>{len(rows):,} rows</summary>{self._table(rows)}</details>"
            case Failed(error_class=error_class, text=text):
                return f"<span class=err>error {error_class}</span> <span class=faint>{self.text(text)}</span>"
            case Affected(n=None):
                return ""
            case _:
                return f"<span class=came>{self.text(brief_outcome(outcome))}</span>"

    def _table(self, rows: list[Row]) -> str:
        lines = ["".join(f"<td>{self.text(literal(value))}" for value in row) for row in rows[:MOST_ROWS]]
        more = f"<p class=faint>{len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
        return f"<table><tr>{'<tr>'.join(lines)}</table>{more}"
