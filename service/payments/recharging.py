"""Automatic recharges in the books: begun where a balance falls below a threshold, ended by what the gateway tells.

In the caller's transaction. What is asked of the gateway stands in `recharge_tasks`; `service.payments.recharger` asks.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.billing.people import recipients_of
from service.database.access_tables import mails
from service.database.columns import BIG
from service.database.payment_tables import payment_gateways, top_ups
from service.database.recharge_tables import recharge_tasks, recharges
from service.database.tables import book_balances
from service.ledger.rules import BALANCE

HOUR_MS = 3_600_000
DECLINE_WAITS_MS = (HOUR_MS, 24 * HOUR_MS)
"""Between two attempts on a card that was declined; after the last one it is off."""
MAIL = "recharge_failed"
"""The mail's template."""
_RUNNING = ("waiting", "asked")


class Fall(NamedTuple):
    """A balance that went down."""

    account_id: int
    currency: str
    before_micros: int
    after_micros: int


async def wanted(conn: AsyncConnection, account_ids: Collection[int]) -> list[Row[Any]]:
    """Recharges that are on, of these accounts; most have none."""
    on = (recharges.c.state == "on") & recharges.c.account_id.in_(account_ids)
    return list(await conn.execute(sa.select(recharges).where(on))) if account_ids else []


async def low(conn: AsyncConnection, now_ms: int) -> list[Row[Any]]:
    """Recharges whose balance is below the threshold though nothing is on its way: the last one was too small, or the
    month had had its share and is over. With the balance.
    """
    running = sa.exists().where(
        (recharge_tasks.c.account_id == recharges.c.account_id) & recharge_tasks.c.state.in_(_RUNNING)
    )
    balance = (book_balances.c.account_id == recharges.c.account_id) & (book_balances.c.book == BALANCE)
    balance &= book_balances.c.currency == recharges.c.currency
    query = sa.select(recharges, book_balances.c.amount_micros.label("balance_micros")).join(book_balances, balance)
    asking = payment_gateways.c.active & (payment_gateways.c.api_key != "")
    query = query.join(payment_gateways, (payment_gateways.c.id == recharges.c.gateway_id) & asking)
    is_low = (recharges.c.state == "on") & (book_balances.c.amount_micros < recharges.c.threshold_micros)
    return list(await conn.execute(query.where(is_low & ~running & _is_allowed(now_ms))))


def _is_allowed(now_ms: int) -> sa.ColumnElement[bool]:
    """Whether the month's sum has room for one more recharge of a row's."""
    return _of_month(now_ms) + recharges.c.amount_micros <= recharges.c.month_micros


async def begin(conn: AsyncConnection, row: Row[Any], fall: Fall, now_ms: int) -> None:
    """One for each crossing, unless one runs already or the month has had its share."""
    if row.currency != fall.currency or not fall.after_micros < row.threshold_micros <= fall.before_micros:
        return
    running = (recharge_tasks.c.account_id == row.account_id) & recharge_tasks.c.state.in_(_RUNNING)
    if (await conn.execute(sa.select(recharge_tasks.c.id).where(running).limit(1))).first() is not None:
        return
    allowed = sa.select(recharges.c.account_id).where(recharges.c.account_id == row.account_id, _is_allowed(now_ms))
    if (await conn.execute(allowed)).first() is None:
        await _note(conn, row.account_id, f"the month has had {format_micros(row.month_micros)} {row.currency}")
        return
    values = {
        "account_id": row.account_id, "gateway_id": row.gateway_id, "reference": f"rc_{secrets.token_urlsafe(18)}",
        "amount_micros": row.amount_micros, "currency": row.currency, "created_ms": now_ms,
    }  # fmt: skip
    number = (await conn.execute(sa.insert(top_ups).values(**values).returning(top_ups.c.id))).scalar_one()
    task = {"account_id": row.account_id, "top_up_id": number, "next_ms": now_ms, "created_ms": now_ms}
    await conn.execute(sa.insert(recharge_tasks).values(**task))


def _of_month(now_ms: int) -> sa.ColumnElement[int]:
    """What of a row of `recharges` was asked for in this calendar month, and is or may still be paid."""
    day = datetime.fromtimestamp(now_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since = (recharge_tasks.c.created_ms >= int(day.timestamp()) * 1000) & (recharge_tasks.c.state != "failed")
    query = sa.select(sa.cast(sa.func.coalesce(sa.func.sum(top_ups.c.amount_micros), 0), BIG))
    query = query.join(recharge_tasks, recharge_tasks.c.top_up_id == top_ups.c.id)
    return query.where(since & (top_ups.c.account_id == recharges.c.account_id)).scalar_subquery()


async def _note(conn: AsyncConnection, account_id: int, fault: str, **values: Any) -> None:
    changed = sa.update(recharges).where(recharges.c.account_id == account_id)
    await conn.execute(changed.values(fault=fault, **values))


async def finish(conn: AsyncConnection, top_up_id: int) -> None:
    """Its top-up was paid; one that is nobody's recharge is left alone."""
    changed = sa.update(recharge_tasks).where(recharge_tasks.c.top_up_id == top_up_id).values(state="done", fault="")
    done = (await conn.execute(changed.returning(recharge_tasks.c.account_id))).scalar()
    if done is not None:
        await _note(conn, done, "")


async def refuse(conn: AsyncConnection, top_up_id: int, why: str) -> None:
    """Its top-up was paid, and can't be posted: it is no longer waited for."""
    own = (recharge_tasks.c.top_up_id == top_up_id) & recharge_tasks.c.state.in_(_RUNNING)
    changed = sa.update(recharge_tasks).where(own).values(state="failed", fault=why)
    failed = (await conn.execute(changed.returning(recharge_tasks.c.account_id))).scalar()
    if failed is not None:
        await _note(conn, failed, why)


async def keep_card(conn: AsyncConnection, gateway_id: int, reference: str, customer: str, method: str) -> str:
    """The gateway has kept a card; returns what became of that."""
    own = (recharges.c.gateway_id == gateway_id) & (recharges.c.reference == reference)
    values = {"customer": customer, "method": method, "state": "on", "fault": "", "version": recharges.c.version + 1}
    kept = await conn.execute(sa.update(recharges).where(own).values(**values))
    return "the card is kept" if kept.rowcount else f"refused: nobody's recharge has the reference {reference!r}"


async def decline(conn: AsyncConnection, task: Row[Any], why: str, now_ms: int) -> None:
    """Tried again later; after the last time it is off, and the account's people are told."""
    mine = sa.update(recharge_tasks).where(recharge_tasks.c.id == task.id)
    values: dict[str, Any] = {"declines": task.declines + 1, "attempts": 0, "claimed_ms": 0, "fault": why}
    if task.declines < len(DECLINE_WAITS_MS):
        values |= {"state": "waiting", "next_ms": now_ms + DECLINE_WAITS_MS[task.declines]}
        await conn.execute(mine.values(**values))
        await _note(conn, task.account_id, why)
        return
    await conn.execute(mine.values(**values, state="failed"))
    await give_up(conn, task, why, now_ms)


async def give_up(conn: AsyncConnection, task: Row[Any], why: str, now_ms: int) -> None:
    """Switches it off, and tells the account's people."""
    off = {"state": "off", "version": recharges.c.version + 1}
    await _note(conn, task.account_id, why, **off)
    top_up = (await conn.execute(sa.select(top_ups).where(top_ups.c.id == task.top_up_id))).one()
    fields = {"amount": format_micros(top_up.amount_micros), "currency": top_up.currency, "fault": why}
    found = await recipients_of(conn, task.account_id, "", Permission.PAYMENTS_READ)
    mail = {"account_id": task.account_id, "template": MAIL, "created_ms": now_ms}
    rows = [{**mail, "recipient": one, "fields": fields | {"user_id": of}} for one, of in found.items()]
    if rows:
        await conn.execute(sa.insert(mails), rows)


async def decline_told(conn: AsyncConnection, gateway_id: int, reference: str, now_ms: int) -> str:
    """The gateway tells it later, of what it had taken; returns what became of that."""
    query = sa.select(recharge_tasks).join(top_ups, top_ups.c.id == recharge_tasks.c.top_up_id)
    own = (top_ups.c.gateway_id == gateway_id) & (top_ups.c.reference == reference)
    task = (await conn.execute(query.where(own & (recharge_tasks.c.state == "asked")))).first()
    if task is None:
        return "moves no money"
    await decline(conn, task, "the payment came to nothing", now_ms)
    return "declined"
