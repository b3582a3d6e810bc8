"""The recharger: claims what is due, asks the gateway outside of every transaction, notes the answer.

A claim is a lease: whoever dies loses it, and another one asks again under the same key, which is the same payment.
What the books say comes by the gateway's signed message alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.accounts.storage import seller_of
from service.commands.outbox import writing
from service.config import Config
from service.database.engine import reading
from service.database.payment_tables import payment_gateways, top_ups
from service.database.recharge_tables import recharge_tasks, recharges
from service.database.tables import accounts
from service.ledger.storage import balance_of
from service.payments import recharging
from service.payments.stripe import decimals_of
from service.payments.stripe_client import TIMEOUT_S, Answer, Charge, Client, GatewayAway, What

AT_ONCE = 10
LEASE_MS = AT_ONCE * TIMEOUT_S * 1000 + 60_000
"""Longer than the gateway may take for all that were claimed, one after the other."""
WAITS_S = (60, 300, 900, 3_600, 10_800, 21_600)
"""Between two attempts without an answer: less than the day that the gateway remembers a key; then it is off."""


class _Due(NamedTuple):
    task: Row[Any]
    charge: Charge
    api_key: str


class Recharger:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._node = config.node
        self._url = config.payments.stripe

    async def work(self, now_ms: int) -> int:
        """One round; returns how many were due."""
        await self._begin_low(now_ms)
        async with reading(self._engine) as conn:
            if (await conn.execute(_due(now_ms).limit(1))).first() is None:
                return 0
        claimed = await self._claim(now_ms)
        for one in claimed:
            try:
                answer: Answer | GatewayAway = await Client(self._url, one.api_key).charge(one.charge)
            except GatewayAway as away:
                answer = away
            async with self._engine.begin() as conn:
                await _note(conn, one.task, answer, now_ms)
        return len(claimed)

    async def _begin_low(self, now_ms: int) -> None:
        """Where no posting begins one: it asks again under the node's lock, so that none is begun twice."""
        async with reading(self._engine) as conn:
            if not await recharging.low(conn, now_ms):
                return
        async with writing(self._engine, self._node) as conn:
            for row in await recharging.low(conn, now_ms):
                fall = recharging.Fall(row.account_id, row.currency, row.threshold_micros, row.balance_micros)
                await recharging.begin(conn, row, fall, now_ms)

    async def _claim(self, now_ms: int) -> list[_Due]:
        """What is due becomes this one's for a while; what is no longer wanted ends."""
        async with self._engine.begin() as conn:
            ids = list((await conn.execute(_due(now_ms).limit(AT_ONCE).with_for_update(skip_locked=True))).scalars())
            still = recharge_tasks.c.id.in_(ids) & recharge_tasks.c.id.in_(_due(now_ms))
            claim = sa.update(recharge_tasks).where(still).values(claimed_ms=now_ms + LEASE_MS)
            tasks = (await conn.execute(claim.returning(recharge_tasks))).all()
            found = [await _asked(conn, task, now_ms) for task in sorted(tasks, key=lambda one: one.id)]
            return [one for one in found if one is not None]


def _due(now_ms: int) -> sa.Select[tuple[int]]:
    due = (recharge_tasks.c.state == "waiting") & (recharge_tasks.c.next_ms <= now_ms)
    due &= recharge_tasks.c.claimed_ms < now_ms
    return sa.select(recharge_tasks.c.id).where(due).order_by(recharge_tasks.c.id)


async def _asked(conn: AsyncConnection, task: Row[Any], now_ms: int) -> _Due | None:
    """What is to be asked; None: nobody wants it any more."""
    top_up = (await conn.execute(sa.select(top_ups).where(top_ups.c.id == task.top_up_id))).one()
    of = sa.select(recharges, payment_gateways.c.api_key)
    of = of.join(payment_gateways, payment_gateways.c.id == recharges.c.gateway_id)
    on = (recharges.c.account_id == task.account_id) & (recharges.c.state == "on") & payment_gateways.c.active
    row = (await conn.execute(of.where(on & (recharges.c.gateway_id == top_up.gateway_id)))).first()
    if row is None or await _is_full(conn, task, row) or not await _is_served(conn, task, top_up.gateway_id, now_ms):
        ended = sa.update(recharge_tasks).where(recharge_tasks.c.id == task.id)
        await conn.execute(ended.values(state="failed", claimed_ms=0, fault="it is not wanted any more"))
        return None
    minor = top_up.amount_micros // 10 ** (6 - decimals_of(top_up.currency))
    key = f"{top_up.reference}-{task.declines}"
    return _Due(task, Charge(row.customer, row.method, minor, top_up.currency, top_up.reference, key), row.api_key)


async def _is_full(conn: AsyncConnection, task: Row[Any], row: Row[Any]) -> bool:
    """Whether somebody has paid since a card was declined. What was never answered may be paid: it is asked again."""
    if not task.declines or task.attempts:
        return False
    return await balance_of(conn, task.account_id, row.currency) >= int(row.threshold_micros)


async def _is_served(conn: AsyncConnection, task: Row[Any], gateway_id: int, now_ms: int) -> bool:
    """Whether the payment could be posted, and the gateway is that of who sells to the account now; else it is off."""
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == task.account_id))).one()
    of = sa.select(payment_gateways.c.account_id).where(payment_gateways.c.id == gateway_id)
    if account.state == "closed":
        why = "the account is closed"
    elif (await conn.execute(of)).scalar_one() != await seller_of(conn, account):
        why = "the account has another seller now: say anew by which gateway"
    else:
        return True
    await recharging.give_up(conn, task, why, now_ms)
    return False


async def _note(conn: AsyncConnection, task: Row[Any], answer: Answer | GatewayAway, now_ms: int) -> None:
    """Unless it is another one's meanwhile, or a message has told already."""
    mine = (recharge_tasks.c.id == task.id) & (recharge_tasks.c.claimed_ms == task.claimed_ms)
    mine &= recharge_tasks.c.state == "waiting"
    held = sa.select(recharge_tasks).where(mine).with_for_update()
    if (await conn.execute(held)).first() is None:
        return
    if isinstance(answer, Answer) and answer.what is What.DECLINED:
        await recharging.decline(conn, task, answer.text, now_ms)
        return
    changed: dict[str, Any] = {"state": "asked", "claimed_ms": 0, "fault": ""}
    if isinstance(answer, GatewayAway):
        attempts = task.attempts + 1
        changed = {"attempts": attempts, "claimed_ms": 0, "fault": str(answer)}
        if attempts > len(WAITS_S):
            changed["state"] = "failed"
            await recharging.give_up(conn, task, str(answer), now_ms)
        else:
            changed["next_ms"] = now_ms + WAITS_S[attempts - 1] * 1000
    await conn.execute(sa.update(recharge_tasks).where(recharge_tasks.c.id == task.id).values(**changed))
