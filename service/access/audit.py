"""The audit: who changed what, from where, with the values before and after. Lines are chained by their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.actor import Actor
from service.database.access_tables import audit, audit_head

FIRST_HASH = ""
"""What stands before the first line."""
SLICE_ROWS = 5_000
Values = Mapping[str, Any]


class Change(NamedTuple):
    """What happened to one thing."""

    action: str
    """A noun and a verb in the past's place: `trunk.change`."""
    noun: str
    noun_id: int
    account_id: int
    """Whose thing it is: who sees this account sees the line."""
    before: Values | None = None
    """None: it was made. Never a secret."""
    after: Values | None = None
    """None: it is gone."""


def differing(change: Change) -> Change:
    """Of a thing that was and is, only the fields that differ."""
    if change.before is None or change.after is None:
        return change
    before, after = dict(change.before), dict(change.after)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    return change._replace(
        before={name: before.get(name) for name in changed}, after={name: after.get(name) for name in changed}
    )


def _canonical(values: Values | None) -> str:
    if values is None:
        return ""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


_HASHED = (
    "created_ms", "user_id", "actor", "actor_account_id", "behalf_of_id", "behalf_of", "address", "action", "noun",
    "noun_id", "account_id", "before", "after", "prior_hash",
)  # fmt: skip


def line_hash(line: Mapping[str, Any]) -> str:
    """Of a line with everything but its id and hash."""
    told = json.dumps([line[name] for name in _HASHED], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


async def write(conn: AsyncConnection, actor: Actor, change: Change, now_ms: int) -> None:
    """Adds a line. The caller holds the node's lock; this one is taken after it, always."""
    told = differing(change)
    head = sa.select(audit_head.c.hash).where(audit_head.c.id == 1).with_for_update()
    prior = (await conn.execute(head)).scalar()
    if prior is None:
        prior = FIRST_HASH
        await conn.execute(sa.insert(audit_head).values(id=1, hash=prior))
    line: dict[str, Any] = {
        "created_ms": now_ms,
        "user_id": actor.user_id,
        "actor": actor.name,
        "actor_account_id": actor.own_account_id,
        "behalf_of_id": actor.behalf_of_id,
        "behalf_of": actor.behalf_of,
        "address": actor.address,
        "action": told.action,
        "noun": told.noun,
        "noun_id": told.noun_id,
        "account_id": told.account_id,
        "before": _canonical(told.before),
        "after": _canonical(told.after),
        "prior_hash": prior,
    }
    line["hash"] = line_hash(line)
    await conn.execute(sa.insert(audit).values(line))
    await conn.execute(sa.update(audit_head).where(audit_head.c.id == 1).values(hash=line["hash"]))


class Break(NamedTuple):
    """Where the chain is broken."""

    id: int
    """Of the line; 0: the chain's end is not the one that was noted."""
    what: Literal["missing", "changed", "shortened"]
    """A line before it is gone or was put in; its text is another one; the last lines are gone."""


async def find_break(conn: AsyncConnection) -> Break | None:
    """The first line that isn't what was written; None: the chain holds."""
    prior, last = FIRST_HASH, 0
    while rows := await _slice(conn, last):
        for row in rows:
            if row.prior_hash != prior:
                return Break(row.id, "missing")
            if line_hash(dict(row._mapping)) != row.hash:
                return Break(row.id, "changed")
            prior, last = row.hash, row.id
    head = (await conn.execute(sa.select(audit_head.c.hash).where(audit_head.c.id == 1))).scalar()
    if (head or FIRST_HASH) != prior:
        return Break(0, "shortened")
    return None


async def _slice(conn: AsyncConnection, after: int) -> list[Row[Any]]:
    query = sa.select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(SLICE_ROWS)
    return list(await conn.execute(query))
