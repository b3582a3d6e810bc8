"""Events, written down in the transaction that makes them true: nobody is told what didn't happen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.api.values import moment_text
from service.database.paths import path_ids
from service.database.tables import accounts
from service.database.webhook_tables import deliveries, webhooks


class Event(StrEnum):
    """What can be told."""

    PAYMENT_POSTED = "payment.posted"
    """A payment, a correction, a refund, a transfer or a write-off stands in an account's books."""
    BALANCE_NEGATIVE = "balance.negative"
    """A balance has fallen below nothing."""
    BALANCE_LOW = "balance.low"
    """A balance has fallen below a threshold that somebody asked to be told of."""
    BALANCE_RESTORED = "balance.restored"
    """It is nothing or more again."""
    INVOICE_ISSUED = "invoice.issued"
    """An invoice has its number; what it comes to, and until when it is to be paid."""
    DOCTOR_FAILED = "doctor.failed"
    """A rule of the books is broken, as the doctor found at night; once until it is mended. The operator's."""
    FRAUD_ALARM = "fraud.alarm"
    """A limit was crossed, or calls look like fraud; what was done about it."""


async def emit(conn: AsyncConnection, event: Event, account_id: int, data: Mapping[str, Any], now_ms: int) -> None:
    """For every webhook of the account and of those above it that asks for this event."""
    path = (await conn.execute(sa.select(accounts.c.path).where(accounts.c.id == account_id))).scalar_one()
    above = path_ids(path)
    wanted = sa.select(webhooks.c.id, webhooks.c.events).where(webhooks.c.account_id.in_(above))
    rows = await conn.execute(wanted.where(webhooks.c.state == "active"))
    ids = [row.id for row in rows if event in row.events]
    if not ids:
        return
    told = {"type": event.value, "timestamp": moment_text(now_ms), "data": {"account_id": account_id, **data}}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    row = {"event": event.value, "body": body, "next_ms": now_ms, "created_ms": now_ms}
    await conn.execute(sa.insert(deliveries), [{"webhook_id": number, **row} for number in ids])


async def has_any(conn: AsyncConnection) -> bool:
    """Whether anybody wants to be told anything: where nobody does, an event costs this look and no more."""
    return (await conn.execute(sa.select(webhooks.c.id).limit(1))).first() is not None
