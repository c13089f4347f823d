"""The only door to typer: help, the wording of mistakes, and completion in the shell, from the declared commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from simdsl.cli.command_line import COMMANDS, COMMANDS_WITH_EXIT_CODES, GROUPS, Command, root_help, version_line
from simdsl.cli.option_groups import PANELS
from simdsl.cli.options import Field, Request
from simdsl.cli.output import EXIT_CODES

_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}

Dispatch = Callable[[Command, Request], None]


def run(arguments: Sequence[str], dispatch: Dispatch, only: Command | None) -> None:
    """Answer a command line: with help, with a mistake, or by giving its request to ``dispatch``.

    ``only`` is the single command to build; None builds all, which takes 10 ms longer. Raises ``SystemExit``.
    """
    commands = [only] if only is not None else list(COMMANDS.values())
    app = _app(commands, dispatch)
    typer.main.get_command(app)(args=list(arguments), prog_name="simdsl")


def _app(commands: Sequence[Command], dispatch: Dispatch) -> typer.Typer:
    # Without a rich_markup_mode typer does not import rich, which would take longer than everything else together.
    app = _group("One plan, any backend, every interleaving.", _Root)
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {}
    for command in commands:
        first, _, second = command.name.partition(" ")
        if second and first not in groups:
            groups[first] = _group(GROUPS[first], TyperGroup)
            app.add_typer(groups[first], name=first)
        into = groups[first] if second else app
        epilog = EXIT_CODES if command.name in COMMANDS_WITH_EXIT_CODES else None
        into.command(second or first, help=command.help, epilog=epilog, cls=_Grouped)(_function(command, dispatch))
    return app


def _group(help_: str, cls: type[TyperGroup]) -> typer.Typer:
    return typer.Typer(
        help=help_,
        cls=cls,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
    )


def _function(command: Command, dispatch: Dispatch) -> Callable[..., None]:
    """A function whose signature has the options of the request, which is what typer reads."""

    def call(**values: Any) -> None:
        fields = command.request.fields
        given = {name: _as_declared(fields[name], value) for name, value in values.items()}
        dispatch(command, command.request(**given))

    # Typer reads the signature and, separately, the annotations of the function.
    parameters = [_parameter(field) for field in command.request.fields.values()]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _as_declared(field: Field, value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return tuple(value or ()) if field.repeats else value


def _parameter(field: Field) -> inspect.Parameter:
    """The field as typer declares such an option: a list where it repeats, None where nothing is given."""
    kind: Any = list[field.type] if field.repeats else field.type  # type: ignore[name-defined]
    if not field.is_required and field.default in (None, ()):
        kind = kind | None
    default = inspect.Parameter.empty if field.is_required else field.default or (0 if field.option.counts else None)
    if field.type is bool and field.default is not None:
        default = field.default
    if field.option.choices:  # typer knows choices as enums only
        kind = Enum("Choice", {choice: choice for choice in field.option.choices})  # type: ignore[misc]  # not literal
        default = default if field.is_required else kind(field.default)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, _info(field)], default=default
    )


def _info(field: Field) -> Any:
    option = field.option
    complete = None if option.completion is None else _completed(option.completion)
    if option.is_argument:
        metavar = option.metavar if field.is_required or field.repeats else f"[{option.metavar}]"
        return typer.Argument(
            metavar=metavar, help=option.help, hidden=not option.help, show_default=False, autocompletion=complete
        )
    names = list(option.names)  # not the older spellings: typer would show them
    if option.off is not None:
        names[0] = f"{names[0]}/{option.off}"
    return typer.Option(
        *names,
        help=option.help,
        metavar=option.metavar,
        min=option.minimum,
        envvar=option.variable,
        count=option.counts,
        hidden=option.hidden,
        # None, an empty list, False and 0 mean "not given": nothing that a reader could type.
        show_default=field.default not in (None, (), False, 0) and not option.off and "(default" not in option.help,
        show_envvar=option.variable is not None,
        rich_help_panel=option.panel,
        autocompletion=complete,
    )


def _completed(kind: str) -> Callable[[str], list[str]]:
    """The names of a kind that begin with what is typed."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in _names(kind) if name.startswith(incomplete)]

    return complete


def _names(kind: str) -> Iterable[str]:
    # Imported here, since only a shell that completes a word needs any of it.
    from simdsl.language.property_names import all_names
    from simdsl.plan.codes import Code
    from simdsl.profiles.load import available_profiles

    match kind:
        case "profile":
            return [place.name for place in available_profiles() if place.name]
        case "property":
            return all_names()
        case _:  # "code"; a misspelled kind would fail in the test that completes a code
            return Code.__members__


class _Grouped(TyperCommand):
    """Shows options under the headings that they declare, which typer does only together with rich."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        # Typer writes a required argument in braces, which POSIX and every manual page use for alternatives.
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                panel = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or OTHER_OPTIONS
                panels.setdefault(panel, []).append(record)
        for panel in sorted(panels, key=_rank):
            with formatter.section(panel):
                formatter.write_dl(panels[panel])


class _Root(TyperGroup):
    """Shows the same help as the fast path."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(root_help())


OTHER_OPTIONS: Final = "Options"


def _rank(panel: str) -> int:
    order = ("Arguments", *PANELS)
    return order.index(panel) if panel in order else len(order)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(version_line())
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options that stand before every command; the version shows itself while they are read."""
