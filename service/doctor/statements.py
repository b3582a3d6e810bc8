"""Statements between carriers: each figure is explained by calls, corrections and adjustments, and posted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.interconnect_tables import (
    partner_adjustments,
    statement_adjustments,
    statement_calls,
    statement_corrections,
    statement_lines,
    statement_settlements,
    statements,
)
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges, postings
from service.doctor.evidence import RESTORE, Check, check
from service.doctor.sentences import Sentence, sentence
from service.interconnect.partners import COST_LEVEL, IN, OUT
from service.ledger.rules import BALANCE

FOUND_MAX = 20
"""Of each kind."""
_IS_COST = statement_calls.c.level == COST_LEVEL
_Look = tuple[sa.Select[Any], Sentence]


async def stated(conn: AsyncConnection) -> Check:
    """Call ↔ charge or cost ↔ statement ↔ posting, without a rest."""
    found: list[Sentence] = []
    for looks in (_unlike_calls, _unlike_sums, _unlike_lines, _unlike_corrections, _unlike_adjustments, _unsettled):
        query, told = looks()
        found += [told.filled(*row) for row in await conn.execute(query.limit(FOUND_MAX))]
    taken = sa.select(statements.c.seller_id, sa.func.count(), sa.func.max(statements.c.sequence))
    for seller, count, last in await conn.execute(taken.group_by(statements.c.seller_id)):
        if count != last:
            found.append(sentence("seller {0}: {1} statements, and the last one has number {2}", seller, count, last))
    on = (await conn.execute(sa.select(sa.func.count()).select_from(statement_calls))).scalar_one()
    count = (await conn.execute(sa.select(sa.func.count()).select_from(statements))).scalar_one()
    return check("statements", found, sentence("{0} statements explained by {1} charges and costs", count, on), RESTORE)


def _unlike_calls() -> _Look:
    """What the call says now is what the statement said of it, and what was corrected since."""
    since = (
        sa.select(sa.func.coalesce(sa.func.sum(corrections.c.delta_micros), 0))
        .where(corrections.c.cdr_id == statement_calls.c.cdr_id, corrections.c.level == statement_calls.c.level)
        .where(corrections.c.id > statements.c.corrections_up_to)
        .scalar_subquery()
    )
    now = sa.case((_IS_COST, cdrs.c.cost_micros), else_=charges.c.charge_micros)
    own = (charges.c.cdr_id == statement_calls.c.cdr_id) & (charges.c.level == statement_calls.c.level)
    query = (
        sa.select(statements.c.number, statement_calls.c.cdr_id, statement_calls.c.micros, now)
        .select_from(statement_calls)
        .join(statements, statements.c.id == statement_calls.c.statement_id)
        .join(cdrs, cdrs.c.id == statement_calls.c.cdr_id)
        .join(charges, own, isouter=True)
        .where(now.is_distinct_from(statement_calls.c.micros + since))
    )
    return query, sentence("statement {0}, record {1}: it said {2}, and the call says {3}")


def _unlike_sums() -> _Look:
    """Both directions, calls and money."""
    called = statement_calls.c.statement_id == statements.c.id
    differs = []
    for is_side, count, micros in (
        (~_IS_COST, statements.c.in_calls, statements.c.in_micros),
        (_IS_COST, statements.c.out_calls, statements.c.out_micros),
    ):
        side = called & is_side
        total = sa.func.coalesce(sa.func.sum(statement_calls.c.micros), 0)
        differs.append(sa.select(sa.func.count()).where(side).scalar_subquery() != count)
        differs.append(sa.select(total).where(side).scalar_subquery() != micros)
    taxes = sa.func.coalesce(sa.func.sum(statement_calls.c.tax_micros), 0)
    differs.append(sa.select(taxes).where(called).scalar_subquery() != statements.c.in_tax_micros)
    query = sa.select(statements.c.number, statements.c.in_micros, statements.c.out_micros).where(sa.or_(*differs))
    return query, sentence("statement {0}: it says {1} in and {2} out, its calls come to something else")


def _unlike_lines() -> _Look:
    direction = sa.case((_IS_COST, OUT), else_=IN)
    key = (statement_calls.c.statement_id, direction, cdrs.c.destination)
    names = ("statement_id", "direction", "destination")
    sums = (
        sa.select(*(one.label(name) for one, name in zip(key, names, strict=True)))
        .add_columns(sa.func.sum(statement_calls.c.micros).label("micros"))
        .add_columns(sa.func.sum(statement_calls.c.tax_micros).label("tax_micros"))
        .join(cdrs, cdrs.c.id == statement_calls.c.cdr_id)
        .group_by(*key)
        .subquery()
    )
    same = sa.and_(*(sums.c[name] == statement_lines.c[name] for name in names))
    query = (
        sa.select(
            statement_lines.c.statement_id, statement_lines.c.destination, statement_lines.c.micros, sums.c.micros
        )
        .join(sums, same, isouter=True)
        .where(
            sums.c.micros.is_distinct_from(statement_lines.c.micros)
            | sums.c.tax_micros.is_distinct_from(statement_lines.c.tax_micros)
        )
    )
    return query, sentence("statement {0} to '{1}': its line says {2}, its calls come to {3}")


def _unlike_corrections() -> _Look:
    """Of calls on earlier statements."""
    of = statement_corrections.c.statement_id == statements.c.id
    is_cost = corrections.c.level == COST_LEVEL

    def total(is_side: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        query = sa.select(sa.func.coalesce(sa.func.sum(corrections.c.delta_micros), 0))
        query = query.join(statement_corrections, statement_corrections.c.correction_id == corrections.c.id)
        return query.where(of & is_side).scalar_subquery()

    said = (statements.c.in_corrected_micros, statements.c.out_corrected_micros)
    query = sa.select(statements.c.number, *said).where((total(~is_cost) != said[0]) | (total(is_cost) != said[1]))
    return query, sentence("statement {0}: it says {1} in and {2} out were corrected, its corrections something else")


def _unlike_adjustments() -> _Look:
    """Disputes and commitments: on the statement as they are, and posted."""
    posted = (
        sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount_micros), 0))
        .where(postings.c.entry_id == partner_adjustments.c.entry_id, postings.c.book == BALANCE)
        .where(postings.c.account_id == partner_adjustments.c.account_id)
        .scalar_subquery()
    )
    total = sa.func.sum(partner_adjustments.c.amount_micros)
    query = (
        sa.select(statements.c.number, statements.c.adjusted_micros, total)
        .join(statement_adjustments, statement_adjustments.c.statement_id == statements.c.id, isouter=True)
        .join(partner_adjustments, partner_adjustments.c.id == statement_adjustments.c.adjustment_id, isouter=True)
        .group_by(statements.c.number, statements.c.seller_id, statements.c.adjusted_micros)
    )
    unposted = sa.func.sum(sa.case((posted + partner_adjustments.c.amount_micros == 0, 0), else_=1))
    has_any = sa.func.count(partner_adjustments.c.id) > 0
    query = query.having((sa.func.coalesce(total, 0) != statements.c.adjusted_micros) | (has_any & (unposted > 0)))
    return query, sentence("statement {0}: {1} was adjusted, its adjustments come to {2}, or are not posted")


def _unsettled() -> _Look:
    """What a settlement posted is what the statement says."""
    posted = (
        sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount_micros), 0))
        .where(postings.c.entry_id == statement_settlements.c.entry_id, postings.c.book == BALANCE)
        .where(postings.c.account_id == statements.c.account_id)
        .scalar_subquery()
    )
    query = (
        sa.select(statements.c.number, statements.c.net_micros, posted)
        .join(statement_settlements, statement_settlements.c.statement_id == statements.c.id)
        .where(posted != statements.c.net_micros)
    )
    return query, sentence("statement {0}: its net is {1}, and {2} was settled")
