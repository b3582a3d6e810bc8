"""A statement of the ledger as the document on paper: both directions, what was posted beside them, the net.

Nothing of it is rounded: what it says is settled to the micro-unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import MICROS
from service.billing.cycles import local_date
from service.billing.document import Document, Kind
from service.billing.identities import home_of, identity_of
from service.billing.lines import Line, Unit, totals_of
from service.billing.paper.language import Language, exact_decimals, language_of
from service.billing.parties import Branding
from service.billing.written import bank_of, branding_of, party_of
from service.database.interconnect_tables import (
    disputes,
    partner_adjustments,
    statement_adjustments,
    statement_lines,
    statements,
)
from service.database.tables import accounts
from service.interconnect.disputes.rules import CLOSED
from service.interconnect.partners import IN, OUT

DISPUTES_SHOWN = 20


class Stated(NamedTuple):
    """What the ledger has of a statement."""

    statement: Row[Any]
    lines: Sequence[Row[Any]]
    adjustments: Sequence[Row[Any, Any]]
    paper: dict[str, Any]
    """Who both sides were, in which language and zone, and what was disputed then."""
    branding: Branding


async def frozen(conn: AsyncConnection, partner: Row[Any], seller_id: int) -> dict[str, Any]:
    """What its paper says beside figures, as it is known when the statement is issued."""
    seller = (await conn.execute(sa.select(accounts).where(accounts.c.id == seller_id))).one()
    home = await home_of(conn, partner.id)
    is_open = (disputes.c.account_id == partner.id) & (disputes.c.state != CLOSED)
    told = sa.select(disputes.c.subject, disputes.c.amount_micros, disputes.c.currency).where(is_open)
    rows = await conn.execute(told.order_by(disputes.c.id).limit(DISPUTES_SHOWN))
    who = {"seller": await identity_of(conn, seller), "buyer": await identity_of(conn, partner)}
    return {**who, **home._asdict(), "disputes": [dict(row._mapping) for row in rows]}


async def statement_document(conn: AsyncConnection, statement_id: int) -> Document:
    """As it was issued. Raises DocumentFault: something of it can't stand on paper."""
    row = (await conn.execute(sa.select(statements).where(statements.c.id == statement_id))).one()
    mine = sa.select(statement_lines).where(statement_lines.c.statement_id == row.id)
    lines = (await conn.execute(mine.order_by(statement_lines.c.destination))).all()
    beside = sa.select(partner_adjustments.c.subject, partner_adjustments.c.amount_micros)
    on_it = statement_adjustments.c.adjustment_id == partner_adjustments.c.id
    beside = beside.join(statement_adjustments, on_it).where(statement_adjustments.c.statement_id == row.id)
    adjustments = (await conn.execute(beside.order_by(partner_adjustments.c.id))).all()
    paper = row.paper
    if paper is None:
        partner = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
        paper = await frozen(conn, partner, row.seller_id) | {"disputes": []}
    return document_from(Stated(row, lines, adjustments, paper, await branding_of(conn, row.seller_id)))


def document_from(stated: Stated) -> Document:
    """The document. Raises DocumentFault."""
    row, paper = stated.statement, stated.paper
    language = language_of(paper["language"])
    lines = (*_direction(stated, IN, language), *_direction(stated, OUT, language), *_beside(stated, language))
    decimals = exact_decimals(row.currency, (line.net_micros for line in lines))
    totals = totals_of(lines, (), (), decimals)
    assert totals.payable_micros == row.net_micros, "paper and ledger say the same net"
    return Document(
        kind=Kind.STATEMENT,
        number=row.number,
        issued_on=local_date(row.issued_ms, paper["zone"]),
        period_from=local_date(row.since_ms, paper["zone"]),
        period_to=local_date(row.until_ms - 1, paper["zone"]),
        currency=row.currency,
        decimals=decimals,
        language=paper["language"],
        zone=paper["zone"],
        seller=party_of(paper["seller"]),
        buyer=party_of(paper["buyer"], identifier=str(row.account_id)),
        bank=bank_of(paper["seller"]),
        lines=lines,
        totals=totals,
        notes=tuple(_disputed(one, language) for one in paper["disputes"]),
        branding=stated.branding,
    )


def _direction(stated: Stated, direction: str, language: Language) -> list[Line]:
    """What the partner owes above zero, what it is owed below; what was corrected of earlier statements last, and the
    taxes that its prepaid prices were charged with.
    """
    words, row = language.words, stated.statement
    group, sign = words[f"statement_{direction}"], 1 if direction == IN else -1
    found = [
        Line(
            line.destination.strip() or words["calls"],
            sign * (line.micros - line.tax_micros),
            quantity_micros=line.billed_s * MICROS // 60,
            unit=Unit.MINUTE,
            calls=line.calls,
            duration_s=line.duration_ms // 1000,
            group=group,
        )
        for line in stated.lines
        if line.direction == direction
    ]
    corrected, taxes = row.out_corrected_micros, 0
    if direction == IN:
        corrected = row.in_corrected_micros - row.in_corrected_tax_micros
        taxes = row.in_tax_micros + row.in_corrected_tax_micros
    beside = ((words["statement_corrected"], sign * corrected), (words["tax"], taxes))
    return found + [Line(told, micros, group=group) for told, micros in beside if micros]


def _beside(stated: Stated, language: Language) -> list[Line]:
    group = language.words["service_adjustment"]
    return [Line(one.subject.strip() or group, one.amount_micros, group=group) for one in stated.adjustments]


def _disputed(dispute: dict[str, Any], language: Language) -> str:
    currency = dispute["currency"]
    amount = language.money(dispute["amount_micros"], exact_decimals(currency, [dispute["amount_micros"]]), currency)
    return language.words["statement_disputed"].format(subject=dispute["subject"], amount=amount)
