"""What a node's folder has brought into force: it brings it once.

A tariff that somebody has put back, or a ratebook that came from elsewhere at its moment, stays when the service starts
anew: until the folder's own text changes, or somebody says `publish`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.tables import nodes
from service.peers.storage import load_plans
from service.tariffs.content import Content


async def without_brought(conn: AsyncConnection, node: str, content: Content) -> Content:
    """What the folder says anew."""
    brought = (await conn.execute(sa.select(nodes.c.brought).where(nodes.c.name == node))).scalar_one() or {}
    new = {part for part, digest in _digests(content).items() if brought.get(part) != digest}
    return Content(
        {name: one for name, one in content.tariffs.items() if f"tariff {name}" in new},
        {name: plan for name, plan in content.plans.items() if f"plan {name}" in new},
        content.groups if "groups" in new else None,
        content.exchange if "exchange" in new else None,
    )


async def note_brought(conn: AsyncConnection, node: str, content: Content, tried: Content) -> None:
    """All that the folder says, of which this was `tried`. A plan that waits for its gateways is not brought yet."""
    standing = await load_plans(conn)
    late = {name for name, plan in tried.plans.items() if standing.get(name) != plan}
    plans = {name: plan for name, plan in content.plans.items() if name not in late}
    digests = _digests(content._replace(plans=plans))
    await conn.execute(sa.update(nodes).where(nodes.c.name == node).values(brought=digests))


def _digests(content: Content) -> dict[str, str]:
    """Of each part that comes into force by itself."""
    record = content.to_record()
    named = {f"tariff {name}": one.version for name, one in content.tariffs.items()}
    named |= {f"plan {name}": _digest(one) for name, one in record["plans"].items()}
    return named | {part: _digest(record[part]) for part in ("groups", "exchange")}


def _digest(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
