"""Top-ups: what a customer wants to pay at a gateway, and what the gateway says of it. Each message counts once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import lock_account
from service.database.payment_tables import gateway_events, top_ups
from service.database.tables import accounts
from service.ledger.payments import payment_problem
from service.ledger.postings import Booking, book
from service.ledger.reversals import Reversal, reverse
from service.ledger.rules import PAYMENT
from service.payments import recharging
from service.payments.stripe import Told, What, decimals_of

ACTOR = "gateway"
ALREADY = "taken already"


async def take(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    """Posts what a message says; returns what became of it. Under the node's lock."""
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
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    problem = payment_problem(row.amount_micros, account.kind, account.state)
    if problem is not None:
        return f"refused: {problem}"
    reason = f"{gateway.name}: {told.external}"
    booking = Booking(
        PAYMENT, row.amount_micros, reason, ACTOR, key=f"top-up {row.id}", by_gateway=True, payee_id=gateway.account_id
    )
    entry_id = await book(conn, node, account, booking, now_ms)
    values = {"state": "paid", "entry_id": entry_id, "external": told.external}
    await conn.execute(sa.update(top_ups).where(top_ups.c.id == row.id).values(**values))
    await recharging.finish(conn, row.id)
    return f"entry {entry_id}"


def _problem(row: Row[Any] | None, told: Told) -> str | None:
    if row is None:
        return f"no top-up has the reference {told.reference!r}"
    if row.state != "open":
        return "the top-up is paid already"
    if row.currency != told.currency:
        return f"{row.currency} was asked for, {told.currency} was paid"
    if row.amount_micros != _micros(told):
        return f"{row.amount_micros} micro-units were asked for, {_micros(told)} were paid"
    return None


def _micros(told: Told) -> int:
    return told.amount_minor * int(10 ** (6 - decimals_of(told.currency)))


async def _returned(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    """In total so much: what of it was posted before is not posted again."""
    row = await _paid_so(conn, gateway, told)
    if row is None:
        return _NONE_SO
    fresh = min(_micros(told), row.amount_micros) - row.returned_micros
    if fresh <= 0:
        return "posted before"
    reason = f"{gateway.name}: {told.external} went back"
    return await _reversed(conn, node, row, Reversal(row.entry_id, fresh, reason, ACTOR), now_ms)


async def _reinstated(conn: AsyncConnection, node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    """A dispute was won: of what went back so much came after all."""
    row = await _paid_so(conn, gateway, told)
    if row is None:
        return _NONE_SO
    micros = min(_micros(told), row.returned_micros)
    if micros <= 0:
        return "refused: nothing of it went back"
    reason = f"{gateway.name}: {told.external} came after all"
    return await _reversed(conn, node, row, Reversal(row.entry_id, -micros, reason, ACTOR), now_ms)


_NONE_SO = "refused: no top-up was paid so"


async def _paid_so(conn: AsyncConnection, gateway: Row[Any], told: Told) -> Row[Any] | None:
    """Its account is locked: of two messages the second sees what came of the first."""
    own = (top_ups.c.gateway_id == gateway.id) & (top_ups.c.external == told.external) & (top_ups.c.state == "paid")
    whose = (await conn.execute(sa.select(top_ups.c.account_id).where(own))).scalar()
    if whose is not None:
        await lock_account(conn, whose)
    row = (await conn.execute(sa.select(top_ups).where(own))).first()
    return None if row is None or row.currency != told.currency else row


async def _reversed(conn: AsyncConnection, node: str, row: Row[Any], wanted: Reversal, now_ms: int) -> str:
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    return f"entry {await reverse(conn, node, account, wanted, now_ms)}"


async def _nothing(_conn: AsyncConnection, _node: str, _gateway: Row[Any], _told: Told, _now_ms: int) -> str:
    return "moves no money"


async def _saved(conn: AsyncConnection, _node: str, gateway: Row[Any], told: Told, _now_ms: int) -> str:
    return await recharging.keep_card(conn, gateway.id, told.reference, told.customer, told.method)


async def _declined(conn: AsyncConnection, _node: str, gateway: Row[Any], told: Told, now_ms: int) -> str:
    return await recharging.decline_told(conn, gateway.id, told.reference, now_ms)


_OUTCOMES = {
    What.PAID: _paid, What.RETURNED: _returned, What.REINSTATED: _reinstated, What.SAVED: _saved,
    What.DECLINED: _declined, What.OTHER: _nothing,
}  # fmt: skip
