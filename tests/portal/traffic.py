"""A town whose customers have called for two weeks, to several destinations: what reports over time are made of."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi import clock
from service.calls.sums import DAY_MS, HOUR_MS, add_calls, numbered
from service.config import Config
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from tests.portal import house

DAYS = 14
CALLS_DAILY = 60
DESTINATIONS = {
    "Germany mobile": 9, "Germany": 7, "United Kingdom": 5, "France mobile": 4, "Poland": 3, "Austria": 2, "Spain": 1,
}  # fmt: skip
"""With how many calls of them each has."""
_TEXTS = ("sip_reason", "ended_by", "caller", "called", "called_sent", "call_id", "from_tag", "to_tag")
_PRICES = (9_000, 7_000, 5_500, 4_000)
"""Micro-units a second that each level pays, the provider's cost at last."""


async def busy_town(engine: AsyncEngine, url: str, folder: Path) -> Config:
    """Furnished, and then called from."""
    config = await house.town(engine, url, folder)
    dice, until_ms = random.Random(7), clock.now().wall_ms // DAY_MS * DAY_MS
    async with engine.begin() as conn:
        ids = {row.name: row.id for row in await conn.execute(sa.select(accounts.c.id, accounts.c.name))}
        trunk = (await conn.execute(sa.select(sa.func.min(trunks.c.id)))).scalar_one()
        gateway = (await conn.execute(sa.select(sa.func.min(gateways.c.id)))).scalar_one()
        things = {"trunk_id": trunk, "gateway_id": gateway}
        calls = [
            await _call(conn, dice, ids, things, until_ms - day * DAY_MS)
            for day in range(1, DAYS + 1)
            for _ in range(CALLS_DAILY + dice.randrange(-15, 15))
        ]
        await add_calls(conn, numbered(conn, calls))
    return config


async def _call(
    conn: AsyncConnection, dice: random.Random, ids: dict[str, int], things: dict[str, int], day_ms: int
) -> int:
    names = list(DESTINATIONS)
    destination = dice.choices(names, list(DESTINATIONS.values()))[0]
    start_ms = day_ms + int(dice.triangular(6, 22, 14) * HOUR_MS)
    is_answered = dice.random() < 0.5 + 0.07 * names.index(destination)
    seconds = dice.randrange(20, 400) if is_answered else 0
    row: dict[str, Any] = {
        "call": f"{dice.getrandbits(128):032x}", "node_id": 1, "epoch": 1, "sequence": dice.getrandbits(60),
        "kind": "call", "outcome": "answered" if is_answered else "failed", "sip_code": 200 if is_answered else 503,
        "start_ms": start_ms, "ring_ms": start_ms + dice.randrange(400, 3_000), "end_ms": start_ms + 1000 * seconds,
        "duration_ms": 1000 * seconds, "account_id": ids["customer"], "path": [], "attempts": [],
        "destination": destination, "cost_account_id": ids["carrier"], "cost_currency": "EUR", **things,
    }  # fmt: skip
    row |= dict.fromkeys(_TEXTS, "")
    *prices, cost = _PRICES
    row["cost_micros"] = seconds * cost
    number = int((await conn.execute(sa.insert(cdrs).values(**row).returning(cdrs.c.id))).scalar_one())
    sides = [ids["customer"], ids["lower"], ids["upper"], 1]
    for level, price in enumerate(prices if seconds else ()):
        money = {"charge_micros": seconds * price, "tax_micros": 0, "billed_s": seconds, "currency": "EUR"}
        named = {"level": level, "account_id": sides[level], "seller_id": sides[level + 1]}
        values = {**named, **money, "tariff": "", "prefix": "", "terms": ""}
        await conn.execute(sa.insert(charges).values(cdr_id=number, **values))
    return number
