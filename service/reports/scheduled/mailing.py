"""Queues the mails of reports that are due: in one transaction with the moment of the next, so that each is sent once.

What was slept over is mailed one period after the other, each as its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.commands.outbox import writing
from service.database.access_tables import mails, users
from service.database.engine import looking
from service.database.portal_tables import report_schedules
from service.database.tables import accounts
from service.reports.scheduled.periods import next_due_ms, span_before

TEMPLATE = "report"
_C = report_schedules.c


async def queue_due(engine: AsyncEngine, node: str, now_ms: int) -> bool:
    """One report; False: none is due."""
    due = sa.select(report_schedules).where((_C.state == "active") & (_C.due_ms <= now_ms)).order_by(_C.due_ms, _C.id)
    async with looking(engine) as conn:
        if (await conn.execute(due.limit(1))).first() is None:
            return False
    async with writing(engine, node) as conn:
        row = (await conn.execute(due.limit(1).with_for_update())).first()  # of two services the second finds it told
        if row is not None:
            await _queue(conn, row, now_ms)
    return row is not None


async def _queue(conn: AsyncConnection, row: Row[tuple[object, ...]], now_ms: int) -> None:
    span = span_before(row.period, row.zone, row.due_ms)
    fields = {
        "schedule_id": row.id, "report": row.name, "since": span.first.isoformat(), "until": span.last.isoformat(),
        "since_ms": span.since_ms, "until_ms": span.until_ms, "query": row.query, "zone": row.zone,
        "format": row.format,
    }  # fmt: skip
    people = sa.select(users.c.id, users.c.email).join(accounts, accounts.c.id == users.c.account_id)
    mine = (users.c.account_id == row.account_id) & users.c.id.in_(row.recipients)
    reading = (users.c.state == "active") & (accounts.c.state != "closed")
    letters = [
        {
            "account_id": row.account_id, "recipient": user.email, "template": TEMPLATE, "created_ms": now_ms,
            "fields": {"user_id": user.id, **fields},
        }
        for user in await conn.execute(people.where(mine & reading).order_by(users.c.id))
    ]  # fmt: skip
    if letters:
        await conn.execute(sa.insert(mails), letters)
    values = {"due_ms": next_due_ms(row.period, row.hour, row.zone, row.due_ms), "told_ms": span.until_ms}
    await conn.execute(sa.update(report_schedules).where(_C.id == row.id).values(**values))
