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
    """Calls that began in a time, answered ones and others that cost something, as the partner should have them; the
    end exclusive.
    """
    query, micros = _out(account_id) if direction == OUT else _in(account_id)
    counts = (cdrs.c.outcome == "answered") | (micros != 0)
    query = query.where(counts, cdrs.c.start_ms >= since_ms, cdrs.c.start_ms < until_ms)
    found = await conn.stream(query.order_by(cdrs.c.id), execution_options={"yield_per": ROWS_AT_ONCE})
    async for rows in found.partitions():
        for called, sent, caller, start, answer, duration, billed_s, amount, number, tried in rows:
            # what we dialled, if it is not our number with something before it
            shown = called if sent.endswith(called) or direction == IN else sent
            began = tried[-1][2] if tried else start  # what a provider has of an attempt begins with its own INVITE
            moments = (began, answer or began)
            yield OurCall(_digits(shown), _digits(caller), *moments, duration, billed_s * 1000, amount, number)


def _digits(text: str) -> str:
    return text if text.isdigit() else "".join(one for one in text if one.isdigit())


def _out(account_id: int) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
    tried = sa.case((cdrs.c.outcome != "answered", cdrs.c.attempts))
    query = sa.select(
        cdrs.c.called, cdrs.c.called_sent, cdrs.c.caller_sent, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.duration_ms,
        cdrs.c.cost_billed_s, cdrs.c.cost_micros, cdrs.c.id, tried,
    )  # fmt: skip
    return query.where(cdrs.c.cost_account_id == account_id, cdrs.c.cost_micros.is_not(None)), cdrs.c.cost_micros


def _in(account_id: int) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
    query = sa.select(
        cdrs.c.called, cdrs.c.called_sent, cdrs.c.caller, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.duration_ms,
        charges.c.billed_s, charges.c.charge_micros, cdrs.c.id, sa.null(),
    )  # fmt: skip
    query = query.join(charges, charges.c.cdr_id == cdrs.c.id).where(charges.c.account_id == account_id)
    return query, charges.c.charge_micros
