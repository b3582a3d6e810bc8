"""The sender: takes what is due, sends it, and notes what came of it, several messages beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.attempts import Attempts
from service.config import Config
from service.database.engine import reading
from service.database.webhook_tables import deliveries, webhooks
from service.webhooks.posting import AT_ONCE, CLAIM_MS, Message, Outcome, Poster, noted

EACH_MAX = 4
"""Of them to one webhook."""
AGAIN_MAX = 5
"""Of them to webhooks that took nothing last: those that hang don't hold up those that answer."""
FAILING_MAX = 1_000
"""Of which it is known; when there are more, they are found out anew."""


class Sender:
    """Of one service: messages beside each other. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config, clock_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._clock_ms = clock_ms
        self._poster = Poster(config)
        self._failing: set[int] = set()
        """Webhooks that took nothing last."""
        self._attempts = Attempts(self._claim, self._send, most=AT_ONCE, again_max=AGAIN_MAX)

    async def send_due(self) -> int:
        """Begins what is due, and waits for none of it; returns how many began. Raises what one of them failed with."""
        return await self._attempts.begin()

    async def settle(self) -> None:
        """Waits until nothing is on its way. Raises what one of them failed with."""
        await self._attempts.settle()

    async def _claim(self, is_again: bool) -> Row[Any] | None:  # noqa: FBT001 -- as `Attempts` asks
        """What is due becomes this sender's, so that two of them never send the same. None: somebody was faster too."""
        if is_again and not self._failing:
            return None
        now_ms, hook, failing = self._clock_ms(), deliveries.c.webhook_id, list(self._failing)
        due = _due(now_ms) & (hook.in_(failing) if is_again else hook.not_in(failing))
        chosen = sa.select(deliveries.c.id).where(due).order_by(deliveries.c.next_ms, deliveries.c.id).limit(1)
        async with reading(self._engine) as conn:
            if (await conn.execute(chosen)).first() is None:
                return None
        async with self._engine.begin() as conn:
            number = (await conn.execute(chosen.with_for_update(skip_locked=True))).scalar()
            claim = sa.update(deliveries).where((deliveries.c.id == number) & _due(now_ms))
            if not (await conn.execute(claim.values(claimed_ms=now_ms + CLAIM_MS))).rowcount:
                return None
            query = sa.select(deliveries, webhooks.c.url, webhooks.c.secret, webhooks.c.state.label("hook_state"))
            query = query.join(webhooks, webhooks.c.id == deliveries.c.webhook_id).where(deliveries.c.id == number)
            return (await conn.execute(query)).one()

    async def _send(self, row: Row[Any]) -> None:
        outcome = await self._posted(row)
        if len(self._failing) >= FAILING_MAX:
            self._failing.clear()
        (self._failing.add if outcome.fault else self._failing.discard)(row.webhook_id)
        mine = (deliveries.c.id == row.id) & (deliveries.c.claimed_ms == row.claimed_ms)
        async with self._engine.begin() as conn:  # unless it is another one's meanwhile
            values = noted(row.attempts, outcome, self._clock_ms())
            await conn.execute(sa.update(deliveries).where(mine).values(**values))

    async def _posted(self, row: Row[Any]) -> Outcome:
        if row.hook_state != "active":
            return Outcome(0, "the webhook is suspended")
        message = Message(row.url, row.secret, f"msg_{row.id}", row.body, {"Content-Type": "application/json"})
        return await self._poster.post(message, self._clock_ms())

    async def close(self) -> None:
        """Breaks off what is on its way: it is sent again, under the same id, when its claim is over."""
        await self._attempts.close()
        await self._poster.close()


def _due(now_ms: int) -> sa.ColumnElement[bool]:
    """Of no webhook to which as many are on their way as may be."""
    other = deliveries.alias("other")
    claimed = sa.select(other.c.webhook_id).where((other.c.state == "waiting") & (other.c.claimed_ms >= now_ms))
    full = claimed.group_by(other.c.webhook_id).having(sa.func.count() >= EACH_MAX)
    is_due = (deliveries.c.state == "waiting") & (deliveries.c.next_ms <= now_ms) & (deliveries.c.claimed_ms < now_ms)
    return is_due & deliveries.c.webhook_id.not_in(full)
