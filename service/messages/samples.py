"""What a template is tried with: what an account's last mail of the kind said, or would say now."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.api.nouns import BALANCE
from service.billing.cycles import local_date
from service.billing.states import Standing
from service.database.access_tables import mails
from service.database.billing_tables import invoices
from service.database.payment_tables import balance_alerts
from service.database.tables import accounts

OF_INVOICES = frozenset({"invoice", "due_soon", "reminder"})
_P = Permission
NEEDS: dict[str, Permission] = {
    **dict.fromkeys(OF_INVOICES, _P.INVOICES_READ),
    "low_balance": _P.PAYMENTS_READ, "receipt": _P.PAYMENTS_READ, "rate_change": _P.TARIFFS_READ,
    "fraud_alarm": _P.FRAUD_READ, "doctor_failed": _P.SETTINGS_READ, "cdr_file": _P.CDRS_READ, "report": _P.CDRS_READ,
    "dispute": _P.STATEMENTS_READ,
}  # fmt: skip
"""What one must be allowed to see of the account, by kind."""
NEVER = frozenset({"link", "key", "drafted", "user_id"})
"""Fields of a mail that are nobody else's: secrets, and who it was for."""


async def fields_for(conn: AsyncConnection, kind: str, account: Row[Any], invoice_id: int | None) -> dict[str, Any]:
    """As a mail of the kind has them; empty: the account has nothing of it."""
    if kind in OF_INVOICES:
        return await _of_invoice(conn, account.id, invoice_id)
    if kind == "low_balance":
        return await _of_balance(conn, account)
    last = sa.select(mails.c.fields).where((mails.c.account_id == account.id) & (mails.c.template == kind))
    fields: dict[str, Any] = (await conn.execute(last.order_by(mails.c.id.desc()).limit(1))).scalar() or {}
    return {name: value for name, value in fields.items() if name not in NEVER}


async def _of_invoice(conn: AsyncConnection, account_id: int, invoice_id: int | None) -> dict[str, Any]:
    """The one that is named, else the account's last one."""
    query = sa.select(invoices).where((invoices.c.account_id == account_id) & invoices.c.number.is_not(None))
    if invoice_id is not None:
        query = query.where(invoices.c.id == invoice_id)
    row = (await conn.execute(query.order_by(invoices.c.id.desc()).limit(1))).first()
    if row is None:
        return {}
    standing = Standing(row.total_micros, row.paid_micros, row.credited_micros, row.due_ms)
    return {
        "number": row.number, "total": format_micros(row.total_micros), "open": format_micros(standing.open_micros),
        "currency": row.currency, "due": local_date(row.due_ms, row.zone).isoformat(), "invoice_id": row.id,
    }  # fmt: skip


async def _of_balance(conn: AsyncConnection, account: Row[Any]) -> dict[str, Any]:
    balance = (await conn.execute(sa.select(BALANCE).where(accounts.c.id == account.id))).scalar() or 0
    found = {"balance": format_micros(balance), "currency": account.currency}
    of = sa.select(balance_alerts.c.threshold_micros).where(balance_alerts.c.account_id == account.id)
    threshold = (await conn.execute(of.order_by(balance_alerts.c.id).limit(1))).scalar()
    return found if threshold is None else found | {"threshold": format_micros(threshold)}
