"""Doors that close for a while after wrong passwords, longer each time; the same for addresses that nobody has."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
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


def _who(email: str) -> str:
    return hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()


async def closed_for_ms(conn: AsyncConnection, email: str, now_ms: int) -> int:
    """How long nobody gets in under this address; 0: come in."""
    query = sa.select(sign_in_failures.c.locked_until_ms).where(sign_in_failures.c.who == _who(email))
    return max(0, ((await conn.execute(query)).scalar() or 0) - now_ms)


async def note_failure(conn: AsyncConnection, email: str, now_ms: int) -> int:
    """Counts a failure. Returns how long the door is closed now."""
    who = _who(email)
    row = (await conn.execute(sa.select(sign_in_failures).where(sign_in_failures.c.who == who))).first()
    before = row.failures if row is not None and row.failed_ms + FORGET_MS > now_ms else 0
    closed = delay_ms(before + 1)
    values = {"failures": before + 1, "failed_ms": now_ms, "locked_until_ms": now_ms + closed}
    if row is None:
        await conn.execute(sa.insert(sign_in_failures).values(who=who, **values))
    else:
        await conn.execute(sa.update(sign_in_failures).where(sign_in_failures.c.who == who).values(**values))
    return closed


async def forget_failures(conn: AsyncConnection, email: str) -> None:
    """Somebody got in, or the door was opened by hand."""
    await conn.execute(sa.delete(sign_in_failures).where(sign_in_failures.c.who == _who(email)))
