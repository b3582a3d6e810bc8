"""Our records of a partner's traffic: what it pays for, what it is paid for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.tables import cdrs, charges
from service.interconnect.reconcile.sides import OurCall

IN, OUT = "in", "out"
COST_LEVEL = -1
"""Instead of a level of `charges`: what the provider gets."""
ROWS_AT_ONCE = 20_000


async def calls_of(
    conn: AsyncConnection, account_id: int, direction: str, since_ms: int, until_ms: int
) -> AsyncIterator[OurCall]:
    """Answered calls that began in a time, as the partner should have them; the end exclusive."""
    query = _out(account_id) if direction == OUT else _in(account_id)
    query = query.where(cdrs.c.outcome == "answered", cdrs.c.start_ms >= since_ms, cdrs.c.start_ms < until_ms)
    found = await conn.stream(query.order_by(cdrs.c.id), execution_options={"yield_per": ROWS_AT_ONCE})
    async for rows in found.partitions():
        for called, sent, caller, start, answer, duration, billed_s, micros, number in rows:
            # what we dialled, if it is not our number with something before it
            shown = called if sent.endswith(called) or direction == IN else sent
            yield OurCall(_digits(shown), _digits(caller), start, answer, duration, billed_s * 1000, micros, number)


def _digits(text: str) -> str:
    return text if text.isdigit() else "".join(one for one in text if one.isdigit())


def _out(account_id: int) -> sa.Select[Any]:
    return sa.select(
        cdrs.c.called, cdrs.c.called_sent, cdrs.c.caller_sent, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.duration_ms,
        cdrs.c.cost_billed_s, cdrs.c.cost_micros, cdrs.c.id,
    ).where(cdrs.c.cost_account_id == account_id, cdrs.c.cost_micros.is_not(None))  # fmt: skip


def _in(account_id: int) -> sa.Select[Any]:
    return (
        sa.select(
            cdrs.c.called, cdrs.c.called_sent, cdrs.c.caller, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.duration_ms,
            charges.c.billed_s, charges.c.charge_micros, cdrs.c.id,
        )
        .join(charges, charges.c.cdr_id == cdrs.c.id)
        .where(charges.c.account_id == account_id)
    )  # fmt: skip
