"""Entries that need nobody's leave: payments in, corrections, debts given up, accounts that change hands.

Each moves the ledger and numbers the store's credit in one transaction. What takes money that calls may hold is an
operation instead (`service.ledger.operations`), but for corrections, which are owed whatever is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import seller_of
from service.billing.allocation import is_allocated, take_payment
from service.billing.receipts import Payment, give
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue
from service.database.billing_tables import billable_items
from service.database.tables import accounts
from service.ledger import rules
from service.ledger.by import By
from service.ledger.rules import Entry, Posting
from service.ledger.storage import balance_of, post_entry

_BILLED = {"customer", "reseller"}
"""Kinds of accounts that get invoices."""
_LINES: dict[str, Callable[[int, int, int, str], tuple[Posting, ...]]] = {
    rules.PAYMENT: rules.payment_postings,
    rules.ADJUSTMENT: rules.adjustment_postings,
    rules.WRITE_OFF: rules.write_off_postings,
}


class Booking(NamedTuple):
    """What is to stand in an account's books."""

    kind: str
    """payment, adjustment or write_off."""
    micros: int
    """Positive: the account has more afterwards."""
    reason: str
    actor: str
    actor_account_id: int = 0
    key: str | None = None
    request: str = ""
    invoice_id: int | None = None
    """That a payment is for; None: it pays what is due first."""
    by_gateway: bool = False
    """A gateway has told of it."""


async def book(conn: AsyncConnection, node: str, account: Row[Any], booking: Booking, now_ms: int) -> int:
    """Posts it between an account and its seller; returns the entry's id. The caller holds the node's lock."""
    kind, micros, reason, actor, by, key, request, _, by_gateway = booking
    seller_id = await seller_of(conn, account)
    lines = _LINES[kind](account.id, seller_id, micros, account.currency)
    entry = Entry(kind, actor, reason, now_ms, lines, key, request, actor_account_id=by)
    entry_id = await post_entry(conn, entry)
    if kind == rules.ADJUSTMENT and account.kind in _BILLED:
        await _keep_for_invoice(conn, account, booking, entry_id, now_ms)
    if kind == rules.PAYMENT and micros > 0 and is_allocated(account):
        await take_payment(conn, node, account, entry_id, micros, now_ms, booking.invoice_id)
    if kind == rules.PAYMENT:
        await give(conn, account, seller_id, Payment(entry_id, micros, reason, by_gateway), now_ms)
    await enqueue(
        conn, node, credit_body(account.id, micros), now_ms=now_ms, account_id=account.id, amount_micros=micros
    )
    return entry_id


async def hand_over(
    conn: AsyncConnection, account: Row[Any], payee_id: int, micros: int, reason: str, by: By, now_ms: int
) -> None:  # fmt: skip
    """What a seller has got of an account goes to whom that pays by now, as its balance went; the same one: nothing."""
    seller_id = await seller_of(conn, account)
    lines = rules.handed_over(payee_id, seller_id, micros, account.currency)
    if lines:
        await post_entry(conn, Entry(rules.MOVE, by.name, reason, now_ms, lines, actor_account_id=by.account_id))


async def _keep_for_invoice(
    conn: AsyncConnection, account: Row[Any], booking: Booking, entry_id: int, now_ms: int
) -> None:
    """A correction that the invoice shows."""
    when = {"period_from_ms": now_ms, "period_to_ms": now_ms, "at_ms": now_ms}
    what = {"kind": rules.ADJUSTMENT, "description": booking.reason or "adjustment"}
    money = {"amount_micros": -booking.micros, "currency": account.currency, "entry_id": entry_id}
    whom = {"account_id": account.id, "seller_id": await seller_of(conn, account)}
    row = {**whom, **what, **money, **when, "idempotency_key": f"entry {entry_id}"}
    await conn.execute(sa.insert(billable_items).values(**row))


async def sold_with(conn: AsyncConnection, account: Row[Any]) -> list[Row[Any]]:
    """The accounts that have this one's seller and lose it when it moves: it, and what it only earns commission on."""
    level, found = [account], []
    while level:
        found += level
        parents = [row.id for row in level if row.commission]
        rows = await conn.execute(sa.select(accounts).where(accounts.c.parent_id.in_(parents)))
        level = list(rows) if parents else []
    return found


async def sold_through(conn: AsyncConnection, account: Row[Any]) -> list[Row[Any]]:
    """The accounts below a reseller that pay it if it is charged itself, and whom it pays if it earns commission."""
    children = await conn.execute(sa.select(accounts).where(accounts.c.parent_id == account.id))
    return [one for child in children.all() for one in await sold_with(conn, child)]


async def change_hands(
    conn: AsyncConnection, moved: list[Row[Any]], before_id: int, after_id: int, by: By, now_ms: int
) -> None:
    """What these accounts have with one seller they have with another from now on."""
    if before_id == after_id:
        return
    sums: defaultdict[str, int] = defaultdict(int)
    for row in moved:
        sums[row.currency] += await balance_of(conn, row.id, row.currency)
    lines = tuple(
        line
        for currency, micros in sorted(sums.items())
        if micros
        for line in rules.move_postings(before_id, after_id, micros, currency)
    )
    if lines:
        entry = Entry(rules.MOVE, by.name, f"{len(moved)} accounts", now_ms, lines, actor_account_id=by.account_id)
        await post_entry(conn, entry)
