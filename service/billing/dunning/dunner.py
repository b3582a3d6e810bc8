"""The dunner: takes the steps that are due, each in a transaction of its own.

It asks again under the node's lock whether one is due, so that any number of dunners take each once; whoever is
killed between two has done the first, and the next round does the second.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from service.billing.dunning.due import due
from service.billing.dunning.steps import take
from service.commands.outbox import writing
from service.config import Config
from service.database.engine import reading

AT_ONCE = 200


class Dunner:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._node = config.node

    async def work(self, now_ms: int) -> int:
        """One round; returns how many were due."""
        async with reading(self._engine) as conn:
            found = await due(conn, now_ms, AT_ONCE)
        for step in found:
            async with writing(self._engine, self._node) as conn:
                await take(conn, self._node, step, now_ms)
        return len(found)
