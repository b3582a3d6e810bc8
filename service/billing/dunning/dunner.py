"""The dunner: takes the steps that are due, in rounds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.billing.dunning.due import due
from service.billing.dunning.steps import take
from service.commands.rounds import each_due
from service.config import Config

AT_ONCE = 200


class Dunner:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._node = config.node

    async def work(self, now_ms: int) -> int:
        """One round; returns how many were due."""

        async def do(conn: AsyncConnection, step: Row[Any]) -> None:
            await take(conn, self._node, step, now_ms)

        return await each_due(self._engine, self._node, lambda conn: due(conn, now_ms, AT_ONCE), do)
