"""``simdsl schema``: print a JSON Schema."""

from __future__ import annotations

from simdsl.cli.commands import SchemaRequest
from simdsl.plan import resources


def schema(request: SchemaRequest) -> None:
    """Print the schema as it is published."""
    print(resources.path(f"schemas/{request.subject}.schema.json").read_text(encoding="utf-8").rstrip())
