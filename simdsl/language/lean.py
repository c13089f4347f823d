"""Making the frozen classes that a long plan has ten thousands of, at half the price of their own constructors.

A frozen dataclass sets each field by ``object.__setattr__``, which looks the slot up by its name; the slot itself can be
asked to set it. Only the loader's hot path does this, and the objects are equal to those that the constructors make.
"""

from __future__ import annotations

from typing import Final

from simdsl.plan.ir import CellRow, ExactRows, Expectation, Options, Order, Override, Scalar, Sql, SqlStep, Var


def with_fragments(sql: Sql, fragments: tuple[str | Var, ...]) -> Sql:
    """Another statement of the same kind, which is no transaction control."""
    made = _new(Sql)
    _set_fragments(made, fragments)
    _set_kind(made, sql.kind)
    _set_ordered(made, sql.ordered)
    _set_transaction(made, None)
    return made


def sql_step(task: str, sql: Sql, expect: Expectation | None, beside: Options) -> SqlStep:
    """A statement as a step."""
    made = _new(SqlStep)
    _set_task(made, task)
    _set_sql(made, sql)
    _set_expect(made, expect)
    _set_options(made, beside)
    return made


def options(label: str | None, overrides: tuple[Override, ...], why: str | None) -> Options:
    """What stands beside a step that runs everywhere and has no timeout of its own."""
    made = _new(Options)
    _set_label(made, label)
    _set_overrides(made, overrides)
    _set_skip(made, ())
    _set_only(made, ())
    _set_why(made, why)
    _set_timeout_us(made, None)
    return made


def scalar(value: int | str) -> Scalar:
    """A cell that is an integer or a text."""
    made = _new(Scalar)
    _set_value(made, value)
    return made


def exact_rows(rows: tuple[CellRow, ...], order: Order | None) -> ExactRows:
    """Rows that are expected."""
    made = _new(ExactRows)
    _set_rows(made, rows)
    _set_order(made, order)
    return made


_new: Final = object.__new__
_set_fragments: Final = Sql.__dict__["fragments"].__set__
_set_kind: Final = Sql.__dict__["kind"].__set__
_set_ordered: Final = Sql.__dict__["ordered"].__set__
_set_transaction: Final = Sql.__dict__["transaction"].__set__
_set_task: Final = SqlStep.__dict__["task"].__set__
_set_sql: Final = SqlStep.__dict__["sql"].__set__
_set_expect: Final = SqlStep.__dict__["expect"].__set__
_set_options: Final = SqlStep.__dict__["options"].__set__
_set_label: Final = Options.__dict__["label"].__set__
_set_overrides: Final = Options.__dict__["overrides"].__set__
_set_skip: Final = Options.__dict__["skip"].__set__
_set_only: Final = Options.__dict__["only"].__set__
_set_why: Final = Options.__dict__["why"].__set__
_set_timeout_us: Final = Options.__dict__["timeout_us"].__set__
_set_rows: Final = ExactRows.__dict__["rows"].__set__
_set_order: Final = ExactRows.__dict__["order"].__set__
_set_value: Final = Scalar.__dict__["value"].__set__
