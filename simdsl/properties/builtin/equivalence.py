"""Metamorphic relations between queries that mean the same, over the same data however it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, Literal, SqlExpression, SqlType, walk
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.rewriting import draw_rewrite
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.fixture import FixtureTable, QuerySampler, QuerySource, draw_fixture_index
from simdsl.plan.backend_facts import dialect_of_backend
from simdsl.plan.sql import Dialect
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicPlan, build_claims
from simdsl.properties.owned_rows import EXPRESSION_BACKENDS
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import constant, equal, relation_checker, value

# rewrite-equivalence


@register(
    "rewrite-equivalence",
    summary="Conditions that mean the same keep the same rows.",
    check=relation_checker("rewrite", "a condition that means the same keeps other rows"),
    unchecked="no pair of queries returned rows",
)
def rewrite_equivalence(plan: PlanBuilder) -> None:
    """A condition and an equivalent one keep the same rows.

    Claim: a rewrite that logic allows changes no answer: De Morgan, NOT NOT, comparisons negated or swapped, BETWEEN as two
    comparisons, IN as OR, CASE for COALESCE and NULLIF, constants folded, and more.

    Steps: a query with a condition, the same query with the condition rewritten once or twice, over a table, a join or a
    derived table. Other tasks write meanwhile, in some plans to the same tables; then both queries are one serializable
    transaction.

    Violated when: the bags differ.

    Evidence: both queries, and what they returned.
    """
    build_claims(plan, "rewrite", _claim_rewrite)


def _claim_rewrite(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    condition = sampler.condition(source)
    other = condition
    # Two rewrites in a row reach forms that no single one has, such as a negated BETWEEN as an OR.
    for turn in range(1 + sampler.choices.below(2)):
        rewrite = draw_rewrite(other, seed=made.plan.seed, place=(made.number, turn))
        other = other if rewrite is None else rewrite.expression
    columns = sampler.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=one))
        for role, one in (("one", condition), ("other", other))
    ]
    made.same(*labels)


# constant-to-subquery


_PLACEHOLDER: Final = "the_constant"
_TRIES: Final = 4


@register(
    "constant-to-subquery",
    aliases=("coddtest",),
    summary="A constant and a subquery that gives it are the same.",
    check=relation_checker("folded", "a subquery in place of a constant changes what a query gives"),
    unchecked="no pair of queries returned rows",
)
def coddtest(plan: PlanBuilder) -> None:
    """A constant and a subquery that returns it are the same (after CODDTest).

    Claim: a query with a constant returns the same rows as the same query with `(SELECT constant)` in its place, and as the
    query with a subquery whose value is known to be that constant.

    Steps: a query with a condition in which a constant stands, the same with the constant as a scalar subquery without FROM,
    and for the greatest or the least value of a column with the subquery that asks for it. Other tasks write to a table of
    their own.

    Violated when: the bags differ.

    Evidence: both queries, and what they returned.

    Source: Zhang and Rigger, Constant Optimization Driven Database System Testing, SIGMOD 2025.
    """
    build_claims(plan, "folded", _claim_coddtest, concurrency=NO_CONFLICTS)


def _claim_coddtest(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    constant, subquery = _constant(made, sampler)
    condition = _condition(sampler, source, constant.type)
    columns = sampler.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=_filled(condition, by)))
        for role, by in (("constant", render("({c})", c=constant)), ("subquery", subquery))
    ]
    made.same(*labels)


def _constant(made: MetamorphicPlan, sampler: QuerySampler) -> tuple[Literal, DialectText]:
    """A constant, and a subquery that returns it."""
    table = sampler.choices.one_of(made.fixture.tables)
    numbers = [column for column in table.columns if column.type is SqlType.INTEGER]
    if numbers and sampler.choices.below(2):
        column = sampler.choices.one_of(numbers)
        values = [value for row in table.rows if isinstance(value := row[column.name], int)]
        function, found = sampler.choices.one_of((("max", max), ("min", min)))
        constant = Literal(type=SqlType.INTEGER, value=found(values) if values else None)
        return constant, render("(SELECT {f}({c}) FROM {t})", f=function, c=column, t=table.name)
    of = sampler.choices.one_of((SqlType.INTEGER, SqlType.TEXT, SqlType.REAL, SqlType.BOOLEAN))
    place = (made.plan.name, made.number)
    value = draw_value(seed=made.plan.seed, place=place, of=of, rates=made.fixture.rates, narrow=True)
    constant = Literal(type=of, value=value)
    return constant, render("(SELECT {c})", c=constant)


def _condition(sampler: QuerySampler, source: QuerySource, of: SqlType) -> SqlExpression:
    """A condition with a placeholder for the constant, if a few tries give one.

    The placeholder is a column, for no literal of the expression's IR can be told from the others in its text.
    """
    placeholder = ColumnRef(name=_PLACEHOLDER, type=of, narrow=True)
    fitting = [column for column in source.columns if column.type is of] or list(source.columns[:1])
    drawn = sampler.predicate((*fitting, placeholder))
    for _ in range(_TRIES):
        if any(node == placeholder for node in walk(drawn)):
            break
        drawn = sampler.predicate((*fitting, placeholder))
    return drawn


def _filled(condition: SqlExpression, by: DialectText) -> DialectText:
    text = render("{condition}", condition=condition)
    return DialectText(
        sqlite=text.sqlite.replace(_PLACEHOLDER, by.sqlite), postgres=text.postgres.replace(_PLACEHOLDER, by.postgres)
    )


# plain-copy


@register(
    "plain-copy",
    summary="What a table promises changes no answer.",
    check=relation_checker("copy", "a plain copy of the data gives another answer"),
    unchecked="no pair of queries returned rows",
)
def plain_copy(plan: PlanBuilder) -> None:
    """A query returns the same rows on the same data without keys, constraints and indexes.

    Claim: what a table declares (keys, UNIQUE, NOT NULL, CHECK, indexes of every kind) helps the engine to find rows, and
    changes no answer.

    Steps: each table is copied into one that has its columns and nothing else; then queries over tables, joins and derived
    tables of the originals, and the same over the copies, plain, with DISTINCT or with GROUP BY. Other tasks write to a
    table of their own.

    Violated when: the bags differ.

    Evidence: both queries, and what they returned.

    Source: a plain copy as the reference is the strongest of the single-engine oracles when they are measured on known bugs
    of SQLite: it shows 49 of 109.
    """
    build_claims(plan, "copy", _claim_plain_copy, concurrency=NO_CONFLICTS, prepare=_copies)


def _copies(made: MetamorphicPlan) -> Iterator[DialectText]:
    for table in made.fixture.tables:
        copy, names = _copy(table.name), ", ".join(table.names)
        yield table.create_copy(copy)
        yield render("INSERT INTO {c} ({names}) SELECT {names} FROM {t}", c=copy, t=table.name, names=names)


def _copy(name: str) -> str:
    return f"plain_{name}"


def _claim_plain_copy(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    shape, condition = sampler.shape(source), sampler.condition(source)
    other = source.over({table.name: _copy(table.name) for table in source.tables})
    original = made.query("table", shape.over(source.text, condition))
    made.same(original, made.query("copy", shape.over(other, condition)))


# index-independence


@register(
    "index-independence",
    summary="An index changes no answer.",
    check=relation_checker("index", "an index changes what a query gives"),
    unchecked="no query was asked with and without an index",
)
def index_independence(plan: PlanBuilder) -> None:
    """An index changes no answer.

    Claim: a query returns the same rows before an index is made, while it is there, after it was rebuilt or analysed, and
    when it is gone.

    Steps: a query, plain, with DISTINCT or with GROUP BY; CREATE INDEX of any kind (on a column, on two, descending,
    partial, on an expression, unique), mostly on what the query names; the query; ANALYZE or REINDEX; the query; DROP INDEX;
    the query. Other tasks write to a table of their own.

    Violated when: the bags differ.

    Evidence: the query, and what it returned before and after.
    """
    build_claims(plan, "index", _claim_index, concurrency=NO_CONFLICTS)


def _claim_index(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.table()
    condition = sampler.condition(source)
    query = sampler.shape(source).over(source.text, condition)
    name = f"extra_{made.number}"
    before = made.query("before", query)
    made.change(_index(made, sampler, source.table, query, condition, name))
    labels = [before, made.query("indexed", query)]
    if sampler.choices.below(2):
        if sampler.choices.below(2):
            made.change(DialectText(sqlite=f"REINDEX {name}", postgres=f"REINDEX INDEX {name}"))
        else:
            made.change(render("ANALYZE {table}", table=source.table.name))
        labels.append(made.query("rebuilt", query))
    made.change(render("DROP INDEX {name}", name=name))
    labels.append(made.query("after", query))
    made.same(*labels)


def _index(
    made: MetamorphicPlan,
    sampler: QuerySampler,
    table: FixtureTable,
    query: DialectText,
    condition: SqlExpression,
    name: str,
) -> DialectText:
    """CREATE INDEX, mostly one that may serve the query: an index that the planner ignores tests nothing."""
    column = sampler.choices.one_of(table.columns).name
    form = sampler.choices.below(6)
    if form == 0:
        return render("CREATE INDEX {name} ON {t} ({c}) WHERE {p}", name=name, t=table.name, c=column, p=condition)
    if form == 1:
        return render("CREATE INDEX {name} ON {t} (({p}))", name=name, t=table.name, p=condition)
    named = _columns_named(query, table)
    if form in (2, 3) and named:
        order = sampler.choices.one_of(("", " DESC"))
        column = sampler.choices.one_of(named)
        return render("CREATE INDEX {name} ON {t} ({c}{order})", name=name, t=table.name, c=column, order=order)
    profile, rates = made.plan.size.profile, made.fixture.rates
    return draw_fixture_index(made.plan.seed, profile, rates, table, name, (made.plan.name, made.number))


def _columns_named(query: DialectText, table: FixtureTable) -> list[str]:
    """The columns that occur in a query."""
    words = set(re.findall(r"\w+", query.sqlite))
    return [column.name for column in table.columns if column.name in words]


# integrity


@register(
    "integrity",
    summary="The engine's own check finds nothing wrong.",
    check=relation_checker("sound", "the engine says that its own data is damaged"),
    unchecked="the engine was never asked",
)
def integrity(plan: PlanBuilder) -> None:
    """The engine's own check finds nothing wrong.

    Claim: whatever is written, and whatever indexes come and go, `PRAGMA integrity_check` returns `ok`.

    Steps: INSERT, UPDATE and DELETE with conditions, CREATE INDEX and DROP INDEX, REINDEX, transactions that are rolled
    back; the check. Other tasks write to a table of their own. SQLite, libSQL and Turso only: PostgreSQL has no such
    statement without an extension.

    Violated when: the engine returns anything but `ok`.

    Evidence: what it returned.
    """
    # The PRAGMA is SQLite's, and so that of its descendants.
    backends = tuple(name for name in EXPRESSION_BACKENDS if dialect_of_backend(name) is Dialect.SQLITE)
    build_claims(plan, "sound", _claim_integrity, concurrency=NO_CONFLICTS, backends=backends)


def _claim_integrity(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    is_undone = sampler.choices.below(3) == 0
    table = sampler.table().table
    if sampler.choices.below(2):
        made.change(
            draw_fixture_index(
                made.plan.seed, made.plan.size.profile, made.fixture.rates, table, f"extra_{made.number}", (made.number,)
            )
        )
    # A rollback writes pages back as well, so what was undone is checked like what was done.
    if is_undone:
        made.begin()
    for i in range(1 + sampler.choices.below(3)):
        made.write(_write(made, sampler, table), f"wrote{i}")
    if is_undone:
        made.rollback()
    said = made.query("said", render("PRAGMA integrity_check"))
    made.check(equal(value(said), constant("ok")), said)


def _write(made: MetamorphicPlan, sampler: QuerySampler, table: FixtureTable) -> DialectText:
    condition = sampler.predicate(table.keyed, depth=1)
    free = [column for column in table.columns if column.name not in table.constraints]
    if not free or sampler.choices.below(3) == 0:
        # The first rows stay, or the table would soon be empty and the rest of the plan about nothing.
        keep = sampler.choices.below(20)
        return render("DELETE FROM {t} WHERE {p} AND id > {n}", t=table.name, p=condition, n=keep)
    column = sampler.choices.one_of(free)
    place = (made.plan.name, made.number, len(made.script.steps))
    new = draw_value(seed=made.plan.seed, place=place, of=column.type, rates=made.fixture.rates, narrow=True)
    literal = Literal(type=column.type, value=new)
    return render("UPDATE {t} SET {c} = {new} WHERE {p}", t=table.name, c=column.name, new=literal, p=condition)
