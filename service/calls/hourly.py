"""Traffic by the hour: sums that every reader of plots and reports goes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.calls.records import TRAFFIC_SUMS, Row
from service.database.engine import is_sqlite
from service.database.tables import traffic_hourly

_KEY = [column.name for column in traffic_hourly.primary_key.columns]


async def add_hourly(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    """Adds to the sums, in the transaction that makes them true; below zero where a charge fell."""
    if not rows:
        return
    insert: Any = sqlite.insert(traffic_hourly) if is_sqlite(conn) else postgresql.insert(traffic_hourly)
    upsert = insert.on_conflict_do_update(
        index_elements=_KEY, set_={name: traffic_hourly.c[name] + insert.excluded[name] for name in TRAFFIC_SUMS}
    )
    await conn.execute(upsert, rows)
