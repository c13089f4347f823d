"""Metamorphic relations between two ways to ask for the same rows."""

from __future__ import annotations

from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import MARK, QuerySampler
from simdsl.properties.metamorphic import Concurrency, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import bag, equal, relation_checker, rows, total, value

# select-select-optimizer


@register(
    "select-select-optimizer",
    aliases=("norec",),
    summary="A condition keeps the rows that it is true for.",
    check=relation_checker("norec", "WHERE keeps another number of rows than the condition is true for"),
    unchecked="no pair of queries returned rows",
)
def norec(plan: PlanBuilder) -> None:
    """A condition in WHERE keeps as many rows as it is true for (NoREC).

    Claim: `SELECT ... WHERE p` returns as many rows as `(p) IS TRUE` is true for, when that is computed for every row. In
    WHERE an engine may use indexes and rewrite the condition; in the select list it hardly can.

    Steps: both queries, over a table, a join or a derived table. Other tasks write meanwhile, in some plans to the same
    tables; then both queries are one serializable transaction.

    Violated when: the numbers differ.

    Evidence: both queries, and what they returned.

    Source: Rigger and Su, Detecting Optimization Bugs in Database Engines via Non-Optimizing Reference Engine Construction,
    ESEC/FSE 2020.
    """
    build_claims(plan, "norec", _claim_norec)


def _claim_norec(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    condition = sampler.condition(source)
    column = sampler.choices.one_of(source.columns)
    kept = made.query(
        "kept", render("SELECT {column} FROM {source} WHERE {p}", column=column, source=source.text, p=condition)
    )
    # An aggregate over all rows leaves the planner nothing to optimize: each row must be looked at.
    counted = render("SELECT coalesce(sum(CASE WHEN {p} IS TRUE THEN 1 ELSE 0 END), 0) FROM {s}", p=condition, s=source.text)
    true = made.query("true", counted)
    made.check(equal(rows(kept), value(true)), kept, true)


# count-agreement


@register(
    "count-agreement",
    summary="count(*) is the number of rows.",
    check=relation_checker("count", "count(*) of a query is not the number of its rows"),
    unchecked="no query and its count returned rows",
)
def count_agreement(plan: PlanBuilder) -> None:
    """count(*) of a query is the number of its rows.

    Claim: `SELECT count(*) FROM (q)` returns the number of rows that q returns.

    Steps: q, with DISTINCT, GROUP BY, LIMIT or a condition, over a table, a join or a derived table; the count. Other tasks
    write meanwhile, in some plans to the same tables; then both are one serializable transaction.

    Violated when: the numbers differ.

    Evidence: both queries, and what they returned.
    """
    build_claims(plan, "count", _claim_count)


def _claim_count(made: MetamorphicPlan) -> None:
    query = _query(made.sampler())
    listed = made.query("listed", query)
    counted = made.query("counted", render("SELECT count(*) FROM ({query}) AS q", query=query))
    made.check(equal(rows(listed), value(counted)), listed, counted)


def _query(sampler: QuerySampler) -> DialectText:
    """What an engine may count without producing the rows: it may skip sorting, columns, and whole joins."""
    source = sampler.source()
    where = render(" WHERE {p}", p=sampler.condition(source)) if sampler.choices.below(3) else render("")
    match sampler.choices.below(4):
        case 0:
            columns = sampler.selected(source.columns)
            return render("SELECT DISTINCT {c} FROM {s}{where}", c=columns, s=source.text, where=where)
        case 1:
            column = sampler.choices.one_of(source.columns)
            return render("SELECT {c} FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
        case 2:
            columns = sampler.selected(source.columns)
            # Which rows a LIMIT without an order keeps is open; how many is not.
            limit = f" LIMIT {sampler.choices.below(6)} OFFSET {sampler.choices.below(4)}"
            return render("SELECT {c} FROM {s}{where}{limit}", c=columns, s=source.text, where=where, limit=limit)
        case _:  # the last of four numbers: a plain query
            columns = sampler.selected(source.columns)
            return render("SELECT {c} FROM {s}{where}", c=columns, s=source.text, where=where)


# dml-select-agreement


@register(
    "dml-select-agreement",
    aliases=("dqe",),
    summary="UPDATE and DELETE touch what SELECT sees.",
    check=relation_checker("dml", "a statement that writes touches other rows than SELECT sees"),
    unchecked="nothing was written with a condition",
)
def dqe(plan: PlanBuilder) -> None:
    """UPDATE and DELETE touch the rows that SELECT sees, and no others (after DQE).

    Claim: with one condition, SELECT, UPDATE and DELETE agree on the rows.

    Steps: the keys that SELECT returns; then in a transaction an UPDATE that marks rows, or a DELETE, the keys that are
    marked or left, and ROLLBACK. Other tasks write meanwhile, in some plans to the same tables; then all of it is one
    serializable transaction.

    Violated when: other rows are touched than SELECT saw.

    Evidence: the queries, and what they returned.

    Source: Song, Wang, Zhu, Liu and Su, Testing Database Systems via Differential Query Execution, ICSE 2023.
    """
    build_claims(plan, "dml", _claim_dml)


def _claim_dml(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.table()
    table, condition = source.table, sampler.condition(source)
    seen = made.query("seen", render("SELECT id FROM {t} WHERE {p}", t=table.name, p=condition))
    needs_transaction = made.concurrency is not Concurrency.CONFLICTING  # else the claim is in a transaction already
    if needs_transaction:
        made.begin()
    if sampler.choices.below(2):
        # The rows are recognized by a mark that no condition reads: the UPDATE cannot change what its condition is about.
        n = made.number
        wrote = made.write(render("UPDATE {t} SET {mark} = {n} WHERE {p}", t=table.name, mark=MARK, n=n, p=condition))
        marked = render("SELECT id FROM {t} WHERE {mark} = {n}", t=table.name, mark=MARK, n=n)
        touched = made.query("touched", marked)
        made.check(equal(bag(seen), bag(touched)), seen, wrote, touched)
    else:
        whole = made.query("whole", render("SELECT id FROM {t}", t=table.name))
        wrote = made.write(render("DELETE FROM {t} WHERE {p}", t=table.name, p=condition))
        left = made.query("left", render("SELECT id FROM {t}", t=table.name))
        made.check(equal(bag(whole), total(bag(seen), bag(left))), seen, whole, wrote, left)
    if needs_transaction:
        made.rollback()
