"""Doors that close for a while after wrong passwords, longer each time; the same for addresses that nobody has.

Each user has one of their own: whoever gives somebody else's address to a user of theirs opens nothing by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.access_tables import sign_in_failures

FREE_FAILURES = 4
"""So many wrong passwords close nothing."""
DELAY_MAX_MS = 15 * 60_000
FORGET_MS = 24 * 60 * 60_000
"""Failures count no longer after a day without one."""


def delay_ms(failures: int) -> int:
    """How long the door stays closed after so many failures in a row: 1 s, 2 s, 4 s … 15 minutes."""
    late = failures - FREE_FAILURES
    return 0 if late <= 0 else min(DELAY_MAX_MS, 1000 << min(late - 1, 20))


def door_of(user_id: int) -> str:
    """Of somebody who is known; the door of an address that nobody has is that address."""
    return f"user {user_id}"


def _who(door: str) -> str:
    return hashlib.sha256(door.encode("utf-8", "surrogatepass")).hexdigest()


class Knock(NamedTuple):
    """At a door."""

    waits_ms: int
    """So long it is closed still: nothing was counted, and nobody looks at what was said; 0: it was open."""
    closed_ms: int = 0
    """So long it is closed from now on, unless what was said is right."""
    before: Mapping[str, int] = {}
    """What was counted before it,"""
    after: Mapping[str, int] = {}
    """and with it."""


async def knock(conn: AsyncConnection, door: str, now_ms: int) -> Knock:
    """Counts a failure before anybody looks whether it is one: of many at once no more are looked at than one after the
    other would be. What was right is forgotten or taken back.
    """
    row = await _counted(conn, door)
    if row.locked_until_ms > now_ms:
        return Knock(row.locked_until_ms - now_ms)
    failures = 1 + (row.failures if row.failed_ms + FORGET_MS > now_ms else 0)
    values = {"failures": failures, "failed_ms": now_ms, "locked_until_ms": now_ms + delay_ms(failures)}
    await conn.execute(sa.update(sign_in_failures).where(sign_in_failures.c.who == row.who).values(**values))
    return Knock(0, delay_ms(failures), {name: getattr(row, name) for name in values}, values)


async def take_back(conn: AsyncConnection, door: str, knock: Knock) -> None:
    """It was no failure, though nobody got in: as before, or one the less if others were counted meanwhile."""
    row = await _counted(conn, door)
    is_last = all(getattr(row, name) == value for name, value in knock.after.items())
    values = knock.before if is_last else {"failures": max(0, row.failures - 1)}
    await conn.execute(sa.update(sign_in_failures).where(sign_in_failures.c.who == row.who).values(**values))


async def _counted(conn: AsyncConnection, door: str) -> Row[Any]:
    """What is known of a door, nobody else's until the transaction's end."""
    who = _who(door)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    fresh = insert(sign_in_failures).values(who=who, failures=0, failed_ms=0)
    await conn.execute(fresh.on_conflict_do_nothing())
    query = sa.select(sign_in_failures).where(sign_in_failures.c.who == who)
    return (await conn.execute(query.with_for_update())).one()


async def forget_failures(conn: AsyncConnection, door: str) -> None:
    """Somebody got in, or the door was opened by hand."""
    await conn.execute(sa.delete(sign_in_failures).where(sign_in_failures.c.who == _who(door)))
