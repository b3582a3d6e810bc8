"""What the configuration sets for every call, sent to a store that was filled with another configuration."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config


async def send_settings(engine: AsyncEngine, config: Config, now_ms: int) -> None:
    """At each start of the service; a store that isn't there yet gets them when it is filled."""
    async with engine.begin() as conn:
        node = await lock_node(conn, config.node)
        if node.epoch:
            await enqueue(conn, config.node, bodies.settings_body(config), now_ms=now_ms)
