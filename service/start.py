"""Opens the ledger of a configuration: what the service and every command begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.standing import ensure_built_in, has_built_in
from service.accounts.rules import ROOT_ID
from service.accounts.storage import ensure_root
from service.commands.outbox import ensure_node, lock_node
from service.config import Config
from service.database.engine import migrate, open_engine, reading
from service.database.tables import accounts, nodes


@asynccontextmanager
async def open_ledger(config: Config, now_ms: int) -> AsyncIterator[AsyncEngine]:
    """The ledger, its tables up to date, with root and node. Closed at the end. Raises DatabaseFault."""
    engine = open_engine(config.database_url)
    try:
        await migrate(engine)
        await ensure_first_rows(engine, config, now_ms)
        yield engine
    finally:
        await engine.dispose()


async def ensure_first_rows(engine: AsyncEngine, config: Config, now_ms: int) -> None:
    """The node and the root, if this is the first start. Otherwise nothing is written, and no writer waited for."""
    async with reading(engine) as conn:
        node = (await conn.execute(sa.select(nodes.c.id).where(nodes.c.name == config.node))).first()
        root = (await conn.execute(sa.select(accounts.c.id).where(accounts.c.id == ROOT_ID))).first()
        is_whole = await has_built_in(conn)
    if node is not None and root is not None and is_whole:
        return
    async with engine.begin() as conn:
        await ensure_node(conn, config.node)
        await lock_node(conn, config.node)
        await ensure_root(conn, config.node, config.currency, now_ms)
        await ensure_built_in(conn, now_ms)
