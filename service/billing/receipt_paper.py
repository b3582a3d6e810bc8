"""A receipt of the ledger as the document on paper."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.cycles import local_date
from service.billing.document import Document, Kind
from service.billing.lines import Line, totals_of
from service.billing.paper.language import Language, exact_decimals, language_of
from service.billing.parties import Branding
from service.billing.written import branding_of, party_of
from service.database.receipt_tables import receipts
from service.ledger.reversals import returned_of


async def receipt_document(conn: AsyncConnection, receipt_id: int) -> Document:
    """As it was given. Raises DocumentFault: something of it can't stand on paper."""
    row = (await conn.execute(sa.select(receipts).where(receipts.c.id == receipt_id))).one()
    return document_from(row, await branding_of(conn, row.seller_id), await returned_of(conn, row.entry_id))


def document_from(row: Row[Any], branding: Branding, returned_micros: int = 0) -> Document:
    """What of the payment no invoice has taken is told as kept on the account. Raises DocumentFault."""
    language = language_of(row.language)
    lines = tuple(_lines(row, language))
    decimals = exact_decimals(row.currency, [row.amount_micros, *(line.net_micros for line in lines)])
    return Document(
        kind=Kind.RECEIPT,
        number=row.number,
        issued_on=local_date(row.issued_ms, row.zone),
        currency=row.currency,
        decimals=decimals,
        language=row.language,
        zone=row.zone,
        seller=party_of(row.seller),
        buyer=party_of(row.buyer, identifier=str(row.account_id)),
        lines=lines,
        totals=totals_of(lines, (), (), decimals, paid_micros=row.amount_micros),
        notes=tuple(_notes(row, language, decimals, returned_micros)),
        branding=branding,
    )


def _notes(row: Row[Any], language: Language, decimals: int, returned_micros: int) -> list[str]:
    notes = [row.reason] if row.reason.strip() else []
    if returned_micros:
        amount = language.money(returned_micros, decimals, row.currency)
        notes.append(language.words["returned"].format(amount=amount))
    return notes


def _lines(row: Row[Any], language: Language) -> list[Line]:
    words = language.words
    paid = [Line(f"{words[Kind.INVOICE]} {one['number']}", one["amount_micros"]) for one in row.paid]
    return paid or [Line(words["payment"], row.amount_micros)]
