"""Looks for patterns in the call records of each pattern's window; blocks for a while are lifted here too."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.commands.outbox import writing
from service.config import Config
from service.database.engine import reading
from service.database.fraud_tables import alarms, call_patterns
from service.database.tables import accounts, cdrs
from service.fraud.alarms import Raised, give, lift_due
from service.fraud.patterns import (
    KINDS,
    SEQUENTIAL,
    Count,
    is_crossed,
    longest_run,
    pattern_text,
    seen_text,
    whose_calls,
)

NUMBERS_MAX = 20_000
"""Different numbers of a window that are looked at."""


class PatternWatch:
    """Of one service. What it has found is in the ledger: however many services look, an alarm is given once."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._seen_cdr = -1

    async def look(self, now_ms: int) -> int:
        """One round; how many alarms it gave."""
        async with reading(self._engine) as conn:
            newest, found = await self._found(conn, now_ms)
            is_due = sa.select(alarms.c.id).where((alarms.c.lifted_ms == 0) & (alarms.c.until_ms > 0))
            due = (await conn.execute(is_due.where(alarms.c.until_ms <= now_ms).limit(1))).first() is not None
        if due:
            async with writing(self._engine, self._config.node) as conn:
                await lift_due(conn, self._config.node, now_ms)
        given = 0
        for pattern, count in found:
            given += await self._note(pattern, count, now_ms)
        self._seen_cdr = newest
        return given

    async def _found(self, conn: AsyncConnection, now_ms: int) -> tuple[int, list[tuple[Row[Any], Count]]]:
        """The last call record, and the patterns that are crossed and have not been, or have been and are no more."""
        newest = (await conn.execute(sa.select(sa.func.max(cdrs.c.id)))).scalar_one() or 0
        columns = sa.select(call_patterns, (accounts.c.provides | (accounts.c.kind == "provider")).label("provides"))
        query = columns.join(accounts, accounts.c.id == call_patterns.c.account_id).order_by(call_patterns.c.id)
        if newest == self._seen_cdr:
            query = query.where(call_patterns.c.alarmed_ms > 0)  # nothing new can have crossed another one
        found = []
        for pattern in (await conn.execute(query)).all():
            count = await count_of(conn, pattern, now_ms)
            if is_crossed(pattern, count) == (pattern.alarmed_ms == 0):
                found.append((pattern, count))
        return newest, found

    async def _note(self, pattern: Row[Any], count: Count, now_ms: int) -> int:
        """The alarm, unless another service was faster; or that the crossing is over. How many alarms."""
        crossed = pattern.alarmed_ms == 0
        same = (call_patterns.c.id == pattern.id) & (call_patterns.c.alarmed_ms == pattern.alarmed_ms)
        values = {"alarmed_ms": now_ms if crossed else 0}
        async with writing(self._engine, self._config.node) as conn:
            noted = sa.update(call_patterns).where(same).values(**values).returning(call_patterns.c.id)
            if (await conn.execute(noted)).first() is None or not crossed:
                return 0
            until_ms = now_ms + pattern.window_s * 1000 if pattern.action == "block" else 0
            raised = Raised(
                account_id=pattern.account_id,
                set_by=pattern.set_by,
                rule=f"{pattern.name}: {pattern_text(pattern)}",
                seen=seen_text(pattern, count),
                action=pattern.action,
                raised_ms=now_ms,
                trunk_id=pattern.trunk_id or 0,
                gateway_id=pattern.gateway_id or 0,
                pattern_id=pattern.id,
                until_ms=until_ms,
            )
            await give(conn, self._config.node, raised, now_ms)
        return 1


async def count_of(conn: AsyncConnection, pattern: Row[Any], now_ms: int) -> Count:
    """What the pattern's window holds at a moment."""
    where = whose_calls(pattern, now_ms - pattern.window_s * 1000)
    if pattern.kind == SEQUENTIAL:
        numbers = sa.select(cdrs.c.called).where(where).distinct().limit(NUMBERS_MAX)
        called = [*(await conn.execute(numbers)).scalars()]
        return Count(len(called), longest_run(called))
    kind = KINDS[pattern.kind]
    bad = kind.counted & kind.suspicious & (kind.time_ms < pattern.shorter_ms)
    sums = [sa.func.sum(sa.case((one, 1), else_=0)) for one in (kind.counted, bad)]
    row = (await conn.execute(sa.select(*sums).select_from(cdrs).where(where))).one()
    return Count(int(row[0] or 0), int(row[1] or 0))
