"""Whom mails about an account's money go to: the contact that it names on paper, and its people who may see them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.access.standing import roles_of_user, standing_of
from service.database.access_tables import users
from service.database.tables import accounts

RECIPIENTS_MAX = 20


async def recipients_of(
    conn: AsyncConnection, account_id: int, contact: str, permission: Permission = Permission.INVOICES_READ
) -> dict[str, int]:
    """Addresses with the numbers of their users (0: none's), each once whatever its case, the contact first."""
    contact = contact.strip()
    found = {contact.lower(): (contact, 0)} if "@" in contact else {}
    path = sa.select(accounts.c.path).where(accounts.c.id == account_id)
    standing = await standing_of(conn, (await conn.execute(path)).scalar_one())
    active = (users.c.account_id == account_id) & (users.c.state == "active")
    for row in await conn.execute(sa.select(users.c.id, users.c.email).where(active).order_by(users.c.id)):
        if len(found) == RECIPIENTS_MAX:
            break
        if permission in standing.of_user(await roles_of_user(conn, row.id)):
            found[row.email.lower()] = (row.email, row.id)
    return dict(found.values())
