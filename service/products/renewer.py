"""The renewer: looks after subscriptions that are due, in rounds."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.commands.outbox import writing
from service.commands.rounds import each_due
from service.config import Config
from service.database.engine import reading
from service.products.grants import close_old, old
from service.products.leftover import Stocks, look
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

        async def do(conn: AsyncConnection, number: int) -> None:
            await look_after(conn, self._node, number, self._look, now_ms)

        return await each_due(self._engine, self._node, lambda conn: due(conn, now_ms, AT_ONCE), do)

    async def _look(self) -> Stocks | None:
        return await asyncio.to_thread(look, self._config)

    async def tidy(self, now_ms: int) -> int:
        """The store forgets grants that are over; returns how many."""
        async with reading(self._engine) as conn:
            if not await old(conn, now_ms):
                return 0
        async with writing(self._engine, self._node) as conn:
            return await close_old(conn, self._node, now_ms)
