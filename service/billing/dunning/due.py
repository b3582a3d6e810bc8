"""Which steps are due: of open invoices, by their seller's terms, not done yet, of accounts that nobody spares."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.dunning.barring import REASON
from service.billing.states import OPEN_STATES
from service.database.billing_tables import invoices
from service.database.columns import BIG
from service.database.dunning_tables import dunning_actions, dunning_exemptions, dunning_steps
from service.database.tables import accounts

DAY_MS = 86_400_000
_moment = invoices.c.due_ms + dunning_steps.c.days * sa.literal(DAY_MS, BIG)
_COLUMNS = (
    invoices.c.id.label("invoice_id"), dunning_steps.c.kind, dunning_steps.c.days, dunning_steps.c.amount_micros,
    dunning_steps.c.currency.label("fee_currency"), dunning_steps.c.percent_millionths,
)  # fmt: skip


async def due(conn: AsyncConnection, now_ms: int, limit: int) -> list[Row[Any]]:
    """The earliest first."""
    query = _due(now_ms).order_by(_moment, invoices.c.id, dunning_steps.c.kind, dunning_steps.c.days).limit(limit)
    return list(await conn.execute(query))


async def is_due(conn: AsyncConnection, step: Row[Any], now_ms: int) -> bool:
    """Whether it is, still: asked again under the lock."""
    same = (invoices.c.id == step.invoice_id) & (dunning_steps.c.kind == step.kind)
    same &= (dunning_steps.c.days == step.days) & (dunning_steps.c.currency == step.fee_currency)
    return (await conn.execute(_due(now_ms).where(same))).first() is not None


async def has_later(conn: AsyncConnection, step: Row[Any], now_ms: int) -> bool:
    """Whether a later reminder of the same invoice is due as well, which says it all."""
    later = (invoices.c.id == step.invoice_id) & (dunning_steps.c.kind == "reminder")
    later &= dunning_steps.c.days > step.days
    return (await conn.execute(_due(now_ms).where(later).limit(1))).first() is not None


def _due(now_ms: int) -> sa.Select[Any]:
    done = sa.exists().where(
        (dunning_actions.c.invoice_id == invoices.c.id)
        & (dunning_actions.c.kind == dunning_steps.c.kind)
        & (dunning_actions.c.days == dunning_steps.c.days)
    )
    lasting = dunning_exemptions.c.until_ms.is_(None) | (dunning_exemptions.c.until_ms > now_ms)
    spared = sa.exists().where((dunning_exemptions.c.account_id == invoices.c.account_id) & lasting)
    chargeable = dunning_steps.c.currency.in_(("", invoices.c.currency))
    barrable = (dunning_steps.c.kind != "bar") | (accounts.c.state == "active")
    barrable |= accounts.c.suspended_for == REASON  # else it would hide, or be hidden by, another reason
    return (
        sa.select(*_COLUMNS)
        .select_from(invoices)
        .join(dunning_steps, dunning_steps.c.account_id == invoices.c.seller_id)
        .join(accounts, accounts.c.id == invoices.c.account_id)
        .where((invoices.c.kind == "invoice") & invoices.c.state.in_(OPEN_STATES) & (_moment < now_ms))
        .where((accounts.c.state != "closed") & chargeable & barrable & ~done & ~spared)
    )
