"""Receipts: each payment of a customer or reseller has one, given and numbered in the transaction that posts it.

It says what was true then: what invoices the payment paid at once, and who both sides were. Under the node's lock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.billing.cycles import local_date
from service.billing.identities import home_of, identity_of
from service.billing.people import recipients_of
from service.database.access_tables import mails
from service.database.billing_tables import billing_terms, invoices
from service.database.own import own_of
from service.database.payment_tables import allocations
from service.database.receipt_tables import receipt_wishes, receipts
from service.database.seller_tables import receipt_numberings
from service.database.tables import accounts
from service.sellers.numbers import take_numbers

GATEWAYS = "gateways"
"""What an account that has said nothing wants mailed."""
MAIL = "receipt"
"""The mail's template."""
_PAYS = {"customer", "reseller"}
"""Kinds of accounts that get receipts."""


class Payment(NamedTuple):
    """A payment that was posted."""

    entry_id: int
    micros: int
    reason: str
    by_gateway: bool
    """A gateway has told of it."""


async def give(conn: AsyncConnection, account: Row[Any], seller_id: int, payment: Payment, now_ms: int) -> None:
    """A receipt for money that came in, and its mail if the account wants it; nothing for what goes out."""
    if payment.micros <= 0 or account.kind not in _PAYS:
        return
    row = await _write(conn, account, seller_id, payment, now_ms)
    wish = await own_of(conn, receipt_wishes, account.id)
    mailed = GATEWAYS if wish is None else wish.mailed
    if mailed == "all" or (mailed == GATEWAYS and payment.by_gateway):
        await _mail(conn, row, now_ms)


async def _write(conn: AsyncConnection, account: Row[Any], seller_id: int, payment: Payment, now_ms: int) -> Row[Any]:
    seller = (await conn.execute(sa.select(accounts).where(accounts.c.id == seller_id))).one()
    of_seller = await own_of(conn, billing_terms, seller_id)
    zone = "UTC" if of_seller is None else of_seller.zone
    (number,) = await take_numbers(conn, seller_id, now_ms, zone, 1, receipt_numberings)
    home = await home_of(conn, account.id)
    values = {
        "seller_id": seller_id, "account_id": account.id, "entry_id": payment.entry_id, "number": number,
        "amount_micros": payment.micros, "currency": account.currency, "reason": payment.reason,
        "language": home.language, "zone": home.zone, "paid": await _paid(conn, payment.entry_id),
        "seller": await identity_of(conn, seller), "buyer": await identity_of(conn, account), "issued_ms": now_ms,
    }  # fmt: skip
    row: Row[Any] = (await conn.execute(sa.insert(receipts).values(**values).returning(receipts))).one()
    return row


async def _paid(conn: AsyncConnection, entry_id: int) -> list[dict[str, Any]]:
    """What the payment gave to invoices so far: all of it in this transaction."""
    query = sa.select(invoices.c.number, allocations.c.amount_micros)
    query = query.join(invoices, invoices.c.id == allocations.c.invoice_id).where(allocations.c.entry_id == entry_id)
    return [dict(row._mapping) for row in await conn.execute(query.order_by(allocations.c.id))]


async def _mail(conn: AsyncConnection, row: Row[Any], now_ms: int) -> None:
    """To the contact and whoever may see payments, with the paper (`service.messages.papers`)."""
    contact = str(row.buyer.get("contact_email", ""))
    found = await recipients_of(conn, row.account_id, contact, Permission.PAYMENTS_READ)
    fields = {
        "number": row.number, "total": format_micros(row.amount_micros), "currency": row.currency,
        "received": local_date(row.issued_ms, row.zone).isoformat(), "language": row.language, "receipt_id": row.id,
    }  # fmt: skip
    mail = {"account_id": row.account_id, "template": MAIL, "created_ms": now_ms}
    rows = [{**mail, "recipient": one, "fields": fields | {"user_id": of}} for one, of in found.items()]
    if rows:
        await conn.execute(sa.insert(mails), rows)
