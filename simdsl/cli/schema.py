"""``simdsl schema``: the JSON Schemas, for editors and other programs."""

from enum import StrEnum
from typing import Annotated

import typer


class SchemaSubject(StrEnum):
    """What has a schema."""

    PLAN = "plan"
    PROFILE = "profile"
    TRACE = "trace"


def schema(
    subject: Annotated[SchemaSubject, typer.Argument(help="Of what.", metavar="plan|profile|trace")],
) -> None:
    """Print a JSON Schema.

    For an editor: simdsl schema plan > plan.schema.json
    """
    from simdsl.plan import resources

    typer.echo(resources.path(f"schemas/{subject}.schema.json").read_text(encoding="utf-8").rstrip())
