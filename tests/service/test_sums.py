"""Sums of whole subtrees: what adding up the calls of everybody below gives, however accounts have moved."""

from __future__ import annotations

import asyncio
import random
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.calls.sums import DAY_MS, HOURLY, add_calls, numbered, rebuild, rebuild_day
from service.database.engine import reading
from service.database.tables import accounts, nodes
from service.database.traffic_tables import call_sums, money_hourly
from service.doctor.sums import ROUND_DAYS, agree
from service.ledger.hourly import add_up_money
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
    for account, parent in (("lower", "other"), ("customer", "other"), ("customer", "upper"), ("lower", "upper")):
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


async def test_a_ledger_of_before_gets_the_operators_hours(house: House, engine: AsyncEngine) -> None:
    """By the migration's own statement what the product's would have added."""
    migration = import_module("service.database.migrations.versions.0064_hours_of_operator")
    dice = random.Random(5)
    async with engine.begin() as conn:
        for _ in range(3):
            await _call(house, conn, dice)
        await conn.execute(sa.delete(call_sums).where(call_sums.c.dimension.in_(HOURLY.values())))
        before = await stored(conn)
        await conn.run_sync(migration.add_up)
        assert len(before) < len(await stored(conn))
        assert await stored(conn) == await expected(conn)


async def test_what_is_right_keeps_nobody_waiting(house: House, engine: AsyncEngine) -> None:
    """While somebody else writes, all days are looked at; a wrong one waits."""
    house.company.call(60)
    await house.company.pump()
    async with engine.begin() as writer:
        await writer.execute(sa.select(nodes.c.id).with_for_update())
        assert await _rebuilt(engine)
    async with engine.begin() as writer:
        await writer.execute(sa.update(call_sums).values(attempts=7))
    async with engine.begin() as writer:
        await writer.execute(sa.select(nodes.c.id).with_for_update())
        mending = asyncio.create_task(_rebuilt(engine))
        await asyncio.sleep(0.5)
        assert not mending.done()
    assert await mending


async def _rebuilt(engine: AsyncEngine) -> list[int]:
    return [day async for day in rebuild(engine)]


async def test_the_doctor_looks_at_every_day_in_turns(house: House, engine: AsyncEngine) -> None:
    """Each sum of an old day: in one of so many nights, or at once if it is asked to; of the latest days always."""
    house.company.call(60)
    house.company.wait(40 * DAY_MS / 1000)
    house.company.call(60)
    await house.company.pump()
    now_ms = house.company.now.wall_ms
    (first,) = {span // DAY_MS for *_, span in await _spans(engine) if span < now_ms - 2 * DAY_MS}
    async with reading(engine) as conn:
        assert (await agree(conn, now_ms, whole=True)).ok
    of_customer = (call_sums.c.account_id == house.ids["customer"]) & (call_sums.c.dimension == "code")
    async with engine.begin() as conn:
        old = of_customer & (call_sums.c.span_ms < (first + 1) * DAY_MS)
        await conn.execute(sa.update(call_sums).where(old).values(spent_micros=1))
    async with reading(engine) as conn:
        nights = [n for n in range(ROUND_DAYS) if not (await agree(conn, now_ms + n * DAY_MS)).ok]
        assert [(now_ms // DAY_MS + n - first) % ROUND_DAYS for n in nights] == [0]
        told = await agree(conn, now_ms + (nights[0] + 1) * DAY_MS, whole=True)
    assert (told.ok, f"account {house.ids['customer']}, code" in told.detail) == (False, True)
    async with engine.begin() as conn:
        await conn.execute(sa.update(call_sums).where(of_customer).values(spent_micros=1))
    async with reading(engine) as conn:
        assert not (await agree(conn, now_ms + (nights[0] + 1) * DAY_MS)).ok


async def _spans(engine: AsyncEngine) -> list[tuple[int, ...]]:
    """Where sums stand."""
    async with reading(engine) as conn:
        return [tuple(row) for row in await conn.execute(sa.select(call_sums.c.span_ms).distinct())]


async def test_the_doctor_sees_a_sum_that_is_not_its_calls(house: House, engine: AsyncEngine) -> None:
    """Of calls, of any account, and of money; what adds up anew mends it, and changes nothing else."""
    for _ in range(3):
        house.company.call(60)
    await house.company.pump()
    await house.sound()
    async with reading(engine) as conn:
        right = await stored(conn), list(await conn.execute(sa.select(money_hourly).order_by("account_id", "book")))
    low = call_sums.c.account_id == house.ids["customer"]
    for spoil, said in (
        (sa.update(call_sums).where(low & (call_sums.c.dimension == "code")).values(spent_micros=1), "code"),
        (sa.delete(call_sums).where(call_sums.c.account_id == 1), "the sums have -3 calls and -180000 ms more"),
        (sa.update(money_hourly).values(amount_micros=money_hourly.c.amount_micros + 1), "1 micro-units of EUR more"),
        (sa.delete(money_hourly), "revenue of account"),
    ):
        async with engine.begin() as conn:
            await conn.execute(spoil)
        async with reading(engine) as conn:
            told = await agree(conn, house.company.now.wall_ms)
        assert (told.ok, said in told.detail, "kambill cdr add-up" in told.detail) == (False, True, True), told
        assert [day async for day in rebuild(engine)]
        await add_up_money(engine)
        async with reading(engine) as conn:
            assert (await agree(conn, house.company.now.wall_ms)).ok
            money = list(await conn.execute(sa.select(money_hourly).order_by("account_id", "book")))
            assert (await stored(conn), money) == right
