"""What is billed beside calls: posted, and kept for the next invoice, in one transaction."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import PAR
from ratebook.price import Factor
from ratebook.tax import tax_within
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue
from service.commission.accrual import Charged, Refunded, accrue, take_back_item
from service.database.billing_tables import billable_items
from service.ledger.rules import BALANCE, ITEM, REVENUE, Entry, Posting
from service.ledger.storage import post_entry


class GivesBack(NamedTuple):
    """An item that another one takes a part of back."""

    item_id: int
    micros: int
    """All of it, with the same taxes."""


class Item(NamedTuple):
    """Something that an account owes its seller."""

    account_id: int
    seller_id: int
    """As `service.accounts.storage.seller_of` says."""
    kind: str
    """As in `billing_tables.ITEM_KINDS`."""
    description: str
    amount_micros: int
    """Above zero: the account owes it."""
    currency: str
    """The account's."""
    at_ms: int
    """In the period that this moment is in; if that was billed already, in the next one."""
    key: str
    """The same one again changes nothing."""
    period_from_ms: int
    period_to_ms: int
    """Exclusive; equal to the other: a moment."""
    quantity: int = 1
    actor: str = "billing"
    actor_account_id: int = 0
    tax_set_id: int = 0
    """Of `tax_sets`: taxes that the amount has in it; 0: as an invoice finds them."""
    tax: Factor = PAR
    """What they multiplied it by."""
    gives_back: GivesBack | None = None
    """Which item it gives back a part of, and with it what that one has earned somebody; None: it earns by itself."""


async def bill(conn: AsyncConnection, node: str, item: Item, now_ms: int) -> int | None:
    """Posts it and keeps it for the invoice; returns its id; None: it stands already. Under the node's lock."""
    known = sa.select(billable_items.c.id).where(billable_items.c.idempotency_key == item.key)
    if (await conn.execute(known)).first() is not None:
        return None
    entry_id = await _post(conn, node, item, now_ms) if item.amount_micros else None
    return await keep(conn, item, entry_id, now_ms)


def _charged(item: Item, number: int) -> Charged:
    """What commission is earned on."""
    net_micros = item.amount_micros - tax_within(item.amount_micros, item.tax)
    return Charged(
        "item", item.account_id, item.seller_id, item.kind, net_micros, item.currency, item.at_ms, reference_id=number
    )


async def _post(conn: AsyncConnection, node: str, item: Item, now_ms: int) -> int:
    account_id, micros = item.account_id, item.amount_micros
    lines = (
        Posting(BALANCE, account_id, -micros, item.currency),
        Posting(REVENUE, item.seller_id, micros, item.currency),
    )
    entry = Entry(ITEM, item.actor, item.description, now_ms, lines, actor_account_id=item.actor_account_id)
    entry_id = await post_entry(conn, entry)
    body = credit_body(account_id, -micros)
    await enqueue(conn, node, body, now_ms=now_ms, account_id=account_id, amount_micros=-micros)
    return entry_id


async def keep(conn: AsyncConnection, item: Item, entry_id: int | None, now_ms: int) -> int:
    """Keeps for the invoice what an entry has posted, and has it earn commission. None: it comes to nothing."""
    values = {name: getattr(item, name) for name in _COLUMNS}
    row = {**values, "idempotency_key": item.key, "entry_id": entry_id}
    made = await conn.execute(sa.insert(billable_items).values(**row).returning(billable_items.c.id))
    number = int(made.scalar_one())
    if item.gives_back is None:
        await accrue(conn, [_charged(item, number)], now_ms)
    else:
        of = item.gives_back
        await take_back_item(conn, Refunded(number, of.item_id, -item.amount_micros, of.micros), now_ms)
    return number


_COLUMNS = (
    "account_id", "seller_id", "kind", "description", "amount_micros", "currency", "at_ms", "period_from_ms",
    "period_to_ms", "quantity", "tax_set_id",
)  # fmt: skip
