"""A house with three calls in its ledger: what reports and traffic are looked at with."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.service.office import Person
from tests.service.test_money import House

DAY = {"since": "2026-09-21T00:00:00Z", "until": "2026-09-23T00:00:00Z"}
"""In which they were."""


async def house_with_calls(engine: AsyncEngine, database: str, folder: Path) -> House:
    """Two calls of a minute and one that nobody answered."""
    house = House(engine, database, folder)
    await house.open()
    for _ in range(2):
        house.company.call(60)
    house.company.hang_up(house.company.ring())
    await house.company.pump()
    return house


async def hire(house: House, account: str) -> Person:
    """Somebody of an account's."""
    return await house.office.hire(house.office.boss, house.ids[account], f"{account}@x.example")
