"""Invoices whose last day to pay has gone by."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.states import ISSUED, OVERDUE, PART_PAID
from service.database.billing_tables import invoices


async def mark_overdue(conn: AsyncConnection, now_ms: int) -> list[int]:
    """Says so; returns which. The caller holds the node's lock."""
    late = (invoices.c.kind == "invoice") & invoices.c.state.in_((ISSUED, PART_PAID)) & (invoices.c.due_ms < now_ms)
    changed = sa.update(invoices).where(late).values(state=OVERDUE, version=invoices.c.version + 1)
    return list((await conn.execute(changed.returning(invoices.c.id))).scalars())
