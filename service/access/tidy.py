"""What is over is forgotten: answers under old keys, sessions and links that have expired, doors long open again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.lockout import FORGET_MS
from service.access.sessions import IDLE_MS
from service.commands.outbox import writing
from service.database.access_tables import answers, sessions, sign_in_failures, user_links
from service.database.delivery_tables import cdr_files
from service.database.webhook_tables import deliveries

DAY_MS = 24 * 60 * 60_000
ANSWERS_MS = 30 * DAY_MS
"""How long a repeated Idempotency-Key gets its first answer."""
DELIVERIES_MS = 30 * DAY_MS
"""How long a webhook's log goes back."""
CONTENT_MS = 90 * DAY_MS
"""How long a file of call records can be sent again."""


async def forget(engine: AsyncEngine, node: str, now_ms: int) -> int:
    """How many rows went."""
    gone = {
        answers: answers.c.created_ms < now_ms - ANSWERS_MS,
        sessions: (sessions.c.expires_ms < now_ms) | (sessions.c.seen_ms < now_ms - IDLE_MS - DAY_MS),
        user_links: user_links.c.expires_ms < now_ms,
        sign_in_failures: (sign_in_failures.c.failed_ms < now_ms - FORGET_MS)
        & (sign_in_failures.c.locked_until_ms < now_ms),
        deliveries: (deliveries.c.state != "waiting") & (deliveries.c.created_ms < now_ms - DELIVERIES_MS),
    }
    total = 0
    async with writing(engine, node) as conn:
        for table, is_over in gone.items():
            total += (await conn.execute(sa.delete(table).where(is_over))).rowcount
        is_old = (cdr_files.c.state == "sent") & (cdr_files.c.done_ms < now_ms - CONTENT_MS)
        await conn.execute(sa.update(cdr_files).where(is_old).values(content=None))
    return total
