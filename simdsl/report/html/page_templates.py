"""The door to jinja2: templates whose every text is masked, made visible and escaped, in this order.

Autoescape alone is not enough here. A secret must be hidden before it is escaped (``a<b`` would not be found in
``a&lt;b``), and a control character that a database returned must be shown rather than sent to the browser. Both happen in
the environment's ``finalize``, which jinja2 calls for every expression before it escapes it, so no template can forget them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, TypeAlias

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from simdsl.report.screen import visible
from simdsl.report.secrets import Secrets

LONG: Final = 400
"""Longer texts are folded, in characters."""

LONGEST: Final = 20_000
"""More of one text is left out, and the page says how much."""

FEW_ROWS: Final = 4
"""Results of up to this many rows are shown open, larger ones folded."""

MOST_ROWS: Final = 100
"""More rows of one result are left out, and the page says how many."""

Html: TypeAlias = Markup
"""Text that has been rendered, or is part of the page itself: it is not escaped again."""

_NAMES: Final = ("page", "run", "evidence", "lanes", "macros")


class PageTemplates:
    """The templates of the page. Every ``str`` that is put into one is text; only what a template rendered is HTML."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._environment = Environment(
            autoescape=True,
            loader=DictLoader({f"{name}.html.jinja": resource(f"templates/{name}.html.jinja") for name in _NAMES}),
            undefined=StrictUndefined,  # a misspelled name is an error in a test, not a hole in somebody's report
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self._finalize,
        )
        self._environment.filters["masked"] = secrets.hide
        self._environment.globals.update(LONG=LONG, FEW_ROWS=FEW_ROWS, MOST_ROWS=MOST_ROWS)

    def render(self, name: str, values: Mapping[str, Any]) -> Html:
        """One template as HTML."""
        return Html(self._environment.get_template(f"{name}.html.jinja").render(values))

    def shown(self, text: str) -> str:
        """A text as it may be shown: secrets hidden, control characters as escapes, cut where it is longest."""
        text = self._secrets.hide(text)
        cut = f" … {len(text) - LONGEST:,} more characters" if len(text) > LONGEST else ""
        return "\n".join(map(visible, text[:LONGEST].split("\n"))) + cut

    def _finalize(self, value: object) -> object:
        # Markup is a str as well; its `__html__` says that it has been through here before.
        return self.shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def resource(name: str) -> str:
    """A file that lies beside this module, in a checkout as in a wheel."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
