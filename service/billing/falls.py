"""Corrections that would take an invoice below zero: nobody is invoiced less than nothing for calls.

What calls on earlier invoices were charged too much becomes credit notes for those, in the run itself, so that it comes
off what is open there. Terms that have invoices reviewed get a draft as ever, which can't be issued as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.collect import Due, changes
from service.billing.credit import credit_corrections
from service.config import Config
from service.database.billing_tables import invoices
from service.ledger.by import By

REASON = "calls rated again"


async def credit_falls(
    conn: AsyncConnection, config: Config, owed: Sequence[Due], reviewed: Collection[int], by: By, now_ms: int
) -> int:
    """Issues notes where an invoice would be below zero by corrections; returns how many. Whatever is owed else, what
    rose included, is left for the invoice. The caller holds every node's lock.
    """
    wanted = {
        (one.account_id, one.seller_id)
        for one in owed
        if one.micros < 0 and one.corrected_micros < 0 and one.account_id not in reviewed
    }
    numbers = await _fallen(conn, wanted) if wanted else []
    for number in numbers:
        chosen = sa.select(invoices).where(invoices.c.id == number).with_for_update()
        invoice = (await conn.execute(chosen)).one()
        await credit_corrections(conn, config, invoice, by, REASON, now_ms)
    return len(numbers)


async def _fallen(conn: AsyncConnection, pairs: Collection[tuple[int, int]]) -> list[int]:
    """Issued invoices with calls that are charged less by now."""
    found = changes(sorted({account_id for account_id, _ in pairs})).subquery()
    query = sa.select(found.c.account_id, found.c.seller_id, found.c.invoice_id).distinct()
    query = query.join(invoices, (invoices.c.id == found.c.invoice_id) & invoices.c.number.is_not(None))
    rows = await conn.execute(query.where(found.c.delta_micros < 0).order_by(found.c.invoice_id))
    return [invoice_id for account_id, seller_id, invoice_id in rows if (account_id, seller_id) in pairs]
