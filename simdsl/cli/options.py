"""How the options of a command are declared: as the fields of its request class.

A request class lists what its command accepts, one annotated field an option:

    class CheckRequest(Request):
        paths: Annotated[tuple[str, ...], PATHS] = ()
        output_format: Annotated[str, Option("--output-format", choices=("text", "json"), help="...")] = "text"

The field's type says what the option takes, its default what holds without the option, and the ``Option`` says
everything else. The parser, the help and the reference page are derived from this one declaration, so an option is
written once. Groups that several commands share (see ``option_groups``) are base classes of their requests.
"""

# Annotations are evaluated here on purpose: ``from __future__ import annotations`` would turn each into text that has to
# be evaluated again to find the Option in it, a millisecond of every start.

from importlib import import_module
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Self, dataclass_transform, get_args, get_origin


class Option:
    """One option of a command line, and how its help reads.

    ``names`` are its spellings, the preferred one first: ``"--backend", "-b"``; without any it is an argument, given by its
    position. ``off`` is the spelling that turns a flag off, ``aliases`` are older spellings that stay valid and are not
    shown. ``choices`` are the only words that it takes (no enum: that of the package that uses them would take longer to
    import than all options). ``variable`` is an environment variable that stands in for the option. ``knob`` is the knob
    of a profile that the option sets. ``listener`` names (``module:Class``) what listens to the runs if it is given.
    ``completion`` is the kind of name that the shell completes: a ``profile``, ``property`` or ``code``.
    """

    __slots__ = (
        "aliases",
        "choices",
        "completion",
        "counts",
        "help",
        "hidden",
        "knob",
        "listener",
        "metavar",
        "minimum",
        "names",
        "off",
        "panel",
        "variable",
    )

    def __init__(
        self,
        *names: str,
        help: str = "",  # noqa: A002 - the word of every parser of command lines
        panel: str = "Options",
        metavar: str | None = None,
        off: str | None = None,
        aliases: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        minimum: int | None = None,
        variable: str | None = None,
        counts: bool = False,
        hidden: bool = False,
        knob: str | None = None,
        listener: str | None = None,
        completion: str | None = None,
    ) -> None:
        self.names = names
        self.help = help
        self.panel = panel
        self.metavar = metavar
        self.off = off
        self.aliases = aliases
        self.choices = choices
        self.minimum = minimum
        self.variable = variable
        self.counts = counts
        self.hidden = hidden
        self.knob = knob
        self.listener = listener
        self.completion = completion

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its position and not by a name."""
        return not self.names

    @property
    def name(self) -> str:
        """Its first spelling, or the metavar of an argument: what messages call it."""
        return self.names[0] if self.names else self.metavar or ""


class Field:
    """A field of a request class: its option, the type of one value, whether it may be repeated, and its default."""

    __slots__ = ("default", "is_required", "name", "option", "repeats", "type")

    def __init__(self, name: str, annotation: Any, default: Any, is_required: bool) -> None:
        kind, option = get_args(annotation)[:2]
        self.option: Option = option
        self.name = name
        self.default = default
        self.is_required = is_required
        self.repeats = get_origin(kind) is tuple
        if self.repeats:
            kind = get_args(kind)[0]
        elif isinstance(kind, UnionType):  # `int | None`: None stands for "not given"
            kind = next(one for one in get_args(kind) if one is not NoneType)
        self.type: type[Any] = kind

    @property
    def is_flag(self) -> bool:
        """Whether the option takes no value."""
        return self.type is bool or self.option.counts


_MISSING: Final = object()


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Request:
    """What a command was asked for: immutable, with a field for each of its options.

    It behaves like a frozen keyword-only dataclass. It is not one, since the decorator compiles several methods for
    every class, which for all requests and groups together costs more than parsing any command line.
    """

    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        fields: dict[str, Field] = {}
        # From the most general class down, so that the options of groups come before those of the command.
        for base in reversed(cls.__mro__):
            for name, annotation in vars(base).get("__annotations__", {}).items():
                # `vars`, not `inspect.get_annotations`: importing inspect takes 5 ms.
                if get_origin(annotation) is Annotated:
                    default = getattr(cls, name, _MISSING)
                    fields[name] = Field(name, annotation, None if default is _MISSING else default, default is _MISSING)
        cls.fields = fields

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.fields.keys()
        missing = [field.name for field in self.fields.values() if field.is_required and field.name not in values]
        if unknown or missing:
            raise TypeError(f"{type(self).__name__}: unknown {sorted(unknown)}, missing {missing}")
        self.__dict__.update(values)  # past __setattr__; what is not given stays an attribute of the class

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and type(self) is type(other) and self.values() == other.values()

    __hash__ = None  # type: ignore[assignment]  # nothing keeps requests in sets

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({given})"

    def values(self) -> dict[str, Any]:
        """The value of every field, defaults included."""
        return {name: getattr(self, name) for name in self.fields}

    def replaced(self, **values: Any) -> Self:
        """The same request with other values for these fields."""
        return type(self)(**{**self.__dict__, **values})

    def is_given(self, name: str) -> bool:
        """Whether a field differs from what holds without its option."""
        return bool(getattr(self, name) != self.fields[name].default)

    def listeners(self) -> list[str]:
        """What listens to the runs because of the options given (``module:Class``), in the order of the declarations."""
        given = (field.option.listener for name, field in self.fields.items() if getattr(self, name) and self.is_given(name))
        return list(dict.fromkeys(reference for reference in given if reference is not None))


def load(reference: str) -> Any:
    """The object that ``module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
