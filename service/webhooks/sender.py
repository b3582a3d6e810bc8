"""The sender: a task that takes what is due, sends it, and notes what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.webhook_tables import deliveries, webhooks
from service.webhooks.posting import AT_ONCE, CLAIM_MS, Message, Outcome, Poster, noted


class Sender:
    """Of one service. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._poster = Poster(config)

    async def send_due(self, now_ms: int) -> int:
        """One round; returns how many were tried."""
        rows = await self._claim(now_ms)
        outcomes = await asyncio.gather(*(self._send(row, now_ms) for row in rows))
        if rows:
            async with self._engine.begin() as conn:
                for row, outcome in zip(rows, outcomes, strict=True):
                    await conn.execute(_noted(row, outcome, now_ms))
        return len(rows)

    async def _claim(self, now_ms: int) -> list[Row[Any]]:
        """What is due becomes this sender's, so that two of them never send the same."""
        due = (deliveries.c.state == "waiting") & (deliveries.c.next_ms <= now_ms) & (deliveries.c.claimed_ms < now_ms)
        chosen = sa.select(deliveries.c.id).where(due).order_by(deliveries.c.next_ms).limit(AT_ONCE)
        async with self._engine.connect() as conn:
            if (await conn.execute(chosen.limit(1))).first() is None:
                return []
        async with self._engine.begin() as conn:
            ids = list((await conn.execute(chosen.with_for_update(skip_locked=True))).scalars())
            claim = sa.update(deliveries).where(deliveries.c.id.in_(ids) & due)
            claimed = await conn.execute(claim.values(claimed_ms=now_ms + CLAIM_MS).returning(deliveries.c.id))
            mine = list(claimed.scalars())
            query = sa.select(deliveries, webhooks.c.url, webhooks.c.secret, webhooks.c.state.label("hook_state"))
            query = query.join(webhooks, webhooks.c.id == deliveries.c.webhook_id).where(deliveries.c.id.in_(mine))
            return list(await conn.execute(query))

    async def _send(self, row: Row[Any], now_ms: int) -> Outcome:
        if row.hook_state != "active":
            return Outcome(0, "the webhook is suspended")
        message = Message(row.url, row.secret, f"msg_{row.id}", row.body, {"Content-Type": "application/json"})
        return await self._poster.post(message, now_ms)

    async def close(self) -> None:
        """Ends its connections."""
        await self._poster.close()


def _noted(row: Row[Any], outcome: Outcome, now_ms: int) -> sa.Update:
    return sa.update(deliveries).where(deliveries.c.id == row.id).values(**noted(row.attempts, outcome, now_ms))
