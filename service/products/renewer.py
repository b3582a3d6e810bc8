"""The renewer: looks after subscriptions that are due, each in a transaction of its own.

It asks again under the node's lock whether one is due, so that any number of renewers charge a period once.
"""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands.outbox import lock_node, writing
from service.config import Config
from service.database.engine import reading
from service.products.grants import close_old, old
from service.products.leftover import look
from service.products.life import look_after
from service.products.storage import due

AT_ONCE = 100


class Renewer:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._node = config.node

    async def work(self, now_ms: int) -> int:
        """One round; returns how many were due."""
        async with reading(self._engine) as conn:
            found = await due(conn, now_ms, AT_ONCE)
        stocks = await asyncio.to_thread(look, self._config) if found else None
        for number in found:
            async with writing(self._engine, self._node) as conn:
                await look_after(conn, await lock_node(conn, self._node), self._node, number, stocks, now_ms)
        return len(found)

    async def tidy(self, now_ms: int) -> int:
        """The store forgets grants that are over; returns how many."""
        async with reading(self._engine) as conn:
            if not await old(conn, now_ms):
                return 0
        async with writing(self._engine, self._node) as conn:
            return await close_old(conn, self._node, now_ms)
