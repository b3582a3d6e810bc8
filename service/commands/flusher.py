"""The flusher: numbered commands from the ledger into the inbox, and applied ones out of it."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.store.environment import StoreAbsent, open_reader
from kemi.store.inbox import InboxWriter
from service.config import Config
from service.database.engine import reading
from service.database.tables import commands, nodes

BATCH_COMMANDS = 500
KEPT_COMMANDS = 10_000
"""Applied commands that stay in the ledger, for a look back."""


class Flusher:
    """Of one node. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._inbox = InboxWriter(config.data_dir)
        self._put: int | None = None

    async def flush(self) -> int:
        """Puts what is new into the inbox; returns how many. After a start some are put again: that changes nothing."""
        if self._put is None:
            self._put = await self._applied_before()
        columns = sa.select(commands.c.number, commands.c.body).join(nodes, nodes.c.id == commands.c.node_id)
        query = columns.where(nodes.c.name == self._config.node, commands.c.number > self._put)
        async with reading(self._engine) as conn:
            rows = (await conn.execute(query.order_by(commands.c.number).limit(BATCH_COMMANDS))).all()
        if rows:
            await asyncio.to_thread(self._inbox.put, [(row.number, row.body) for row in rows])
            self._put = rows[-1].number
        return len(rows)

    async def _applied_before(self) -> int:
        async with reading(self._engine) as conn:
            applied = sa.select(nodes.c.applied_command).where(nodes.c.name == self._config.node)
            return int((await conn.execute(applied)).scalar_one())

    async def tidy(self) -> int:
        """Removes from the inbox what the store has applied, and old ones from the ledger; returns the last applied."""
        applied = await asyncio.to_thread(self._applied)
        if applied is None:
            return 0
        await asyncio.to_thread(self._inbox.delete_through, applied)
        async with self._engine.begin() as conn:
            row = sa.select(nodes.c.id, nodes.c.applied_command).where(nodes.c.name == self._config.node)
            node = (await conn.execute(row.with_for_update())).one()
            if applied > node.applied_command:
                await conn.execute(sa.update(nodes).where(nodes.c.id == node.id).values(applied_command=applied))
                old = (commands.c.node_id == node.id) & (commands.c.number <= applied - KEPT_COMMANDS)
                await conn.execute(sa.delete(commands).where(old))
        return applied

    def _applied(self) -> int | None:
        """The last command that the present store has applied; None: there is no store."""
        try:
            reader = open_reader(self._config.run_dir)
        except StoreAbsent:
            return None
        try:
            with reader.snapshot() as snapshot:
                applied: int = snapshot.applied_command
                return applied
        finally:
            reader.close()

    def close(self) -> None:
        """Closes the inbox."""
        self._inbox.close()
