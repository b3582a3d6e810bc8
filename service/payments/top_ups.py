"""Top-ups: what a customer wants to pay at a gateway, and what the gateway says of it. Each message counts once.

A gateway is believed of what it got for its seller alone: where the account pays another one by now, nobody would hand
the money over to that one, and whoever has the gateway's secret could make it up.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import lock_account, seller_of
from service.database.payment_tables import gateway_events, payment_gateways, top_ups
from service.database.tables import accounts
from service.ledger.payments import payment_problem
from service.ledger.postings import Booking, book
from service.ledger.reversals import Reversal, reverse
from service.ledger.rules import PAYMENT
from service.payments import recharging, returns
from service.payments.stripe import Told, What, micros_of

ACTOR = "gateway"
ALREADY = "taken already"


async def take(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    """Posts what a message says; returns what became of it. Under the node's lock.

    Messages of one gateway wait for each other, whichever nodes take them.
    """
    own = sa.select(payment_gateways.c.id).where(payment_gateways.c.id == gateway.id)
    await conn.execute(own.with_for_update(key_share=True))
    known = (gateway_events.c.gateway_id == gateway.id) & (gateway_events.c.event == told.event)
    if (await conn.execute(sa.select(gateway_events.c.id).where(known))).first() is not None:
        return ALREADY
    outcome = await _OUTCOMES[told.what](conn, node, gateway, told, now_ms)
    row = {"gateway_id": gateway.id, "event": told.event, "kind": told.kind, "outcome": outcome}
    await conn.execute(sa.insert(gateway_events).values(**row, created_ms=now_ms))
    return outcome


async def _paid(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    own = (top_ups.c.gateway_id == gateway.id) & (top_ups.c.reference == told.reference)
    row = (await conn.execute(sa.select(top_ups).where(own))).first()
    problem = _problem(row, told)
    if row is None or problem is not None:
        return f"refused: {problem}"
    await lock_account(conn, row.account_id)
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    problem = payment_problem(row.amount_micros, account.kind, account.state)
    if problem is None and await seller_of(conn, account) != gateway.account_id:
        problem = "the account pays another seller by now: pay it back at the gateway"
    if problem is not None:
        await recharging.refuse(conn, row.id, problem)
        return f"refused: {problem}"
    reason = f"{gateway.name}: {told.external}"
    booking = Booking(PAYMENT, row.amount_micros, reason, ACTOR, key=f"top-up {row.id}", by_gateway=True)
    entry_id = await book(conn, node, account, booking, now_ms)
    values = {"state": "paid", "entry_id": entry_id, "external": told.external}
    paid = await conn.execute(sa.update(top_ups).where(top_ups.c.id == row.id).values(**values).returning(top_ups))
    await recharging.finish(conn, row.id)
    await _follow(conn, node, gateway, paid.one(), 0, now_ms)
    return f"entry {entry_id}"


def _problem(row: Row[Any] | None, told: Told) -> str | None:
    if row is None:
        return f"no top-up has the reference {told.reference!r}"
    if row.state != "open":
        return "the top-up is paid already"
    if row.currency != told.currency:
        return f"{row.currency} was asked for, {told.currency} was paid"
    if row.amount_micros != micros_of(told):
        return f"{row.amount_micros} micro-units were asked for, {micros_of(told)} were paid"
    return None


async def _moved(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    """Refunded or disputed, or one of both came to nothing. Of what isn't paid yet it is kept until it is."""
    before = await returns.away(conn, gateway.id, told.external, told.currency)
    await returns.note(conn, gateway.id, told)
    row = await _paid_so(conn, gateway, told)
    if row is None:
        return _NONE_SO
    entry_id = await _follow(conn, node, gateway, row, before, now_ms)
    return "posted before" if entry_id is None else f"entry {entry_id}"


async def _follow(
    conn: AsyncConnection, node: str, gateway: Row[Any], row: Row[Any], before: int, now_ms: int
) -> int | None:
    """Posts back what is away at the gateway by now, in all at most what was paid; None: there was nothing to post.

    What somebody has taken back by hand is taken for what the gateway tells of later.
    """
    before = min(before, row.amount_micros)
    after = min(await returns.away(conn, gateway.id, row.external, row.currency), row.amount_micros)
    micros = max(0, after - row.returned_micros) if after > before else after - before
    if micros == 0:
        return None
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    reason = f"{gateway.name}: {row.external} {'went back' if micros > 0 else 'came after all'}"
    return await reverse(conn, node, account, Reversal(row.entry_id, micros, reason, ACTOR), now_ms)


_NONE_SO = "refused: no top-up was paid so"


async def _paid_so(conn: AsyncConnection, gateway: Row[Any], told: Told) -> Row[Any] | None:
    """Its account is locked: of two messages the second sees what came of the first."""
    own = (top_ups.c.gateway_id == gateway.id) & (top_ups.c.external == told.external) & (top_ups.c.state == "paid")
    whose = (await conn.execute(sa.select(top_ups.c.account_id).where(own))).scalar()
    if whose is not None:
        await lock_account(conn, whose)
    row = (await conn.execute(sa.select(top_ups).where(own))).first()
    return None if row is None or row.currency != told.currency else row


async def _nothing(_conn: AsyncConnection, _node: str, _gateway: Row[Any], _told: Told, _now_ms: int) -> str:
    return "moves no money"


async def _saved(conn: AsyncConnection, _node: str, gateway: Row[Any], told: Told, _now_ms: int) -> str:
    return await recharging.keep_card(conn, gateway.id, told.reference, told.customer, told.method)


async def _declined(conn: AsyncConnection, _node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    return await recharging.decline_told(conn, gateway.id, told.reference, now_ms)


_OUTCOMES = {
    What.PAID: _paid, What.RETURNED: _moved, What.FAILED: _moved, What.REINSTATED: _moved, What.SAVED: _saved,
    What.DECLINED: _declined, What.OTHER: _nothing,
}  # fmt: skip
