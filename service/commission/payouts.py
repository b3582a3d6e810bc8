"""What was earned is handed out: into the reseller's balance, or paid out. Once for each period and currency."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.accounts.storage import lock_account, seller_of
from service.billing.cycles import Cycle, next_border_ms
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue, writing
from service.commission.rules import WHOLE
from service.config import Config
from service.database.commission_tables import commission_payouts, commission_terms, commissions
from service.database.tables import accounts
from service.ledger.by import By
from service.ledger.rules import BALANCE, CASH, COMMISSION, PAYOUT, Entry, Posting, handed_over
from service.ledger.storage import post_entry

CREDIT, PAY_OUT = "credit", "pay_out"
ACTOR = "commission"


async def hand_out_due(engine: AsyncEngine, config: Config, now_ms: int) -> int:
    """Of everybody whose period is over; returns how many payouts there were. Safe twice at once."""
    made = 0
    while True:
        async with writing(engine, config.node) as conn:
            row = await _next(conn, now_ms)
            if row is None:
                return made
            made += len(await hand_out(conn, config.node, row, row.handed_out, row.due_ms, By(ACTOR), now_ms))
            due_ms = next_border_ms(Cycle(row.cycle, row.cycle_day, row.zone, row.anchor_ms), row.due_ms)
            moved = sa.update(commission_terms).where(commission_terms.c.account_id == row.id)
            await conn.execute(moved.values(due_ms=due_ms))


async def _next(conn: AsyncConnection, now_ms: int) -> Row[Any] | None:
    query = sa.select(accounts, commission_terms).join(commission_terms, commission_terms.c.account_id == accounts.c.id)
    query = query.where(commission_terms.c.due_ms <= now_ms).order_by(commission_terms.c.due_ms, accounts.c.id)
    return (await conn.execute(query.limit(1))).first()


async def hand_out(
    conn: AsyncConnection,
    node: str,
    account: Row[Any],
    how: str,
    until_ms: int,
    by: By,
    now_ms: int,
    sellers: sa.ColumnElement[bool] | None = None,
) -> list[int]:
    """All that was earned before a moment and not handed out: a payout for each seller and currency, where it comes to
    a micro-unit at least. Into the balance goes only what is in its currency. Under the node's lock; of two nodes the
    second waits for the account, and finds what is left. `sellers`: of whom it was earned; None: of all.
    """
    await lock_account(conn, account.id)
    mine = (commissions.c.account_id == account.id) & commissions.c.payout_id.is_(None)
    mine &= commissions.c.at_ms < until_ms
    if how == CREDIT:
        mine &= commissions.c.currency == account.currency
    if sellers is not None:
        mine &= sellers
    key = (commissions.c.seller_id, commissions.c.currency)
    sums = (sa.func.sum(commissions.c.micros).label("micros"), sa.func.sum(commissions.c.remainder).label("rest"))
    found = []
    for row in (await conn.execute(sa.select(*key, *sums).where(mine).group_by(*key).order_by(*key))).all():
        carried = await _carried(conn, account.id, row.seller_id, row.currency)
        micros, rest = divmod(int(row.micros) * WHOLE + int(row.rest) + carried, WHOLE)
        if micros < 1:
            continue
        entry_id = await _post(conn, node, account, row, how, micros, by, now_ms)
        values = {"account_id": account.id, "seller_id": row.seller_id, "currency": row.currency, "entry_id": entry_id}
        values |= {"until_ms": until_ms, "handed_out": how, "amount_micros": micros, "remainder": rest}
        made = sa.insert(commission_payouts).values(**values, actor=by.name, created_ms=now_ms)
        number = (await conn.execute(made.returning(commission_payouts.c.id))).scalar_one()
        of = mine & (commissions.c.seller_id == row.seller_id) & (commissions.c.currency == row.currency)
        await conn.execute(sa.update(commissions).where(of).values(payout_id=number))
        found.append(number)
    return found


async def _carried(conn: AsyncConnection, account_id: int, seller_id: int, currency: str) -> int:
    """What the payout before left of a micro-unit."""
    table = commission_payouts
    own = (table.c.account_id == account_id) & (table.c.seller_id == seller_id) & (table.c.currency == currency)
    query = sa.select(table.c.remainder).where(own).order_by(table.c.id.desc()).limit(1)
    return (await conn.execute(query)).scalar_one_or_none() or 0


async def _post(
    conn: AsyncConnection,
    node: str,
    account: Row[Any],
    row: Row[Any, Any, Any, Any],
    how: str,
    micros: int,
    by: By,
    now_ms: int,
) -> int:
    taken = Posting(COMMISSION, account.id, -micros, row.currency)
    given: tuple[Posting, ...] = (Posting(CASH, row.seller_id, micros, row.currency),)
    if how == CREDIT:
        given = (Posting(BALANCE, account.id, micros, row.currency),)
        given += handed_over(row.seller_id, await seller_of(conn, account), micros, row.currency)
    entry = Entry(PAYOUT, by.name, "commission", now_ms, (taken, *given), actor_account_id=by.account_id)
    entry_id = await post_entry(conn, entry)
    if how == CREDIT:
        body = credit_body(account.id, micros)
        await enqueue(conn, node, body, now_ms=now_ms, account_id=account.id, amount_micros=micros)
    return entry_id
