"""What there is once, asked of two nodes' services at one moment: one gets it, the other one is told why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands.outbox import ensure_node
from service.database.engine import open_engine
from tests.service.company import EURO
from tests.service.office import Got, Office, Person
from tests.service.test_money import House

TURNS = 3
"""Whoever is first is first by chance."""


class Pair(House):
    """A house with a second node, whose service has its own connections."""

    other: Office

    async def at_both(self, person: Person, endpoint: str, **given: Any) -> list[int]:
        """The statuses, under two keys: so many have done it, so many have not."""
        twin = Person(self.other, person.credential)
        self.keys += 1
        asked = [one.ask(endpoint, key=f"{self.keys} {at}", **given) for at, one in enumerate((person, twin))]
        return sorted(got.status for got in await asyncio.gather(*asked))

    async def made(self, endpoint: str, account: str = "", **given: Any) -> Any:
        """By the Super Admin."""
        got: Got = await self.ask(endpoint, account, **given)
        return got.ok()


@pytest.fixture
async def pair(engine: AsyncEngine, database: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Open at both."""
    pair = Pair(engine, database, tmp_path)
    await pair.open()
    second = open_engine(database)
    async with second.begin() as conn:
        await ensure_node(conn, "second")
    pair.other = Office(second, pair.config.model_copy(update={"node": "second"}))
    pair.other.api = pair.other.api._replace(patience_s=0)
    pair.other.now_ms = pair.office.now_ms
    yield pair
    await second.dispose()


async def test_a_voucher_is_used_once(pair: Pair) -> None:
    """By one account, though both hands hold it."""
    batch = {"name": "cards", "amount": "5", "currency": "EUR", "count": TURNS}
    for code in (await pair.made("voucher.make", "lower", **batch))["codes"]:
        used = await pair.at_both(pair.office.boss, "voucher.use", account_id=pair.ids["customer"], code=code)
        assert used == [201, 409]
    assert await pair.balance("customer") == (1000 + 5 * TURNS) * EURO


async def test_what_costs_nothing_is_taken_once(pair: Pair) -> None:
    """An account has an offer once."""
    customer = await pair.office.hire(pair.office.boss, pair.ids["customer"], "c@c.example")
    for turn in range(TURNS):
        gift = {"name": f"gift {turn}", "kind": "package", "price": "0", "seconds": 60, "offered": True}
        offer = (await pair.made("product.make", "lower", **gift))["id"]
        assert await pair.at_both(customer, "offer.take", offer_id=offer) == [201, 409]


async def test_a_number_is_rented_once(pair: Pair) -> None:
    """Two of its account's people, two rents."""
    rent = (await pair.made("product.make", "lower", name="rent", kind="rental", price="0"))["id"]
    for turn in range(TURNS):
        number = (await pair.made("number.make", "customer", number=f"44207946000{turn}"))["id"]
        asked = {"product_id": rent, "account_id": pair.ids["customer"], "number_id": number}
        assert await pair.at_both(pair.office.boss, "subscription.start", **asked) == [201, 409]
