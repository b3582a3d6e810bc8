"""A broadcast's life. Who gets it is fixed in the transaction that begins it: one row of the queue for each address.

draft → scheduled → running ⇄ paused, then done; cancelled from any of them but done.
Nobody writes for who is suspended: it is paused then by itself, or when it would have begun, and says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.access.actor import local_actor
from service.access.audit import Change
from service.access.audit import write as write_audit
from service.commands.outbox import writing
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.message_tables import broadcasts
from service.database.paths import path_ids
from service.database.tables import accounts
from service.messages.audience import Audience, Chosen

TEMPLATE = "broadcast"
ACTOR = "broadcasts"
SUSPENDED = "suspended"
"""Why one is paused: who sends it, or stands above, is suspended or closed."""
MINUTE_MS = 60_000
ROWS_AT_ONCE = 1_000
MAY = {
    "start": ("draft",),
    "pause": ("running",),
    "resume": ("paused",),
    "cancel": ("draft", "scheduled", "running", "paused"),
}
"""What may be done in which states."""


async def chosen_of(conn: AsyncConnection, row: Row[Any]) -> Chosen:
    """Whom a broadcast would go to now."""
    audience = Audience.model_construct(**row.audience)  # as it was checked and kept
    numbers = {row.account_id, audience.below_id or row.account_id}
    found = await conn.execute(sa.select(accounts.c.id, accounts.c.path).where(accounts.c.id.in_(numbers)))
    paths: dict[int, str] = {one.id: one.path for one in found}
    return Chosen(paths[row.account_id], audience, paths[audience.below_id] if audience.below_id else None)


async def stopped_among(conn: AsyncConnection, paths: Collection[str]) -> set[str]:
    """Of these accounts, by their paths, those that are suspended or closed, or stand below one that is."""
    above = {step for path in paths for step in path_ids(path)}
    query = sa.select(accounts.c.id).where(accounts.c.id.in_(above) & (accounts.c.state != "active"))
    stopped = set((await conn.execute(query)).scalars()) if above else set()
    return {path for path in paths if stopped & {*path_ids(path)}}


async def _stopped(conn: AsyncConnection, now_ms: int) -> list[int]:
    """Broadcasts that go on, or would begin, in the name of somebody who is suspended."""
    query = sa.select(broadcasts.c.id, accounts.c.path).join(accounts, accounts.c.id == broadcasts.c.account_id)
    rows = (await conn.execute(query.where(_goes_on(now_ms)))).all()
    stopped = await stopped_among(conn, {row.path for row in rows})
    return [row.id for row in rows if row.path in stopped]


def _due(now_ms: int) -> sa.ColumnElement[bool]:
    return (broadcasts.c.state == "scheduled") & (broadcasts.c.start_ms <= now_ms)


def _goes_on(now_ms: int) -> sa.ColumnElement[bool]:
    return (broadcasts.c.state == "running") | _due(now_ms)


async def _pause(conn: AsyncConnection, stopped: sa.ColumnElement[bool], now_ms: int) -> None:
    values = {"state": "paused", "paused_ms": now_ms, "paused_why": SUSPENDED, "version": broadcasts.c.version + 1}
    paused = sa.update(broadcasts).where(stopped).values(**values).returning(broadcasts.c.id, broadcasts.c.account_id)
    for row in (await conn.execute(paused)).all():
        told = {"state": "paused", "paused_why": SUSPENDED}
        change = Change("broadcast.pause", "broadcast", row.id, row.account_id, None, told)
        await write_audit(conn, local_actor("")._replace(name=ACTOR), change, now_ms)


async def begin_due(
    engine: AsyncEngine, node: str, now_ms: int, *, new_key: Callable[[], str] = lambda: secrets.token_hex(16)
) -> int:
    """Begins what is due, pauses what nobody may send now, ends what has nothing left to send; how many began."""
    due = _due(now_ms)
    left = sa.select(mails.c.id).where((mails.c.broadcast_id == broadcasts.c.id) & (mails.c.state == "waiting"))
    over = (broadcasts.c.state == "running") & ~left.exists()
    async with reading(engine) as conn:
        is_some = (await conn.execute(sa.select(broadcasts.c.id).where(due | over).limit(1))).first() is not None
        if not is_some and not await _stopped(conn, now_ms):
            return 0
    async with writing(engine, node) as conn:
        stopped = broadcasts.c.id.in_(await _stopped(conn, now_ms)) & _goes_on(now_ms)
        await _pause(conn, stopped & ~over, now_ms)
        chosen = sa.select(broadcasts).where(due).order_by(broadcasts.c.id)
        rows = (await conn.execute(chosen.with_for_update())).all()  # of two services the second finds them begun
        for row in rows:
            await _begin(conn, row, now_ms, new_key)
        await conn.execute(sa.update(broadcasts).where(over).values(state="done", done_ms=now_ms))
    return len(rows)


async def _begin(conn: AsyncConnection, row: Row[Any], now_ms: int, new_key: Callable[[], str]) -> None:
    people = (await conn.execute((await chosen_of(conn, row)).people())).all()
    wanted = [
        {
            "account_id": one.account_id,
            "recipient": one.email,
            "template": TEMPLATE,
            "fields": {"user_id": one.id, "key": new_key()},
            "broadcast_id": row.id,
            "next_ms": now_ms + index * MINUTE_MS // row.per_minute,
            "created_ms": now_ms,
        }
        for index, one in enumerate(people)
    ]
    for first in range(0, len(wanted), ROWS_AT_ONCE):
        await conn.execute(sa.insert(mails), wanted[first : first + ROWS_AT_ONCE])
    values = {"state": "running", "start_ms": now_ms, "version": broadcasts.c.version + 1}
    await conn.execute(sa.update(broadcasts).where(broadcasts.c.id == row.id).values(**values))


async def _has_begun(conn: AsyncConnection, row: Row[Any]) -> bool:
    return (
        await conn.execute(sa.select(mails.c.id).where(mails.c.broadcast_id == row.id).limit(1))
    ).first() is not None


async def move(conn: AsyncConnection, row: Row[Any], deed: str, now_ms: int, start_ms: int = 0) -> Row[Any]:
    """Starts (at `start_ms`), pauses, resumes or cancels one that may be; as it stands then."""
    values: dict[str, Any] = {
        "start": {"state": "scheduled", "start_ms": start_ms},
        "pause": {"state": "paused", "paused_ms": now_ms},
        "resume": {"state": "running", "paused_ms": 0, "paused_why": ""},
        "cancel": {"state": "cancelled", "done_ms": now_ms},
    }[deed]
    waiting = (mails.c.broadcast_id == row.id) & (mails.c.state == "waiting")
    if deed == "resume" and not await _has_begun(conn, row):  # it was paused before anybody was written to
        values |= {"state": "scheduled", "start_ms": now_ms}
    elif deed == "resume":  # the pace stays what it was
        later = sa.update(mails).where(waiting & (mails.c.next_ms > row.paused_ms))
        await conn.execute(later.values(next_ms=mails.c.next_ms + now_ms - row.paused_ms))
    if deed == "cancel":
        await conn.execute(sa.update(mails).where(waiting).values(state="cancelled", done_ms=now_ms))
    moved = sa.update(broadcasts).where(broadcasts.c.id == row.id)
    moved = moved.values(**values, version=broadcasts.c.version + 1)
    found: Row[Any] = (await conn.execute(moved.returning(broadcasts))).one()
    return found
