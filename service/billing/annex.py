"""The list of an invoice's calls as CSV, part by part: however many there are, no more than a part is in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.database.billing_tables import invoice_calls
from service.database.tables import cdrs, charges

PART_CALLS = 5_000
_HEAD = ("started", "caller", "called", "destination", "duration_s", "billed_s", "amount", "currency", "call")


async def annex_rows(conn: AsyncConnection, invoice_id: int, after_id: int) -> list[Row[Any]]:
    """The next calls that lines count, behind one."""
    query = (
        sa.select(
            cdrs.c.id, cdrs.c.call, cdrs.c.start_ms, cdrs.c.caller, cdrs.c.called, cdrs.c.destination,
            cdrs.c.duration_ms, charges.c.billed_s, invoice_calls.c.amount_micros,
        )
        .join(invoice_calls, invoice_calls.c.cdr_id == cdrs.c.id)
        .join(charges, (charges.c.cdr_id == cdrs.c.id) & (charges.c.level == invoice_calls.c.level))
        .where((invoice_calls.c.invoice_id == invoice_id) & invoice_calls.c.line_id.is_not(None))
        .where(invoice_calls.c.cdr_id > after_id)
        .order_by(invoice_calls.c.cdr_id)
        .limit(PART_CALLS)
    )  # fmt: skip
    return list(await conn.execute(query))


def annex_text(rows: Iterable[Row[Any]], zone: str, currency: str, *, with_head: bool) -> str:
    """RFC 4180: a line a call, and a line of names before the first one."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    if with_head:
        writer.writerow(_HEAD)
    place = ZoneInfo(zone)
    for row in rows:
        started = datetime.fromtimestamp(row.start_ms // 1000, UTC).astimezone(place).isoformat()
        seconds = f"{row.duration_ms // 1000}.{row.duration_ms % 1000:03}"
        amount = format_micros(row.amount_micros)
        writer.writerow(
            (started, row.caller, row.called, row.destination, seconds, row.billed_s, amount, currency, row.call)
        )
    return out.getvalue()
