"""Accounts in SQL. Each change numbers the store's command in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.naming import joined, last_of, meant, told_apart
from service.accounts.rules import ROOT_ID, ROOT_NAME
from service.commands import bodies
from service.commands.outbox import Command, enqueue_all
from service.database.paths import is_below, path_ids
from service.database.tables import accounts, postings
from service.faults import Fault


class UnknownAccount(Fault):
    """Nobody has this name or number."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no account {name!r}: `kambill account list` shows all")


class AmbiguousAccount(Fault):
    """Several have this name."""

    def __init__(self, name: str, found: Mapping[str, int]) -> None:
        super().__init__(told_apart(name, found.items()))


async def ensure_root(conn: AsyncConnection, node: str, currency: str, now_ms: int) -> None:
    """Makes the root if the ledger is empty. The caller holds the node's lock."""
    if (await conn.execute(sa.select(accounts.c.id).where(accounts.c.id == ROOT_ID))).first() is not None:
        return
    root = {"kind": "root", "billing": "postpaid", "depth": 0, "path": f"/{ROOT_ID}/"}
    await conn.execute(
        sa.insert(accounts).values(id=ROOT_ID, name=ROOT_NAME, currency=currency, created_ms=now_ms, **root)
    )
    await _tell_root(conn, node, now_ms)


async def set_root_currency(conn: AsyncConnection, node: str, currency: str, now_ms: int) -> None:
    """Only while the root stands alone: see `is_untouched`."""
    await conn.execute(sa.update(accounts).where(accounts.c.id == ROOT_ID).values(currency=currency))
    await _tell_root(conn, node, now_ms)


async def _tell_root(conn: AsyncConnection, node: str, now_ms: int) -> None:
    row = (await conn.execute(sa.select(accounts).where(accounts.c.id == ROOT_ID))).one()
    await enqueue_all(conn, node, [Command(bodies.account_body(row))], now_ms=now_ms)


async def is_untouched(conn: AsyncConnection) -> bool:
    """Whether there is nothing yet that a currency belongs to: no second account, no line."""
    others = sa.select(accounts.c.id).where(accounts.c.id != ROOT_ID).limit(1)
    lines = sa.select(postings.c.id).limit(1)
    return (await conn.execute(others)).first() is None and (await conn.execute(lines)).first() is None


async def find_account(conn: AsyncConnection, name: str) -> Row[Any]:
    """The row of an account by its name, by the end of its path of names (`lower/customer`), or by `#` and its id.

    Raises UnknownAccount, AmbiguousAccount.
    """
    if name.startswith("#") and name[1:].isdecimal():
        row = (await conn.execute(sa.select(accounts).where(accounts.c.id == int(name[1:][:18])))).first()
        if row is None:
            raise UnknownAccount(name)
        return row
    rows = list(await conn.execute(sa.select(accounts).where(accounts.c.name == last_of(name))))
    named = {path: row for row, path in zip(rows, await _names(conn, rows), strict=True)}
    found = meant(name, named)
    if not found:
        raise UnknownAccount(name)
    if len(found) > 1:
        raise AmbiguousAccount(name, {path: row.id for path, row in found.items()})
    return next(iter(found.values()))


async def _names(conn: AsyncConnection, rows: Sequence[Row[Any]]) -> list[str]:
    """The paths of names of some accounts."""
    steps = [path_ids(row.path) for row in rows]
    ids = {step for path in steps for step in path}
    found = await conn.execute(sa.select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(ids)))
    names = {row.id: row.name for row in found}
    return [joined(names[step] for step in path) for path in steps]


async def path_of(conn: AsyncConnection, account: Row[Any]) -> list[Row[Any]]:
    """The account's row and those above it, the root last."""
    ids = path_ids(account.path)
    rows = await conn.execute(sa.select(accounts).where(accounts.c.id.in_(ids)).order_by(accounts.c.depth.desc()))
    return list(rows)


async def lock_account(conn: AsyncConnection, account_id: int) -> None:
    """For whoever looks at an account's money before moving it: until then no node posts a line to the account."""
    await conn.execute(sa.select(accounts.c.id).where(accounts.c.id == account_id).with_for_update())


async def seller_of(conn: AsyncConnection, account: Row[Any]) -> int:
    """The id of the account that this one pays: the nearest charged one above, else the root."""
    return await seller_among(conn, path_ids(account.path)[:-1])


async def seller_among(conn: AsyncConnection, above: Sequence[int]) -> int:
    """The same, by the ids of those above an account, which need not be there yet."""
    return int((await conn.execute(nearest_charged(above))).scalar() or ROOT_ID)


def nearest_charged(above: Sequence[int]) -> sa.Select[Any]:
    """The query of the same: the root earns no commission, so that it is the last one."""
    query = sa.select(accounts.c.id).where(accounts.c.id.in_(above) & ~accounts.c.commission)
    return query.order_by(accounts.c.depth.desc()).limit(1)


async def sellers_of(conn: AsyncConnection, account_ids: Collection[int]) -> dict[int, int]:
    """The same of several accounts, by their ids."""
    rows = await conn.execute(sa.select(accounts.c.id, accounts.c.path).where(accounts.c.id.in_(account_ids)))
    above = {number: path_ids(path)[-2::-1] for number, path in rows}
    every = {one for path in above.values() for one in path}
    earns = sa.select(accounts.c.id).where(accounts.c.id.in_(every) & accounts.c.commission)
    passed = set((await conn.execute(earns)).scalars())
    return {number: next((one for one in path if one not in passed), ROOT_ID) for number, path in above.items()}


async def subtree(conn: AsyncConnection, account: Row[Any]) -> list[Row[Any]]:
    """The account and everything below it, parents before their children, siblings by name."""
    rows = list(await conn.execute(sa.select(accounts).where(is_below(accounts.c.path, account.path))))
    names = {row.id: row.name for row in rows}
    return sorted(rows, key=lambda row: [names.get(step, "") for step in path_ids(row.path)])
