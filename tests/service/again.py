"""Calls that are rated again in a company's house: what tests of it share."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.accounts.rules import ROOT_ID
from service.commands.outbox import writing
from service.database.engine import reading
from service.database.tables import cdrs, charges, tariffs
from service.rerating.lines import Selection
from service.rerating.rates import Pin
from service.rerating.runs import DONE, IN_FORCE, Order, Run, begin
from service.rerating.work import Rerater
from tests.service.company import EURO, NOW_MS, TARIFFS, Company, write_ratebook
from tests.service.office import Got, Person
from tests.service.test_money import House

PERIOD = {"since": "2026-09-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"}
"""The company's calls begin on the 21st."""
PAID = 1000 * EURO


async def publish(house: House, **rates: str) -> None:
    """Some of the tariffs at other prices."""
    write_ratebook(house.config.ratebook, TARIFFS | rates)
    await house.company.publish()


async def start(house: House, by: Person | None = None, **wanted: Any) -> Got:
    """A run is written down."""
    return await (by or house.office.boss).ask("rerating.start", **PERIOD, **{"reason": "wrong deck"} | wanted)


async def look(house: House, by: Person | None = None, **wanted: Any) -> Any:
    """What it would change."""
    return await (by or house.office.boss).do("rerating.preview", **PERIOD, **wanted)


async def finish(house: House, number: int, page_calls: int = 500) -> Any:
    """It is carried out, and the store is told."""
    await carry_on(house, number, page_calls)
    await house.company.pump()
    return await house.office.boss.do("rerating.show", rerating_id=number)


async def carry_on(house: House, number: int, page_calls: int = 500) -> None:
    """Page by page."""
    rerater = Rerater(house.company.engine, house.config, page_calls)
    while (await rerater.step(number, house.company.now.wall_ms)).state == "running":
        pass


async def rerate(house: House, by: Person | None = None, **wanted: Any) -> Any:
    """From the beginning to the end."""
    return await finish(house, (await start(house, by, **wanted)).ok()["id"])


async def count(house: House, table: sa.Table) -> int:
    """Rows."""
    async with reading(house.company.engine) as conn:
        return int((await conn.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def lines(house: House) -> list[tuple[int, int]]:
    """Billed seconds and charge of every level of every call, from the customer upwards; the provider's last."""
    async with reading(house.company.engine) as conn:
        paid = list(await conn.execute(sa.select(charges).order_by(charges.c.cdr_id, charges.c.level)))
        owed = list(await conn.execute(sa.select(cdrs.c.cost_billed_s, cdrs.c.cost_micros).order_by(cdrs.c.id)))
    return [(row.billed_s, row.charge_micros) for row in paid] + [tuple(row) for row in owed]


def by_account(found: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """More and less, by account and kind."""
    return {(one["account_id"], one["kind"]): (one["more"], one["less"]) for one in found["sums"]}


async def own_tariff(house: House) -> tuple[Person, int]:
    """Who works at lower, which sells to its customer by a tariff that it wrote itself, and a call by that."""
    lower = await house.office.hire(house.office.boss, house.ids["lower"], "l@lower.example")
    source = 'currency: EUR\nrates: [{prefix: "", rate: 0.06}]\n'
    made = await lower.do("tariff.make", account_id=house.ids["lower"], name="own", source=source)
    await lower.do("tariff.bring-into-force", tariff_id=made["id"])
    await lower.do("account.edit", account_id=house.ids["customer"], tariff_id=made["id"])
    await house.company.pump()
    house.company.call(10)
    await house.company.pump()
    return lower, int(made["id"])


async def rated_again(company: Company) -> Run:
    """All calls of a company, costs too, by the tariffs in force."""
    async with writing(company.engine, "local") as conn:
        rows = await conn.execute(sa.select(tariffs.c.id, tariffs.c.version))
        pins = {row.id: Pin(row.id, row.version) for row in rows}
        chosen = Selection(ROOT_ID, NOW_MS - 10**9, NOW_MS + 10**9, costs=True)
        order = Order(chosen, None, IN_FORCE, pins, "as it should be", "test", 0)
        number = await begin(conn, order, company.now.wall_ms)
    rerater = Rerater(company.engine, company.config)
    while (run := await rerater.step(number, company.now.wall_ms)).state != DONE:
        pass
    return run
