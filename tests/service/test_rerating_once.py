"""Each correction once, whatever is killed or comes twice; the price is the pricing function's; money is conserved."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.compiled.layout import decode_terms
from ratebook.price import charge
from service.database.engine import reading
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges, entries, postings
from service.ledger.storage import balance_of
from service.rerating.rates import Rates
from service.rerating.work import Rerater
from service.tariffs.repricer import Repricer
from tests.service.again import PAID, carry_on, count, finish, look, publish, start
from tests.service.company import EURO, NOW_MS, TARIFFS
from tests.service.sums import expected, stored
from tests.service.test_money import House, house

__all__ = ["house"]


class Stopped(Exception):
    """The process is gone."""


@contextmanager
def stopping_at(engine: AsyncEngine, number: int) -> Iterator[list[int]]:
    """The statement of this number, and whatever comes behind it, is never carried out."""
    seen = [0]

    def before(*_: Any) -> None:
        seen[0] += 1
        if seen[0] >= number:
            raise Stopped

    sa.event.listen(engine.sync_engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", before)


async def test_killed_at_any_statement_each_correction_is_posted_once(house: House) -> None:
    """One statement further each time, until the run comes to its end: pages of two, so that some are done before."""
    for seconds in (5, 10, 15, 20, 25, 30, 35):
        house.company.call(seconds)
    await house.company.pump()
    await publish(house, retail="0.09", resale="0.02", carrier="0.006")
    number = (await start(house)).ok()["id"]
    stopped = 0
    for at in range(1, 1000):
        with stopping_at(house.company.engine, at):
            try:
                await carry_on(house, number, page_calls=2)
                break
            except Stopped:
                stopped += 1
        assert await count(house, corrections) in {0, 6, 12, 18, 21}, "a page is posted whole, or not at all"
    assert stopped > 20
    done = await finish(house, number)
    assert (done["calls"], done["changed"]) == (7, 21)
    assert await house.balance("customer") == house.stored("customer") == PAID - 140 * 1_500
    assert (await look(house))["changed_calls"] == 0
    await house.sound()


async def test_two_at_once_post_each_correction_once(house: House) -> None:
    """Two runs of the same, each carried out twice, beside a payment and calls that end."""
    for seconds in (5, 10, 15, 20, 25):
        house.company.call(seconds)
    await house.company.pump()
    await publish(house, retail="0.09", carrier="0.006")
    first, second = [(await start(house)).ok()["id"] for _ in range(2)]
    work = [carry_on(house, number, 2) for number in (first, second, first, second)]
    await asyncio.gather(*work, house.company.pay("customer", EURO))
    await house.company.pump()
    runs = [await house.office.boss.do("rerating.show", rerating_id=number) for number in (first, second)]
    assert [(run["state"], run["calls"]) for run in runs] == [("done", 5), ("done", 5)]
    assert sum(run["changed"] for run in runs) == 10
    assert await house.balance("customer") == house.stored("customer") == PAID + EURO - 75 * 1_500
    await house.sound()


class Slow(Rates):
    """Whoever prices by these is overtaken meanwhile."""

    def __init__(self, house: House, overtake: int) -> None:
        super().__init__(house.config)
        self._house, self._overtake = house, overtake

    async def by(self, version: str) -> Repricer | None:
        """Once the other run is at its end."""
        await carry_on(self._house, self._overtake)
        return await super().by(version)


@pytest.mark.parametrize("retail", ["0.06", "0.09"])
async def test_who_is_overtaken_posts_nothing(house: House, retail: str) -> None:
    """By another worker at the same run, or by another run: what was looked at is not so any more."""
    for _ in range(2):
        house.company.call(10)
    await house.company.pump()
    await publish(house, retail=retail)
    first, second = [(await start(house)).ok()["id"] for _ in range(2)]
    for at, overtake in ((first, first), (second, second)):
        slow = Rerater(house.company.engine, house.config, 1)
        slow._rates[at] = Slow(house, overtake)
        await slow.step(at, NOW_MS)
    third = (await start(house)).ok()["id"]
    slow = Rerater(house.company.engine, house.config, 1)
    await publish(house, retail="0.12")
    slow._rates[third] = Slow(house, (await start(house)).ok()["id"])
    await slow.step(third, NOW_MS)
    runs = {run["id"]: run for run in (await house.office.boss.do("rerating.list"))["items"]}
    assert [runs[one]["calls"] for one in (first, second)] == [2, 2]
    assert (runs[third]["state"], runs[third]["changed"]) == ("running", 0)
    await finish(house, third)
    assert await house.balance("customer") == PAID - (20_000 if retail == "0.06" else 30_000)
    await house.sound()


async def test_the_service_works_at_what_was_begun(house: House) -> None:
    """The oldest run first; then there is nothing to do."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.09")
    number = (await start(house)).ok()["id"]
    rerater = Rerater(house.company.engine, house.config)
    assert await rerater.work(house.company.now.wall_ms)
    assert not await rerater.work(house.company.now.wall_ms)
    assert (await house.office.boss.do("rerating.show", rerating_id=number))["state"] == "done"


TERMS = """
currency: EUR
increments: {first}/{next}
connect_fee: {fee}
minimum: {least}
rounding: {{decimals: {decimals}, mode: {mode}}}
border: {border}
bands: {{night: {{hours: "{from_h:02}:00-{to_h:02}:00"}}}}
rates:
  - {{prefix: "", rate: {rate}}}
  - {{prefix: "", rate: {other}, band: night}}
"""


def any_tariff(chance: random.Random) -> str:
    """One whose price depends on everything."""
    return TERMS.format(
        first=chance.choice([1, 30, 60]), next=chance.choice([1, 6, 60]), fee=chance.choice(["0", "0.0005"]),
        least=chance.choice(["0", "0.01"]), decimals=chance.randint(2, 6),
        mode=chance.choice(["half-up", "half-even", "up", "down"]),
        border=chance.choice(["start", "split", "interval"]),
        from_h=chance.randint(0, 11), to_h=chance.randint(12, 23), rate=f"0.{chance.randint(1, 9999):04}",
        other=f"0.{chance.randint(1, 9999):04}",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_the_new_price_is_the_pricing_functions_and_money_is_conserved(house: House, seed: int) -> None:
    """Any tariffs, any calls, several runs: every line is what `charge` says of its terms; the doctor agrees."""
    chance = random.Random(seed)
    for _ in range(12):
        house.company.call(chance.randint(1, 90_000) / 1000)
        house.company.wait(chance.randint(0, 20_000))
    await house.company.pump()
    folder = house.config.ratebook / "tariffs"
    for _ in range(3):
        for name in chance.sample(sorted(TARIFFS), 3):
            (folder / f"{name}.yaml").write_text(any_tariff(chance))
        await house.company.publish()
        looked = await look(house)
        done = await finish(house, (await start(house)).ok()["id"], page_calls=chance.randint(1, 13))
        assert (done["sums"], done["calls"]) == (looked["sums"], 12)
        assert (await look(house))["changed_calls"] == 0
        await _as_the_pricing_function_says(house)
        await house.sound()


async def _as_the_pricing_function_says(house: House) -> None:
    async with reading(house.company.engine) as conn:
        rows = await conn.execute(sa.select(charges, cdrs).join(cdrs, cdrs.c.id == charges.c.cdr_id))
        for row in rows:
            at_s = row.answer_ms // 1000
            assert (row.billed_s, row.charge_micros) == charge(_terms(row.terms), row.duration_ms, at_s)
            assert (row.cost_billed_s, row.cost_micros) == charge(_terms(row.cost_terms), row.duration_ms, at_s)
        changed = sa.select(sa.func.sum(corrections.c.delta_micros)).where(corrections.c.level >= 0)
        delta = (await conn.execute(changed)).scalar() or 0
        booked = (
            sa.select(sa.func.sum(postings.c.amount_micros))
            .join(entries, entries.c.id == postings.c.entry_id)
            .where((entries.c.kind == "correction") & (postings.c.book == "revenue"))
        )
        assert ((await conn.execute(booked)).scalar() or 0) == delta
        calls = sa.select(sa.func.sum(charges.c.charge_micros)).where(charges.c.level == 0)
        own = (await conn.execute(calls)).scalar() or 0
        assert PAID - own == await balance_of(conn, house.ids["customer"], "EUR")
        assert await stored(conn) == await expected(conn)


def _terms(text: str) -> Any:
    return decode_terms(bytes.fromhex(text))
