"""Who hears of an issued invoice: webhooks that ask for it, and by mail the account's people who may see invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.access.standing import roles_of_user, standing_of
from service.billing.cycles import local_date
from service.database.access_tables import mails, users
from service.database.tables import accounts
from service.webhooks.events import Event, emit, has_any

_Reader = Row[Any, Any, Any, Any]
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
    people = await _readers(conn, {one.account_id for one in issued})
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


async def _readers(conn: AsyncConnection, account_ids: Iterable[int]) -> defaultdict[int, list[_Reader]]:
    """By account, its active users who may see its invoices."""
    query = sa.select(users.c.id, users.c.email, users.c.account_id, accounts.c.path)
    query = query.join(accounts, accounts.c.id == users.c.account_id).where(users.c.state == "active")
    rows = (await conn.execute(query.where(users.c.account_id.in_(account_ids)).order_by(users.c.id))).all()
    standings = {path: await standing_of(conn, path) for path in sorted({row.path for row in rows})}
    found: defaultdict[int, list[_Reader]] = defaultdict(list)
    for row in rows:
        if Permission.INVOICES_READ in standings[row.path].of_user(await roles_of_user(conn, row.id)):
            found[row.account_id].append(row)
    return found
