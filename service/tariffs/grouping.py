"""Destination groups: that what names one names one, and that the call path knows at a start what the ledger says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.engine import reading
from service.tariffs.rates import write_groups
from service.tariffs.switching import load_groups

GROUPS_TOLD_MAX = 30
"""In a refusal."""


class NoSuchGroup(NamedTuple):
    """A name that is no destination group's."""

    at: int
    """Which of those that were asked about."""
    problem: str


async def unknown_group(conn: AsyncConnection, names: Sequence[str]) -> NoSuchGroup | None:
    """The first of them that is no destination group; None: all are."""
    known = {group.name for group in await load_groups(conn)} if names else set()
    for at, name in enumerate(names):
        if name not in known:
            listed = ", ".join(sorted(known)[:GROUPS_TOLD_MAX]) or "none"
            return NoSuchGroup(at, f"there is no destination group {name!r}: groups.yaml of the ratebook has {listed}")
    return None


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
