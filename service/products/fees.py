"""What a subscription is charged: posted, kept for the invoice, and noted with its period, in one transaction."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import parse_factor
from service.billing.items import GivesBack, Item, keep
from service.billing.taxing import NOTHING_ADDED, Added
from service.database.billing_tables import billable_items
from service.database.call_tax_tables import tax_sets
from service.database.product_tables import subscription_fees
from service.ledger.rules import ITEM, Entry, Posting, charge_postings, handed_over
from service.ledger.storage import post_entry
from service.products.rules import PERIOD, REFUND, SETUP
from service.products.storage import Subject


class Fee(NamedTuple):
    """One line."""

    kind: str
    """setup, period or refund."""
    from_ms: int
    until_ms: int
    micros: int
    """With its tax; below zero: the account gets it back."""
    tax: Added = NOTHING_ADDED
    gives_back: GivesBack | None = None
    """Of a refund: what it is a part of."""


async def charge_fee(conn: AsyncConnection, subject: Subject, fee: Fee, now_ms: int) -> int | None:
    """Posts a fee, but not to the store; returns its entry; None: it comes to nothing. Once for each period."""
    entry_id = await _post(conn, subject, fee, now_ms) if fee.micros else None
    await keep(conn, _item(subject, fee, now_ms), entry_id, now_ms)
    values = {"kind": fee.kind, "from_ms": fee.from_ms, "until_ms": fee.until_ms, "amount_micros": fee.micros}
    values |= {"currency": subject.product.currency, "entry_id": entry_id, "created_ms": now_ms}
    await conn.execute(sa.insert(subscription_fees).values(subscription_id=subject.row.id, **values))
    return entry_id


async def _post(conn: AsyncConnection, subject: Subject, fee: Fee, now_ms: int) -> int:
    """With whoever has sold it; an account that has moved since took its balance along, and takes this too."""
    row, currency, seller_id = subject.row, subject.product.currency, subject.product.account_id
    postings: tuple[Posting, ...] = charge_postings(row.account_id, seller_id, fee.micros, currency)
    postings += handed_over(seller_id, subject.seller_id, -fee.micros, currency)
    entry = Entry(ITEM, row.actor, _said(subject, fee), now_ms, postings, actor_account_id=row.actor_account_id)
    return await post_entry(conn, entry)


def _said(subject: Subject, fee: Fee) -> str:
    words = {SETUP: "set-up", REFUND: "refund"}
    named = f" {subject.number.number}" if subject.number is not None else ""
    return f"{subject.product.name}{named}" + (f", {words[fee.kind]}" if fee.kind in words else "")


def _item(subject: Subject, fee: Fee, now_ms: int) -> Item:
    return Item(
        account_id=subject.row.account_id,
        seller_id=subject.product.account_id,
        kind=SETUP if fee.kind == SETUP else subject.product.kind,
        description=_said(subject, fee),
        amount_micros=fee.micros,
        currency=subject.product.currency,
        at_ms=now_ms,
        key=_key(subject, fee.kind, fee.from_ms),
        period_from_ms=fee.from_ms,
        period_to_ms=fee.until_ms,
        tax_set_id=fee.tax.set_id,
        tax=fee.tax.factor,
        gives_back=fee.gives_back,
    )


def _key(subject: Subject, kind: str, from_ms: int) -> str:
    return f"subscription {subject.row.id} {kind} {from_ms}"


class Paid(NamedTuple):
    """What a period was charged."""

    micros: int
    tax: Added = NOTHING_ADDED
    item_id: int = 0

    def refund(self, subject: Subject, micros: int) -> Fee:
        """Gives back a part of it."""
        row = subject.row
        return Fee(REFUND, row.from_ms, row.until_ms, -micros, self.tax, GivesBack(self.item_id, self.micros))


async def paid_for(conn: AsyncConnection, subject: Subject) -> Paid:
    """What the present period was charged."""
    of = billable_items.c.idempotency_key == _key(subject, PERIOD, subject.row.from_ms)
    query = sa.select(
        billable_items.c.amount_micros, billable_items.c.id.label("item_id"), tax_sets.c.id, tax_sets.c.factor
    )
    query = query.join(tax_sets, tax_sets.c.id == billable_items.c.tax_set_id, isouter=True)
    row = (await conn.execute(query.where(of))).first()
    if row is None:
        return Paid(0)
    tax = NOTHING_ADDED if row.id is None else Added(row.id, parse_factor(row.factor))
    return Paid(row.amount_micros, tax, row.item_id)
