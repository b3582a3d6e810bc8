"""What calls brought an account and what it paid for them, by the hour in which that was booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.tables import entries, nodes, postings
from service.database.traffic_tables import money_hourly
from service.ledger.rules import BALANCE, COST, REVENUE, Entry, Posting, sum_postings

HOUR_MS = 3_600_000
OF_CALLS = ("charges", "correction")
"""Entries that count."""
BOOKS = (BALANCE, REVENUE, COST)


def posted() -> sa.Select[Any]:
    """What the lines of all entries come to, by account, hour, book and currency; sums of nothing too."""
    hour_ms = entries.c.created_ms - entries.c.created_ms % HOUR_MS
    key = (postings.c.account_id, hour_ms.label("hour_ms"), postings.c.book, postings.c.currency)
    total = sa.cast(sa.func.sum(postings.c.amount_micros), BIG).label("amount_micros")
    query = sa.select(*key, total).join(entries, entries.c.id == postings.c.entry_id)
    return query.where(entries.c.kind.in_(OF_CALLS) & postings.c.book.in_(BOOKS)).group_by(*key)


async def rebuild_money(conn: AsyncConnection) -> None:
    """All of them anew. Whoever else posts must wait meanwhile."""
    await conn.execute(sa.delete(money_hourly))
    names = [column.name for column in money_hourly.columns]
    found = posted().subquery()
    query = sa.select(*(found.c[name] for name in names)).where(found.c.amount_micros != 0)
    await conn.execute(sa.insert(money_hourly).from_select(names, query))


async def add_up_money(engine: AsyncEngine) -> None:
    """In a transaction of its own, in which nothing is posted."""
    async with engine.begin() as conn:
        await conn.execute(sa.select(nodes.c.id).order_by(nodes.c.id).with_for_update())
        await rebuild_money(conn)


async def add_money(conn: AsyncConnection, fresh: Iterable[Entry]) -> None:
    """Adds the entries' lines to the sums of their hours."""
    by_hour: defaultdict[int, list[Posting]] = defaultdict(list)
    for entry in fresh:
        if entry.kind in OF_CALLS:
            by_hour[entry.created_ms // HOUR_MS * HOUR_MS] += entry.postings
    rows = [
        {**line._asdict(), "hour_ms": hour_ms}
        for hour_ms, lines in sorted(by_hour.items())
        for line in sum_postings(lines)
        if line.book in BOOKS
    ]
    if not rows:
        return
    insert: Any = sqlite.insert(money_hourly) if is_sqlite(conn) else postgresql.insert(money_hourly)
    upsert = insert.on_conflict_do_update(
        index_elements=[column.name for column in money_hourly.primary_key.columns],
        set_={"amount_micros": money_hourly.c.amount_micros + insert.excluded.amount_micros},
    )
    await conn.execute(upsert, rows)
