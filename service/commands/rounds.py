"""Rounds of what is due: each thing in a transaction of its own, under the node's lock.

Whoever does it asks again there whether it is due, so that any number of services do each once; whoever is killed
between two has done the first, and the next round does the second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.commands.outbox import writing
from service.database.engine import reading

Due = TypeVar("Due")


async def each_due(
    engine: AsyncEngine,
    node: str,
    find: Callable[[AsyncConnection], Awaitable[Sequence[Due]]],
    do: Callable[[AsyncConnection, Due], Awaitable[None]],
) -> int:
    """One round; returns how many were due."""
    async with reading(engine) as conn:
        found = await find(conn)
    for one in found:
        async with writing(engine, node) as conn:
            await do(conn, one)
    return len(found)
