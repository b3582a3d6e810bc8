"""Who pays by a tariff: by the account's own, or that of a trunk, a device, a number."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.database.notice_tables import notice_terms
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, trunks


def payers(tariff_id: int) -> sa.Select[Any]:
    """Accounts that pay by it and want to be told, by their numbers. Who is paid by it is a provider, and knows."""
    used = sa.or_(
        accounts.c.tariff_id == tariff_id,
        *(
            accounts.c.id.in_(sa.select(table.c.account_id).where(table.c.tariff_id == tariff_id, _is_used(table)))
            for table in (trunks, devices, numbers)
        ),
    )
    silent = sa.select(notice_terms.c.account_id).where(notice_terms.c.gets.is_(False))
    pays = accounts.c.kind.in_(("customer", "reseller")) & accounts.c.commission.is_(False)
    wanted = pays & (accounts.c.state != "closed") & accounts.c.id.not_in(silent)
    return sa.select(accounts.c.id).where(used & wanted).order_by(accounts.c.id)


def told_by(notice: Row[Any]) -> sa.Select[Any]:
    """Whom a notice tells: all who pay by its tariff, or the one account that came to it."""
    found = payers(notice.tariff_id)
    return found if notice.payer_id is None else found.where(accounts.c.id == notice.payer_id)


def _is_used(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.state != "closed"
