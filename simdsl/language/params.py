"""``params:``, one run for each entry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final

from simdsl.language.document import Data, Lookalike, Plain
from simdsl.language.fields import Fields, described
from simdsl.language.problems import did_you_mean
from simdsl.plan.codes import Code
from simdsl.plan.ir import Identifier, Param, Path
from simdsl.plan.values import Value


def read_params(fields: Fields, data: Data, path: Path) -> tuple[tuple[Param, ...], ...]:
    """The entries, which all have the keys of the first."""
    entries: list[tuple[Param, ...]] = []
    for index, item in enumerate(fields.items(data, path) or ()):
        place = (*path, index)
        mapping = fields.mapping(item, place)
        if mapping is None:
            continue
        entry = [_param(fields, name, value, (*place, name)) for name, value in mapping.items()]
        entries.append(tuple(param for param in entry if param is not None))
        _check_keys(fields, mapping, _first_entry(data), place)
    return tuple(entries)


def _first_entry(data: Data) -> dict[str, Data]:
    """The first entry that is a mapping."""
    items = data if isinstance(data, list) else []
    return next((item for item in items if isinstance(item, dict)), {})


def _check_keys(fields: Fields, mapping: dict[str, Data], first: dict[str, Data], path: Path) -> None:
    missing = [name for name in first if name not in mapping]
    extra = [name for name in mapping if name not in first]
    for name in missing:
        fields.problems.add(Code.R047, f"the first entry has `{name}`, this one has not", path)
    for name in extra:
        fields.problems.add(
            Code.R047,
            f"the first entry has no `{name}`",
            (*path, name),
            key=True,
            help=did_you_mean(name, missing),
        )


def _param(fields: Fields, name: str, data: Data, path: Path) -> Param | None:
    return read_value(fields, name, data, path) if fields.name(name, path, "param", key=True) else None


def read_value(fields: Fields, name: str, data: Data, path: Path) -> Param | None:
    """A value as a param of this name has it."""
    if isinstance(data, str):
        return Param(name=name, value=data)
    if isinstance(data, Plain):
        return Param(name=name, value=data.value)
    if isinstance(data, Lookalike):
        fields.problems.add(
            Code.S013,
            f"not every reader of YAML takes `{data.text}` for the same value",
            path,
            help=f"quote it if it is text: '{data.text}'",
        )
        return None
    if isinstance(data, dict) and len(data) == 1:
        return _typed(fields, name, data, path)
    fields.problems.add(Code.S013, f"{described(data)} is not a value", path, help=_HELP)
    return None


def _typed(fields: Fields, name: str, data: dict[str, Data], path: Path) -> Param | None:
    ((kind, value),) = data.items()
    if kind not in _READERS:
        help_ = did_you_mean(kind, tuple(_READERS))
        fields.problems.add(Code.S013, f"there is no kind of value `{kind}`", (*path, kind), key=True, help=help_)
        return None
    text = fields.text(value, (*path, kind))
    if text is None:
        return None
    try:
        return Param(name=name, value=_READERS[kind](text))
    except (ValueError, InvalidOperation):
        fields.problems.add(Code.S013, f"`{text}` is not a value of the kind {kind}", (*path, kind))
        return None


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or "_" in text or not text.isascii():
        raise ValueError(text)
    return value


def _identifier(text: str) -> Identifier:
    if not text or "\0" in text:
        raise ValueError(text)
    return Identifier(name=text)


_READERS: Final[dict[str, Callable[[str], Value | Identifier]]] = {
    "identifier": _identifier,
    "decimal": _decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "blob": bytes.fromhex,
}
_HELP: Final = "a value is a scalar or one of {identifier: 't1'}, decimal, date, time, timestamp, blob"
