"""Who pays by which tariff, and what its seller pays by: what prices are held against when they are published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.rules import ROOT_ID
from service.database.peer_tables import devices
from service.database.tables import accounts, gateways, tariffs, trunks


class Named(NamedTuple):
    """A tariff of the ledger."""

    id: int
    name: str
    owner_id: int
    currency: str
    version: str | None
    """In force; None: none is."""


class _Reseller(NamedTuple):
    parent_id: int
    commission: bool
    tariff_id: int | None


class Market(NamedTuple):
    """The tariffs in use."""

    costs: frozenset[Named]
    """By which providers ask."""
    prices: frozenset[Named]
    """By which accounts below the operator pay."""
    pairs: dict[Named, frozenset[Named]]
    """By which accounts below resellers pay, and by which these resellers do."""


async def load_market(conn: AsyncConnection) -> Market:
    """All of it: as many rows as there are resellers and tariffs, whatever the customers."""
    known = {row.id: Named(*row) for row in await conn.execute(_NAMED)}
    asked = {row[0] for row in await conn.execute(sa.union(*_ASKED))}
    resellers = {number: _Reseller(*more) for number, *more in await conn.execute(_RESELLERS)}
    prices: set[Named] = set()
    pairs: dict[Named, set[Named]] = {}
    for tariff_id, parent_id in await conn.execute(sa.union(*_PAID)):
        prices.add(known[tariff_id])
        paid = known.get(_buying(resellers, parent_id) or 0)
        if paid is not None:
            pairs.setdefault(known[tariff_id], set()).add(paid)
    return Market(
        frozenset(known[one] for one in asked),
        frozenset(prices),
        {one: frozenset(paid) for one, paid in pairs.items()},
    )


async def buying(conn: AsyncConnection, seller_id: int) -> Named | None:
    """What a seller pays by itself; None: it is the operator, is paid by commission, or pays by nothing yet."""
    own = accounts.c.tariff_id == tariffs.c.id
    paid = (accounts.c.id == seller_id) & ~accounts.c.commission
    row = (await conn.execute(_NAMED.join(accounts, own).where(paid))).first()
    return None if row is None else Named(*row)


def _buying(resellers: Mapping[int, _Reseller], seller_id: int) -> int | None:
    """Through those that are paid by commission: they buy nothing."""
    seller = resellers.get(seller_id)
    while seller is not None and seller.commission:
        seller = resellers.get(seller.parent_id)
    return None if seller is None else seller.tariff_id


_NAMED = sa.select(tariffs.c.id, tariffs.c.name, tariffs.c.owner_id, tariffs.c.currency, tariffs.c.version)
_RESELLERS = sa.select(accounts.c.id, accounts.c.parent_id, accounts.c.commission, accounts.c.tariff_id).where(
    accounts.c.kind == "reseller"
)
_IS_PROVIDER = (accounts.c.kind == "provider") & accounts.c.tariff_id.is_not(None)
_ASKED = (
    sa.select(accounts.c.tariff_id).where(_IS_PROVIDER),
    sa.select(gateways.c.tariff_id).where(gateways.c.tariff_id.is_not(None)),
)
_PAYS = (accounts.c.kind != "provider") & (accounts.c.id != ROOT_ID)
_PAID = (
    sa.select(accounts.c.tariff_id, accounts.c.parent_id).where(_PAYS & accounts.c.tariff_id.is_not(None)),
    sa.select(trunks.c.tariff_id, accounts.c.parent_id)
    .join(accounts, accounts.c.id == trunks.c.account_id)
    .where(_PAYS & trunks.c.tariff_id.is_not(None)),
    sa.select(devices.c.tariff_id, accounts.c.parent_id)
    .join(accounts, accounts.c.id == devices.c.account_id)
    .where(_PAYS & devices.c.tariff_id.is_not(None)),
)
