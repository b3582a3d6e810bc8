"""Addresses that get no broadcast any more in a seller's name."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.access_tables import mails
from service.database.engine import is_sqlite
from service.database.message_tables import suppressions
from service.database.tables import accounts


async def suppress(conn: AsyncConnection, seller_id: int, address: str, reason: str, now_ms: int) -> None:
    """In a seller's name this address gets no broadcast from now on; what was said first stays."""
    insert: Any = sqlite.insert(suppressions) if is_sqlite(conn) else postgresql.insert(suppressions)
    values = {"account_id": seller_id, "address": address, "reason": reason, "created_ms": now_ms}
    await conn.execute(insert.values(**values).on_conflict_do_nothing())


async def mail_of(conn: AsyncConnection, token: str) -> Row[Any] | None:
    """The mail that a link stands in, with its seller; None: it is nobody's."""
    number, _, key = token.partition("-")
    query = sa.select(mails, accounts.c.parent_id).join(accounts, accounts.c.id == mails.c.account_id)
    row = (await conn.execute(query.where(mails.c.id == int(number)))).first()
    known = "" if row is None else str(row.fields.get("key", ""))
    return row if secrets.compare_digest(known, key) else None
