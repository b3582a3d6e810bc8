"""Bans and lists of ported numbers in the ledger: what a store that begins anew must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.commands.bodies import Body, ban_body
from service.database.edge_tables import bans, portings
from service.database.engine import is_sqlite


def holding(now_ms: int) -> sa.ColumnElement[bool]:
    """Whether a ban's time is not over."""
    return (bans.c.until_ms == 0) | (bans.c.until_ms > now_ms)


async def take_bans(conn: AsyncConnection, events: list[dict[str, Any]], now_ms: int) -> None:
    """`banned` lines of the journal; those of before whose time is over go."""
    if not events:
        return
    await conn.execute(sa.delete(bans).where(~holding(now_ms)))
    by_network = {event["network"]: event for event in events}
    rows = [
        {"network": network, "why": event["why"], "made_ms": event["wall_ms"], "until_ms": event["until_ms"]}
        for network, event in by_network.items()
    ]
    insert: Any = sqlite.insert(bans) if is_sqlite(conn) else postgresql.insert(bans)
    await conn.execute(insert.on_conflict_do_nothing(index_elements=["network"]), rows)


async def banned(conn: AsyncConnection, now_ms: int) -> list[Body]:
    """The commands that tell a new store of every ban."""
    rows = await conn.execute(sa.select(bans).where(holding(now_ms)).order_by(bans.c.id))
    return [ban_body(row) for row in rows]


async def all_portings(conn: AsyncConnection) -> Sequence[Row[Any]]:
    """Every list of ported numbers."""
    return (await conn.execute(sa.select(portings).order_by(portings.c.id))).all()
