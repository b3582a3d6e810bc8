"""Cuts files: each call that concerns a delivery into exactly one, whatever is killed and however many are at work.

The border is a record's number below which none can appear any more: it is taken while every node's row is locked, and
records are written only under such a lock. What is behind it, the late ones too, comes into the next file. File and
position are written in one transaction, if the position still stands where it was read.
"""

from __future__ import annotations

import asyncio
import zlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import reading
from service.database.tables import accounts, cdrs, nodes
from service.delivery.calls import calls_of
from service.delivery.columns import file_text
from service.delivery.periods import next_cut_ms

CALLS_MAX = 50_000
"""Of a file: what has more becomes several."""
AT_ONCE = 100


class Cut(NamedTuple):
    """What a look at a delivery comes to."""

    calls: list[Row[Any]]
    """Of the file; none: there is no file."""
    last_id: int
    due_ms: int


class Cutter:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, calls_max: int = CALLS_MAX) -> None:
        self._engine = engine
        self._calls_max = calls_max

    async def cut_due(self, now_ms: int) -> int:
        """One round; returns how many deliveries were due."""
        due = (cdr_deliveries.c.state == "active") & (cdr_deliveries.c.due_ms <= now_ms)
        chosen = sa.select(cdr_deliveries.c.id).where(due).order_by(cdr_deliveries.c.due_ms).limit(AT_ONCE)
        async with reading(self._engine) as conn:
            ids = list((await conn.execute(chosen)).scalars())
        if not ids:
            return 0
        border_id = await self._border()
        for number in ids:
            await self._cut(number, border_id, now_ms)
        return len(ids)

    async def _border(self) -> int:
        """The last record there is, while nobody can be about to write an earlier one."""
        async with self._engine.begin() as conn:
            await conn.execute(sa.select(nodes.c.id).order_by(nodes.c.id).with_for_update())
            return int((await conn.execute(sa.select(sa.func.coalesce(sa.func.max(cdrs.c.id), 0)))).scalar_one())

    async def _cut(self, number: int, border_id: int, now_ms: int) -> None:
        query = sa.select(cdr_deliveries, accounts.c.kind.label("account_kind"))
        query = query.join(accounts, accounts.c.id == cdr_deliveries.c.account_id)
        async with reading(self._engine) as conn:
            row = (await conn.execute(query.where(cdr_deliveries.c.id == number))).first()
            if row is None:
                return
            limit = row.every_calls if row.period == "calls" else self._calls_max
            calls = await calls_of(conn, row, border_id, limit)
        cut = _judged(row, calls, limit, border_id, now_ms)
        await self._write(row, cut, now_ms)

    async def _write(self, row: Row[Any], cut: Cut, now_ms: int) -> None:
        """Unless somebody was faster, or has changed the delivery."""
        content = await asyncio.to_thread(_packed, row, cut.calls) if cut.calls else b""
        values = {"position": cut.last_id, "due_ms": cut.due_ms, "files": row.files + bool(cut.calls)}
        told = ("position", "files", "due_ms", "version", "state")
        stands = sa.and_(
            cdr_deliveries.c.id == row.id, *(cdr_deliveries.c[name] == getattr(row, name) for name in told)
        )
        async with self._engine.begin() as conn:
            moved = await conn.execute(sa.update(cdr_deliveries).where(stands).values(**values))
            if moved.rowcount and cut.calls:
                await conn.execute(sa.insert(cdr_files).values(**_file(row, cut, now_ms), content=content))


def _judged(row: Row[Any], calls: list[Row[Any]], limit: int, border_id: int, now_ms: int) -> Cut:
    """A full file leaves the rest for the next one, at once; of `calls` no other is made."""
    later_ms = next_cut_ms(row.period, row.zone, now_ms)
    if len(calls) == limit:
        return Cut(calls, calls[-1].id, row.due_ms)
    last_id = max(border_id, row.position)
    if row.period == "calls":  # up to the first one that waits for more, so that the next look is short
        return Cut([], calls[0].id - 1 if calls else last_id, later_ms)
    return Cut(calls, last_id, later_ms)


def _packed(row: Row[Any], calls: list[Row[Any]]) -> bytes:
    return zlib.compress(file_text(calls, row.columns, zone=row.zone, separator=row.separator).encode())


def _file(row: Row[Any], cut: Cut, now_ms: int) -> dict[str, Any]:
    """Its name says which delivery's it is, its number, and when (UTC) it was cut."""
    number = row.files + 1
    name = f"cdrs-{row.id}-{number:06}-{datetime.fromtimestamp(now_ms // 1000, UTC):%Y%m%dT%H%M%SZ}.csv"
    ids = {"after_id": row.position, "last_id": cut.last_id, "calls": len(cut.calls)}
    return {"delivery_id": row.id, "number": number, "name": name, **ids, "next_ms": now_ms, "cut_ms": now_ms}
