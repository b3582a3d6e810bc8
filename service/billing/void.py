"""A draft that is not to be: what stands on it is free for the next invoice."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.states import VOID
from service.database.billing_tables import (
    billable_items,
    billing_terms,
    invoice_calls,
    invoice_corrections,
    invoices,
)


async def void(conn: AsyncConnection, invoice_id: int, account_id: int) -> None:
    """Its lines stay, to be looked at. The caller holds the node's lock."""
    first = sa.select(sa.func.min(invoice_calls.c.cdr_id)).where(invoice_calls.c.invoice_id == invoice_id)
    cdr_id = (await conn.execute(first)).scalar()
    for table in (invoice_calls, invoice_corrections):
        await conn.execute(sa.delete(table).where(table.c.invoice_id == invoice_id))
    of = billable_items.c.invoice_id == invoice_id
    await conn.execute(sa.update(billable_items).where(of).values(invoice_id=None, line_id=None))
    if cdr_id is not None:
        behind = (billing_terms.c.account_id == account_id) & (billing_terms.c.calls_after_id >= cdr_id)
        await conn.execute(sa.update(billing_terms).where(behind).values(calls_after_id=cdr_id - 1))
    ended = sa.update(invoices).where(invoices.c.id == invoice_id)
    await conn.execute(ended.values(state=VOID, version=invoices.c.version + 1))
