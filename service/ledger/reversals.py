"""Payments that go back: refused by a bank, disputed at a gateway, posted by mistake.

What they paid is open again, and the account owes it, whatever it has. It goes out of the books of who got it; whom the
account pays by now has the debt, and stands in for it, as it took the balance over. The receipt stays, and says what of
it went back. In the caller's transaction, under the node's lock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.allocation import come_again, take_back
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue
from service.database.columns import BIG, ID
from service.database.payment_tables import allocations, top_ups
from service.database.reversal_tables import payment_reversals
from service.database.tables import entries, postings
from service.ledger.by import By
from service.ledger.postings import hand_over
from service.ledger.rules import BALANCE, CASH, PAYMENT, Entry, payment_postings
from service.ledger.storage import post_entry


class Payment(NamedTuple):
    """One that stands."""

    entry_id: int
    seller_id: int
    """Who got it."""
    left_micros: int
    """Of it, what didn't go back."""


class Reversal(NamedTuple):
    """What goes back."""

    payment_id: int
    """Its entry."""
    micros: int
    """Below zero: what went back before came after all."""
    reason: str
    actor: str
    actor_account_id: int = 0


async def find_payment(conn: AsyncConnection, account_id: int, entry_id: int) -> Payment | None:
    """Money that an account has paid in; None: the entry is no such thing."""
    own = postings.alias()
    query = sa.select(own.c.amount_micros, postings.c.account_id)
    query = query.join(entries, entries.c.id == own.c.entry_id)
    query = query.join(postings, (postings.c.entry_id == entries.c.id) & (postings.c.book == CASH))
    query = query.where((own.c.account_id == account_id) & (own.c.book == BALANCE) & (own.c.amount_micros > 0))
    row = (await conn.execute(query.where((entries.c.id == entry_id) & (entries.c.kind == PAYMENT)))).first()
    undone = sa.select(payment_reversals.c.id).where(payment_reversals.c.entry_id == entry_id)
    if row is None or (await conn.execute(undone)).first() is not None:
        return None
    return Payment(entry_id, row.account_id, int(row.amount_micros) - await returned_of(conn, entry_id))


async def returned_of(conn: AsyncConnection, entry_id: int) -> int:
    """What of a payment went back so far."""
    return int((await conn.execute(sa.select(returned(sa.literal(entry_id, ID))))).scalar_one())


def returned(payment_id: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """What of a payment went back so far; of one by a gateway, as that has told."""
    told = sa.select(top_ups.c.returned_micros).where(top_ups.c.entry_id == payment_id).scalar_subquery()
    total = sa.select(sa.func.sum(payment_reversals.c.amount_micros))
    posted = total.where(payment_reversals.c.payment_id == payment_id).scalar_subquery()
    return sa.cast(sa.func.coalesce(told, posted, 0), BIG)


async def payment_like(conn: AsyncConnection, account_id: int, micros: int, invoice_id: int | None) -> Payment | None:
    """The newest that has just this amount, nothing of which went back; one that has paid the invoice comes first."""
    own = (postings.c.account_id == account_id) & (postings.c.book == BALANCE) & (postings.c.amount_micros == micros)
    gave = sa.exists().where((allocations.c.entry_id == entries.c.id) & (allocations.c.invoice_id == invoice_id))
    query = sa.select(entries.c.id).join(postings, postings.c.entry_id == entries.c.id)
    query = query.where(own & (entries.c.kind == PAYMENT) & (returned(entries.c.id) == 0))
    for entry_id in (await conn.execute(query.order_by(sa.case((gave, 0), else_=1), entries.c.id.desc()))).scalars():
        found = await find_payment(conn, account_id, entry_id)
        if found is not None:
            return found
    return None


async def _payee_of(conn: AsyncConnection, payment_id: int) -> int:
    """Who got a payment."""
    query = sa.select(postings.c.account_id).where((postings.c.entry_id == payment_id) & (postings.c.book == CASH))
    return int((await conn.execute(query)).scalar_one())


async def reverse(conn: AsyncConnection, node: str, account: Row[Any], wanted: Reversal, now_ms: int) -> int:
    """Posts it; returns the entry's id. The caller has seen to it that so much is left to go back, or to come again."""
    micros, payee_id = wanted.micros, await _payee_of(conn, wanted.payment_id)
    lines = payment_postings(account.id, payee_id, -micros, account.currency)
    entry = Entry(PAYMENT, wanted.actor, wanted.reason, now_ms, lines, actor_account_id=wanted.actor_account_id)
    entry_id = await post_entry(conn, entry)
    by = By(wanted.actor, wanted.actor_account_id)
    await hand_over(conn, account, payee_id, -micros, f"{wanted.reason}, entry {entry_id}", by, now_ms)
    row = {"payment_id": wanted.payment_id, "entry_id": entry_id, "account_id": account.id, "amount_micros": micros}
    row |= {"currency": account.currency, "reason": wanted.reason, "created_ms": now_ms}
    await conn.execute(sa.insert(payment_reversals).values(**row))
    counted = sa.update(top_ups).where(top_ups.c.entry_id == wanted.payment_id)
    await conn.execute(counted.values(returned_micros=top_ups.c.returned_micros + micros))
    body = credit_body(account.id, -micros)
    await enqueue(conn, node, body, now_ms=now_ms, account_id=account.id, amount_micros=-micros)
    if micros > 0:
        await take_back(conn, node, account.id, wanted.payment_id, micros, now_ms)
    else:
        await come_again(conn, node, account.id, wanted.payment_id, -micros, now_ms)
    return entry_id
