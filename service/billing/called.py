"""The calls on an invoice, as their annex and its list say them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import invoice_calls
from service.database.tables import cdrs, charges

PART_CALLS = 5_000
CALLS = (
    sa.select(
        cdrs.c.id, cdrs.c.call, cdrs.c.start_ms, cdrs.c.caller, cdrs.c.called, cdrs.c.destination, cdrs.c.duration_ms,
        charges.c.prefix.label("own_prefix"), charges.c.billed_s.label("own_billed_s"),
        charges.c.currency.label("own_currency"), invoice_calls.c.amount_micros, invoice_calls.c.line_id,
    )
    .join(invoice_calls, invoice_calls.c.cdr_id == cdrs.c.id)
    .join(charges, (charges.c.cdr_id == cdrs.c.id) & (charges.c.level == invoice_calls.c.level))
)  # fmt: skip
"""Names as `service.delivery.columns` has them; the amount is that of the invoice."""


async def calls_on(conn: AsyncConnection, invoice_id: int, after_id: int) -> list[Row[Any]]:
    """The next calls that lines count, behind one: however many there are, no more than a part is in memory."""
    mine = (invoice_calls.c.invoice_id == invoice_id) & invoice_calls.c.line_id.is_not(None)
    query = CALLS.where(mine & (invoice_calls.c.cdr_id > after_id)).order_by(invoice_calls.c.cdr_id)
    return list(await conn.execute(query.limit(PART_CALLS)))
