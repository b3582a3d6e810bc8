"""Subscriptions with all that their steps depend on, read under the node's lock."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import seller_of
from service.database.peer_tables import numbers
from service.database.product_tables import products, subscriptions
from service.database.tables import accounts


class Subject(NamedTuple):
    """A subscription as it stands."""

    row: Row[Any]
    """Of `subscriptions`."""
    product: Row[Any]
    account: Row[Any]
    seller_id: int
    """Whom the account pays now."""
    number: Row[Any] | None
    """What is rented; None: nothing, or it is gone, or somebody else's by now."""


async def load(conn: AsyncConnection, number: int) -> Subject:
    """One."""
    row = (await conn.execute(sa.select(subscriptions).where(subscriptions.c.id == number))).one()
    product = (await conn.execute(sa.select(products).where(products.c.id == row.product_id))).one()
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    own = (numbers.c.id == row.number_id) & (numbers.c.account_id == account.id)
    rented = None if row.number_id is None else (await conn.execute(sa.select(numbers).where(own))).first()
    return Subject(row, product, account, await seller_of(conn, account), rented)


async def of_operation(conn: AsyncConnection, operation: int) -> Subject | None:
    """That which waits for an operation; None: it doesn't any more."""
    query = sa.select(subscriptions.c.id).where(subscriptions.c.operation_id == operation)
    number = (await conn.execute(query)).scalar()
    return None if number is None else await load(conn, number)


async def change(conn: AsyncConnection, subject: Subject, **values: Any) -> None:
    """Writes what has become of it."""
    changed = sa.update(subscriptions).where(subscriptions.c.id == subject.row.id)
    await conn.execute(changed.values(**values, version=subscriptions.c.version + 1))


async def due(conn: AsyncConnection, now_ms: int, limit: int) -> list[int]:
    """Those that are to be looked after, the longest due first."""
    is_due = (subscriptions.c.next_ms > 0) & (subscriptions.c.next_ms <= now_ms)
    query = sa.select(subscriptions.c.id).where(is_due).order_by(subscriptions.c.next_ms, subscriptions.c.id)
    return list((await conn.execute(query.limit(limit))).scalars())
