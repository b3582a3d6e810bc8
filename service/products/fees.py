"""What a subscription is charged: posted, kept for the invoice, and noted with its period, in one transaction."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.items import Item, keep
from service.database.product_tables import subscription_fees
from service.ledger.rules import ITEM, Entry, charge_postings
from service.ledger.storage import post_entry
from service.products.rules import REFUND, SETUP
from service.products.storage import Subject


class Fee(NamedTuple):
    """One line."""

    kind: str
    """setup, period or refund."""
    from_ms: int
    until_ms: int
    micros: int
    """Below zero: the account gets it back."""


async def charge_fee(conn: AsyncConnection, subject: Subject, fee: Fee, now_ms: int) -> int | None:
    """Posts a fee, but not to the store; returns its entry; None: it comes to nothing. Once for each period."""
    entry_id = await _post(conn, subject, fee, now_ms) if fee.micros else None
    await keep(conn, _item(subject, fee, now_ms), entry_id, now_ms)
    values = fee._asdict() | {"currency": subject.product.currency, "entry_id": entry_id, "created_ms": now_ms}
    values["amount_micros"] = values.pop("micros")
    await conn.execute(sa.insert(subscription_fees).values(subscription_id=subject.row.id, **values))
    return entry_id


async def _post(conn: AsyncConnection, subject: Subject, fee: Fee, now_ms: int) -> int:
    row = subject.row
    postings = charge_postings(row.account_id, subject.seller_id, fee.micros, subject.product.currency)
    entry = Entry(ITEM, row.actor, _said(subject, fee), now_ms, postings, actor_account_id=row.actor_account_id)
    return await post_entry(conn, entry)


def _said(subject: Subject, fee: Fee) -> str:
    words = {SETUP: "set-up", REFUND: "refund"}
    named = f" {subject.number.number}" if subject.number is not None else ""
    return f"{subject.product.name}{named}" + (f", {words[fee.kind]}" if fee.kind in words else "")


def _item(subject: Subject, fee: Fee, now_ms: int) -> Item:
    return Item(
        account_id=subject.row.account_id,
        seller_id=subject.seller_id,
        kind=SETUP if fee.kind == SETUP else subject.product.kind,
        description=_said(subject, fee),
        amount_micros=fee.micros,
        currency=subject.product.currency,
        at_ms=now_ms,
        key=f"subscription {subject.row.id} {fee.kind} {fee.from_ms}",
        period_from_ms=fee.from_ms,
        period_to_ms=fee.until_ms,
    )


async def paid_for(conn: AsyncConnection, subject: Subject) -> int:
    """What the present period was charged."""
    of = (subscription_fees.c.subscription_id == subject.row.id) & (subscription_fees.c.kind == "period")
    query = sa.select(subscription_fees.c.amount_micros).where(of, subscription_fees.c.from_ms == subject.row.from_ms)
    return int((await conn.execute(query)).scalar() or 0)
