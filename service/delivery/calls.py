"""The records that concern a delivery: its account's calls, with that side's names and money and nobody else's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.peer_tables import devices
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.delivery.columns import PROVIDER


async def calls_of(conn: AsyncConnection, delivery: Row[Any], up_to_id: int, limit: int) -> list[Row[Any]]:
    """The first ones behind the delivery's position."""
    query = _priced(delivery).where(cdrs.c.id > delivery.position, cdrs.c.id <= up_to_id, _concerns(delivery))
    if delivery.answered_only:
        query = query.where(cdrs.c.outcome == "answered")
    return list(await conn.execute(query.order_by(cdrs.c.id).limit(limit)))


def _priced(delivery: Row[Any]) -> sa.Select[Any]:
    named = [
        accounts.c.name.label("account_name"),
        trunks.c.name.label("trunk_name"),
        devices.c.username.label("device_name"),
        gateways.c.name.label("gateway_name"),
    ]
    query = (
        sa.select(cdrs, *named, *_money(delivery.side))
        .join(accounts, accounts.c.id == cdrs.c.account_id, isouter=True)
        .join(trunks, trunks.c.id == cdrs.c.trunk_id, isouter=True)
        .join(devices, devices.c.id == cdrs.c.device_id, isouter=True)
        .join(gateways, gateways.c.id == cdrs.c.gateway_id, isouter=True)
    )
    if delivery.side == PROVIDER:
        return query
    own = (charges.c.cdr_id == cdrs.c.id) & (charges.c.account_id == delivery.account_id)
    return query.join(charges, own, isouter=True)


def _money(side: str) -> list[sa.Label[Any]]:
    if side == PROVIDER:
        row, micros, start = cdrs.c, cdrs.c.cost_micros, "cost_"
    else:
        row, micros, start = charges.c, charges.c.charge_micros, ""
    found = [row[f"{start}{name}"] for name in ("tariff", "prefix", "terms", "billed_s")]
    found += [micros, row[f"{start}currency"]]
    names = ("own_tariff", "own_prefix", "own_terms", "own_billed_s", "amount_micros", "own_currency")
    covered = [] if side == PROVIDER else [charges.c.covered_s.label("own_covered_s")]
    return [column.label(name) for column, name in zip(found, names, strict=True)] + covered


def _concerns(delivery: Row[Any]) -> sa.ColumnElement[bool]:
    """Of a customer its own calls, of a reseller those of all below it, wherever they have moved since."""
    if delivery.side == PROVIDER:
        return cdrs.c.cost_account_id == int(delivery.account_id)
    if delivery.account_kind == "customer":
        return cdrs.c.account_id == int(delivery.account_id)
    path: sa.ColumnElement[str] = sa.cast(cdrs.c.path, sa.Text)  # "[5, 4, 2, 1]"
    for char, instead in (("[", ","), ("]", ","), (" ", "")):
        path = sa.func.replace(path, char, instead)
    return path.contains(f",{int(delivery.account_id)},")
