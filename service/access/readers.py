"""Who in an account is to be written to about something: its active people who may see such things."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.access.standing import roles_of_user, standing_of
from service.database.access_tables import users
from service.database.tables import accounts


async def readers_of(
    conn: AsyncConnection, account_ids: Iterable[int], needed: Permission
) -> defaultdict[int, list[Row[Any]]]:
    """By account, its active users who hold the permission, as they stand in `users`."""
    query = sa.select(users, accounts.c.path).join(accounts, accounts.c.id == users.c.account_id)
    query = query.where(users.c.account_id.in_(account_ids) & (users.c.state == "active"))
    rows = (await conn.execute(query.order_by(users.c.id))).all()
    standings = {path: await standing_of(conn, path) for path in sorted({row.path for row in rows})}
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if needed in standings[row.path].of_user(await roles_of_user(conn, row.id)):
            found[row.account_id].append(row)
    return found
