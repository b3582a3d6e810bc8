"""Destination groups at a start: what the call path knows is made what the ledger says."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.engine import reading
from service.tariffs.rates import write_groups
from service.tariffs.switching import load_groups


async def send_groups(engine: AsyncEngine, config: Config, now_ms: int) -> None:
    """Writes what the rates environment lacks and moves the pointer. A store that isn't there yet gets it when it is
    filled.
    """
    async with reading(engine) as conn:
        await write_groups(config, await load_groups(conn))
    async with engine.begin() as conn:
        node = await lock_node(conn, config.node)
        if node.epoch:
            await enqueue(conn, config.node, bodies.groups_body(await load_groups(conn)), now_ms=now_ms)
