"""What people ask about accounts: the tree with balances, one account with what belongs to it. Reads only."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import find_account, path_of, subtree
from service.database.tables import book_balances, gateways, tariffs, trunk_networks, trunks
from service.ledger.rules import BALANCE, CASH, COST, REVENUE
from service.ledger.storage import StatementLine, balance_of, balances, statement

_BOOKS = (REVENUE, COST, CASH)
"""In the order in which they are shown."""


class AccountLine(NamedTuple):
    """One account of a list."""

    id: int
    name: str
    kind: str
    parent: str
    """Empty: the root."""
    depth: int
    """Below the account that was asked for."""
    billing: str
    currency: str
    balance_micros: int
    credit_limit_micros: int
    tariff: str
    channels: int | None
    cps: int | None
    commission: bool
    state: str


def _line(row: Row[Any], top: Row[Any], names: dict[int, str], tariff: str, balance: int) -> AccountLine:
    return AccountLine(
        id=row.id,
        name=row.name,
        kind=row.kind,
        parent=names.get(row.parent_id, ""),
        depth=row.depth - top.depth,
        billing=row.billing,
        currency=row.currency,
        balance_micros=balance,
        credit_limit_micros=row.credit_limit_micros,
        tariff=tariff,
        channels=row.channels,
        cps=row.cps,
        commission=row.commission,
        state=row.state,
    )


async def account_lines(conn: AsyncConnection, below: str) -> list[AccountLine]:
    """An account and all below it. Raises UnknownAccount."""
    top = await find_account(conn, below)
    rows = await subtree(conn, top)
    held = await balances(conn)
    sells = {row.id: row.name for row in await conn.execute(sa.select(tariffs.c.id, tariffs.c.name))}
    names = {row.id: row.name for row in [*await path_of(conn, top), *rows]}
    return [_line(row, top, names, sells.get(row.tariff_id, ""), held.get(row.id, 0)) for row in rows]


class BookLine(NamedTuple):
    """What a book of an account says."""

    book: str
    micros: int
    currency: str


class AccountView(NamedTuple):
    """One account with what belongs to it."""

    line: AccountLine
    path: list[str]
    """Names from the account to the root."""
    books: list[BookLine]
    """Its other books, those that say something: a seller's are in the currencies of those that it sells to."""
    trunks: dict[str, list[str]]
    """Networks by trunk."""
    gateways: dict[str, str]
    """Address by gateway."""
    statement: list[StatementLine]
    """Newest first."""


async def account_view(conn: AsyncConnection, name: str, *, lines: int) -> AccountView:
    """One account by name or `#id`. Raises UnknownAccount."""
    row = await find_account(conn, name)
    path = await path_of(conn, row)
    names = {one.id: one.name for one in path}
    tariff = (await conn.execute(sa.select(tariffs.c.name).where(tariffs.c.id == row.tariff_id))).scalar() or ""
    balance = await balance_of(conn, row.id, row.currency)
    return AccountView(
        line=_line(row, row, names, tariff, balance),
        path=[one.name for one in path],
        books=await _books(conn, row.id),
        trunks=await _trunks(conn, row.id),
        gateways=await _gateways(conn, row.id),
        statement=await statement(conn, row.id, limit=lines),
    )


async def _books(conn: AsyncConnection, account_id: int) -> list[BookLine]:
    columns = sa.select(book_balances.c.book, book_balances.c.amount_micros, book_balances.c.currency)
    others = (book_balances.c.account_id == account_id) & (book_balances.c.book != BALANCE)
    rows = await conn.execute(columns.where(others & (book_balances.c.amount_micros != 0)))
    return sorted((BookLine(*row) for row in rows), key=lambda line: (_BOOKS.index(line.book), line.currency))


async def _trunks(conn: AsyncConnection, account_id: int) -> dict[str, list[str]]:
    query = (
        sa.select(trunks.c.name, trunk_networks.c.network)
        .join(trunk_networks, trunk_networks.c.trunk_id == trunks.c.id, isouter=True)
        .where(trunks.c.account_id == account_id)
        .order_by(trunks.c.name, trunk_networks.c.network)
    )
    found: dict[str, list[str]] = {}
    for name, network in await conn.execute(query):
        found.setdefault(name, []).extend([network] if network else [])
    return found


async def _gateways(conn: AsyncConnection, account_id: int) -> dict[str, str]:
    query = sa.select(gateways).where(gateways.c.account_id == account_id).order_by(gateways.c.name)
    return {row.name: f"{row.transport}:{row.host}:{row.port}" for row in await conn.execute(query)}
