"""Tables of which an account has one row: who it is on paper, its terms, its wishes. Each change raises `version`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_sqlite


async def own_of(conn: AsyncConnection, table: sa.Table, account_id: int) -> Row[Any] | None:
    """An account's row; None: it has none."""
    return (await conn.execute(sa.select(table).where(table.c.account_id == account_id))).first()


async def put_own(conn: AsyncConnection, table: sa.Table, account_id: int, values: dict[str, Any]) -> Row[Any]:
    """Makes or changes an account's row; returns it."""
    insert: Any = sqlite.insert(table) if is_sqlite(conn) else postgresql.insert(table)
    changed = values | {"version": table.c.version + 1}
    upsert = insert.values(account_id=account_id, **values)
    upsert = upsert.on_conflict_do_update(index_elements=["account_id"], set_=changed).returning(table)
    row: Row[Any] = (await conn.execute(upsert)).one()
    return row
