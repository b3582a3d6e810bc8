"""Who hears of an issued invoice: webhooks that ask for it, and by mail the account's people who may see invoices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.access.readers import readers_of
from service.billing.cycles import local_date
from service.database.access_tables import mails
from service.webhooks.events import Event, emit, has_any

MAIL = "invoice"
"""The mail's template."""


class Issued(NamedTuple):
    """What is told of an invoice."""

    invoice_id: int
    account_id: int
    number: str
    total_micros: int
    currency: str
    due_ms: int
    zone: str

    @property
    def told(self) -> dict[str, str]:
        """In words; the last day to pay is the account's."""
        due = local_date(self.due_ms, self.zone).isoformat()
        return {
            "number": self.number, "total": format_micros(self.total_micros), "currency": self.currency, "due": due
        }  # fmt: skip


async def tell(conn: AsyncConnection, issued: Sequence[Issued], now_ms: int) -> None:
    """In the transaction that issues them: nobody is told of what didn't happen."""
    people = await readers_of(conn, {one.account_id for one in issued}, Permission.INVOICES_READ)
    letters = [
        {
            "account_id": one.account_id, "recipient": user.email, "template": MAIL, "created_ms": now_ms,
            "fields": {"user_id": user.id, "invoice_id": one.invoice_id, **one.told},
        }
        for one in issued
        for user in people[one.account_id]
    ]  # fmt: skip
    if letters:
        await conn.execute(sa.insert(mails), letters)
    if await has_any(conn):
        for one in issued:
            data = {"invoice_id": one.invoice_id, **one.told}
            await emit(conn, Event.INVOICE_ISSUED, one.account_id, data, now_ms)
