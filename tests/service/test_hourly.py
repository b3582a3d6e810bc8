"""Sums of whole subtrees: what adding up the hours of everybody below gives, however accounts have moved."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.calls.hourly import add_hourly
from service.database.tables import accounts, traffic_hourly
from service.database.traffic_tables import traffic_sums
from tests.service.test_money import House

HOUR_MS = 3_600_000
COUNTS = ("attempts", "answered", "duration_ms")


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Resellers below each other, a customer of the last one, a carrier; and another reseller with one of each."""
    house = House(engine, database, tmp_path)
    await house.open()
    boss = house.office.boss
    house.ids["other"] = await house.office.account(boss, 1, "other", "reseller")
    house.ids["both"] = await house.office.account(boss, house.ids["lower"], "both", "customer")
    async with engine.begin() as conn:
        await conn.execute(sa.update(accounts).where(accounts.c.id == house.ids["both"]).values(provides=True))
    return house


def _rows(house: House, dice: random.Random) -> list[dict[str, Any]]:
    """Of anybody, carried by anybody; somebody from outside has no account."""
    rows = {}
    for _ in range(40):
        account = dice.choice([*house.ids.values(), 0])
        provider = dice.choice([house.ids["carrier"], house.ids["both"], 0])
        key = (dice.randrange(3) * HOUR_MS, account, provider, dice.choice("ab"))
        rows[key] = {
            "hour_ms": key[0], "account_id": account, "provider_id": provider, "destination": key[3],
            "currency": "EUR", "cost_currency": "", "attempts": dice.randrange(3), "answered": 1,
            "duration_ms": dice.randrange(9), "billed_s": 0, "revenue_micros": 0, "cost_micros": 0,
        }  # fmt: skip
    return list(rows.values())


async def _expected(conn: AsyncConnection) -> dict[tuple[int, int, str], tuple[int, ...]]:
    """The slow way: of each account the hours of all that it is above of."""
    paths = {row.id: row.path for row in await conn.execute(sa.select(accounts.c.id, accounts.c.path))}
    found: dict[tuple[int, int, str], tuple[int, ...]] = {}
    for row in (await conn.execute(sa.select(traffic_hourly))).all():
        for number, path in paths.items():
            sides = (paths.get(row.account_id, ""), paths.get(row.provider_id, ""))
            if number == 1 or any(side.startswith(path) for side in sides):
                key = (number, row.hour_ms, row.destination)
                before = found.get(key, (0, 0, 0))
                found[key] = tuple(one + getattr(row, name) for one, name in zip(before, COUNTS, strict=True))
    return {key: sums for key, sums in found.items() if any(sums)}


async def _summed(conn: AsyncConnection) -> dict[tuple[int, int, str], tuple[int, ...]]:
    rows = (await conn.execute(sa.select(traffic_sums))).all()
    return {
        (row.account_id, row.hour_ms, row.destination): (row.attempts, row.answered, row.duration_ms) for row in rows
    }


async def test_sums_follow_the_tree(house: House, engine: AsyncEngine) -> None:
    """After calls, after each of several moves (one of them back), and after calls that came later."""
    dice = random.Random(7)
    boss = house.office.boss
    async with engine.begin() as conn:
        for _ in range(3):
            await add_hourly(conn, _rows(house, dice))
        assert await _summed(conn) == await _expected(conn)
    for account, parent in (("lower", "other"), ("both", "other"), ("customer", "upper"), ("lower", "upper")):
        await boss.do("account.move", account_id=house.ids[account], body={"parent_id": house.ids[parent]})
        async with engine.begin() as conn:
            assert await _summed(conn) == await _expected(conn), (account, parent)
            await add_hourly(conn, _rows(house, dice))
            assert await _summed(conn) == await _expected(conn)


async def test_what_counts_no_call_makes_no_sum(house: House, engine: AsyncEngine) -> None:
    """A correction of a charge alone."""
    row = _rows(house, random.Random(1))[0] | dict.fromkeys(COUNTS, 0) | {"revenue_micros": -5}
    async with engine.begin() as conn:
        await add_hourly(conn, [row])
        assert await _summed(conn) == {}
