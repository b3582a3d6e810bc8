"""What calls brought an account and what it paid for them, by the hour in which that was booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_sqlite
from service.database.traffic_tables import money_hourly
from service.ledger.rules import BALANCE, COST, REVENUE, Entry, Posting, sum_postings

HOUR_MS = 3_600_000
OF_CALLS = ("charges", "correction")
"""Entries that count."""
BOOKS = (BALANCE, REVENUE, COST)


async def add_money(conn: AsyncConnection, entries: Iterable[Entry]) -> None:
    """Adds the entries' lines to the sums of their hours."""
    by_hour: defaultdict[int, list[Posting]] = defaultdict(list)
    for entry in entries:
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
