"""Sums of whole subtrees: what adding up the calls of everybody below gives, however accounts have moved."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.calls.sums import DAY_MS, add_calls, numbered, rebuild, rebuild_day
from service.database.tables import accounts
from service.database.traffic_tables import call_sums
from tests.service.sums import expected, scatter, stored
from tests.service.test_money import House

SPANS = (0, 3 * DAY_MS)


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


async def _call(house: House, conn: AsyncConnection, dice: random.Random) -> None:
    """As the collector adds what it has written."""
    ids = [number for number in house.ids.values() if number != 1]
    calls = await scatter(conn, dice, ids, [house.ids["carrier"], house.ids["both"]], SPANS)
    await add_calls(conn, numbered(conn, calls))


async def test_sums_follow_the_tree(house: House, engine: AsyncEngine) -> None:
    """After calls, after each of several moves (one of them back), and after calls that came later."""
    dice = random.Random(7)
    boss = house.office.boss
    async with engine.begin() as conn:
        for _ in range(2):
            await _call(house, conn, dice)
        assert await stored(conn) == await expected(conn)
    for account, parent in (("lower", "other"), ("both", "other"), ("customer", "upper"), ("lower", "upper")):
        await boss.do("account.move", account_id=house.ids[account], body={"parent_id": house.ids[parent]})
        async with engine.begin() as conn:
            assert await stored(conn) == await expected(conn), (account, parent)
            await _call(house, conn, dice)
            assert await stored(conn) == await expected(conn)


async def test_a_day_is_rebuilt_from_its_records(house: House, engine: AsyncEngine) -> None:
    """Whatever stood there; the days beside it stay as they are, wrong ones too."""
    async with engine.begin() as conn:
        await _call(house, conn, random.Random(3))
        right = await stored(conn)
        await conn.execute(sa.update(call_sums).values(attempts=call_sums.c.attempts + 1))
        wrong = await stored(conn)
        await conn.execute(sa.delete(call_sums).where(call_sums.c.number == 200))
        await rebuild_day(conn, DAY_MS)
        for key, sums in (await stored(conn)).items():
            assert sums == (right if key[2] // DAY_MS == 1 else wrong)[key], key
    assert [day async for day in rebuild(engine)] == [0, DAY_MS, 2 * DAY_MS]
    async with engine.begin() as conn:
        assert await stored(conn) == right
