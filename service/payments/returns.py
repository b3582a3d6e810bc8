"""What of a payment is away at its gateway: refunded, disputed and not won. Told in any order, as often as it may be.

Refunds are told as one total, disputes each by its name, and Stripe keeps no order: a refund may be told before the
payment, a dispute's end before its beginning. So what was told is kept, and what is away follows from all of it.

A refund that failed is told by its name. Whether it goes out of the total isn't said, so each refund's own part is kept
beside that, where its message tells what the total was before.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.reversal_tables import gateway_returns as told_of
from service.ledger.payments import AMOUNT_MAX_MICROS
from service.payments.stripe import Told, What, micros_of

MADE, FAILED = "made", "failed"
"""What of a refund is kept."""


def _of(gateway_id: int, external: str, currency: str) -> sa.ColumnElement[bool]:
    return (told_of.c.gateway_id == gateway_id) & (told_of.c.external == external) & (told_of.c.currency == currency)


async def note(conn: AsyncConnection, gateway_id: int, told: Told) -> None:
    """Keeps what a message says, also of a payment that nobody has told of. The gateway's row is locked."""
    side = "back_micros" if told.what is What.RETURNED else "again_micros"
    await _keep(conn, gateway_id, told, side, FAILED if told.what is What.FAILED else "")
    if told.more_minor:
        part = told._replace(dispute=told.event, amount_minor=told.more_minor)
        await _keep(conn, gateway_id, part, side, MADE)


async def _keep(conn: AsyncConnection, gateway_id: int, told: Told, side: str, refund: str) -> None:
    values: dict[str, Any] = {side: min(micros_of(told), AMOUNT_MAX_MICROS)}
    one = _of(gateway_id, told.external, told.currency) & (told_of.c.dispute == told.dispute)
    row = (await conn.execute(sa.select(told_of).where(one))).first()
    if row is None:
        named = {"external": told.external, "currency": told.currency, "dispute": told.dispute, "refund": refund}
        await conn.execute(sa.insert(told_of).values(gateway_id=gateway_id, **named, **values))
    elif values[side] > getattr(row, side):
        await conn.execute(sa.update(told_of).where(one).values(**values))


async def away(conn: AsyncConnection, gateway_id: int, external: str, currency: str) -> int:
    """Micro-units; more than was paid where the gateway says so."""
    rows = (await conn.execute(sa.select(told_of).where(_of(gateway_id, external, currency)))).all()
    in_total: int = sum(row.back_micros for row in rows if not row.dispute)
    one_by_one: int = sum(row.back_micros for row in rows if row.refund == MADE)
    failed: int = sum(row.again_micros for row in rows if row.refund == FAILED)
    disputed: int = sum(row.back_micros - row.again_micros for row in rows if row.dispute and not row.refund)
    return max(0, max(in_total, one_by_one) - failed) + max(0, disputed)
