"""Single accounts in SQL, each by its row: made, edited, moved. Each change numbers the store's command with it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.rules import DEPTH_MAX
from service.billing.call_taxes import refresh
from service.calls.sums import add_calls, take_out
from service.calls.sums import below as calls_below
from service.commands import bodies
from service.commands.outbox import Command, enqueue_all
from service.database.paths import is_below, path_ids
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, cdrs, gateways, tariffs, trunks
from service.faults import Fault


class Misplaced(Fault):
    """An account can't stand where it is wanted."""


def below(path: str) -> sa.ColumnElement[bool]:
    """An account and everything below it: one range of the index."""
    return is_below(accounts.c.path, path)


async def reload(conn: AsyncConnection, account_id: int) -> Row[Any]:
    """The row as it stands now."""
    return (await conn.execute(sa.select(accounts).where(accounts.c.id == account_id))).one()


async def tell(conn: AsyncConnection, node: str, account_id: int, now_ms: int) -> Row[Any]:
    """Numbers the command that brings the store to the row; returns the row."""
    row = await reload(conn, account_id)
    await enqueue_all(conn, node, [Command(bodies.account_body(row))], now_ms=now_ms)
    return row


async def insert(conn: AsyncConnection, node: str, parent: Row[Any], values: dict[str, Any], now_ms: int) -> Row[Any]:
    """Makes an account below another one. Raises Misplaced."""
    if parent.depth >= DEPTH_MAX:
        raise Misplaced(f"the tree has at most {DEPTH_MAX} levels below the operator")
    fixed = {"parent_id": parent.id, "depth": parent.depth + 1, "path": "", "created_ms": now_ms}
    made = await conn.execute(sa.insert(accounts).values(**values, **fixed).returning(accounts.c.id))
    number = int(made.scalar_one())
    await conn.execute(sa.update(accounts).where(accounts.c.id == number).values(path=f"{parent.path}{number}/"))
    return await tell(conn, node, number, now_ms)


async def update(conn: AsyncConnection, node: str, account_id: int, values: dict[str, Any], now_ms: int) -> Row[Any]:
    """Changes columns that don't say where it stands."""
    values = values | {"version": accounts.c.version + 1}
    await conn.execute(sa.update(accounts).where(accounts.c.id == account_id).values(**values))
    if "commission" in values:
        await refresh(conn, node, now_ms)
    return await tell(conn, node, account_id, now_ms)


async def move(conn: AsyncConnection, node: str, account: Row[Any], parent: Row[Any], now_ms: int) -> Row[Any]:
    """Hangs an account with all below it under another one. Raises Misplaced."""
    if parent.path.startswith(account.path):
        raise Misplaced("an account can't stand below itself")
    deeper = parent.depth + 1 - account.depth
    deepest = sa.select(sa.func.max(accounts.c.depth)).where(below(account.path))
    if (await conn.execute(deepest)).scalar_one() + deeper > DEPTH_MAX:
        raise Misplaced(f"the tree has at most {DEPTH_MAX} levels below the operator")
    path, tops = f"{parent.path}{account.id}/", set(path_ids(account.path)[:-1]) ^ set(path_ids(parent.path))
    if tops:
        await take_out(conn, calls_below(account.path), tops)
    rest = sa.func.substr(accounts.c.path, len(account.path) + 1)
    statement = sa.update(accounts).where(below(account.path))
    await conn.execute(statement.values(path=sa.literal(path) + rest, depth=accounts.c.depth + deeper))
    values = {"parent_id": parent.id, "version": accounts.c.version + 1}
    await conn.execute(sa.update(accounts).where(accounts.c.id == account.id).values(**values))
    if tops:
        await add_calls(conn, calls_below(path), tops)
    await refresh(conn, node, now_ms)
    return await tell(conn, node, account.id, now_ms)


async def has_open_below(conn: AsyncConnection, account: Row[Any]) -> bool:
    """Whether any account below it isn't closed."""
    query = sa.select(accounts.c.id).where(below(account.path) & (accounts.c.id != account.id))
    return (await conn.execute(query.where(accounts.c.state != "closed").limit(1))).first() is not None


async def name_is_taken(conn: AsyncConnection, parent_id: int, name: str, but: int = 0) -> bool:
    """Whether a sibling has this name."""
    where = (accounts.c.parent_id == parent_id) & (accounts.c.name == name) & (accounts.c.id != but)
    return (await conn.execute(sa.select(accounts.c.id).where(where))).first() is not None


async def has_gateways(conn: AsyncConnection, account_id: int) -> bool:
    """Whether calls may be sent to it."""
    query = sa.select(gateways.c.id).where(gateways.c.account_id == account_id)
    return (await conn.execute(query.limit(1))).first() is not None


async def was_paid(conn: AsyncConnection, account_id: int) -> bool:
    """Whether a call has ever cost anything of it: its balance and statements say what, to whoever stands above it."""
    query = sa.select(cdrs.c.id).where(cdrs.c.cost_account_id == account_id)
    return (await conn.execute(query.limit(1))).first() is not None


async def is_closed(conn: AsyncConnection, account_id: int) -> bool:
    """Whether an account is closed."""
    state: str = (await reload(conn, account_id)).state
    return state == "closed"


async def strange_tariffs(conn: AsyncConnection, account: Row[Any], parent: Row[Any]) -> list[str]:
    """Names of tariffs that the account and what stands below it pay by, and whose seller would not be above them any
    more if it stood under another parent.
    """
    moved = sa.select(accounts.c.id).where(below(account.path))
    used = [sa.select(accounts.c.tariff_id).where(accounts.c.id.in_(moved))]
    used += [
        sa.select(table.c.tariff_id).where(table.c.account_id.in_(moved))
        for table in (trunks, devices, numbers, gateways)
    ]
    stays = tariffs.c.owner_id.in_(path_ids(parent.path)) | tariffs.c.owner_id.in_(moved)
    query = sa.select(tariffs.c.name).where(sa.or_(*(tariffs.c.id.in_(one) for one in used)) & ~stays)
    return list((await conn.execute(query.order_by(tariffs.c.name).limit(10))).scalars())
