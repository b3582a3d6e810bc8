"""Calls and money by the hour, by the API: each viewer its own side of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.service.test_money import House
from tests.service.three_calls import DAY, hire, house_with_calls


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Two calls of a minute and one that nobody answered."""
    return await house_with_calls(engine, database, tmp_path)


def _sums(view: Any) -> tuple[int, int, int]:
    hours = view["hours"]
    return tuple(sum(one[name] for one in hours) for name in ("attempts", "answered", "duration_ms"))  # type: ignore[return-value]


def _money(view: Any) -> list[tuple[str, str, str]]:
    return [(one["earned"], one["spent"], one["currency"]) for one in view["money"]]


async def test_every_level_sees_what_it_earned_and_paid(house: House) -> None:
    """The operator from the reseller, the reseller from the customer, the provider for what it carried."""
    views = {"root": await house.office.boss.do("traffic.hours", query=DAY)}
    for name in ("upper", "lower", "customer", "carrier"):
        views[name] = await (await hire(house, name)).do("traffic.hours", query=DAY)
    assert {name: _sums(view) for name, view in views.items()} == dict.fromkeys(views, (3, 2, 120_000))
    assert _money(views["root"]) == [("0.048", "0.024", "EUR")]
    assert _money(views["upper"]) == [("0.06", "0.048", "EUR")]
    assert _money(views["lower"]) == [("0.12", "0.06", "EUR")]
    assert _money(views["customer"]) == [("0.00", "0.12", "EUR")]
    assert _money(views["carrier"]) == [("0.024", "0.00", "EUR")]


async def test_nobody_sees_another_ones_traffic(house: House) -> None:
    """A sibling nothing, and by its number nothing either; a payment is no traffic."""
    lower = await hire(house, "lower")
    number = await house.office.account(house.office.boss, house.ids["lower"], "sibling", "customer")
    sibling = await house.office.hire(house.office.boss, number, "sibling@x.example")
    await house.ask("payment.make", account_id=number, amount="5", reason="why")
    view = await sibling.do("traffic.hours", query=DAY)
    assert (view["hours"], view["money"], view["pdd_ms"]) == ([], [], None)
    assert (await sibling.do("traffic.destinations", query=DAY))["items"] == []
    assert (await sibling.ask("traffic.hours", query={**DAY, "account_id": house.ids["customer"]})).status == 422
    seen = await lower.do("traffic.hours", query={**DAY, "account_id": house.ids["customer"]})
    assert _money(seen) == [("0.00", "0.12", "EUR")]


async def test_money_is_for_who_may_read_payments(house: House) -> None:
    """The rest of it isn't."""
    role = await house.office.boss.do("role.define", account_id=1, name="Calls", permissions=["cdrs.read"])
    person = await house.office.hire(house.office.boss, 1, "calls@op.example", [role["id"]])
    view = await person.do("traffic.hours", query=DAY)
    assert (len(view["hours"]), view["money"]) == (1, [])


async def test_destinations_come_by_minutes(house: House) -> None:
    """One tariff, one destination here."""
    items = (await house.office.boss.do("traffic.destinations", query=DAY))["items"]
    assert [(one["attempts"], one["answered"], one["duration_ms"]) for one in items] == [(3, 2, 120_000)]


@pytest.mark.parametrize(
    "query", [{"since": DAY["until"], "until": DAY["since"]}, {"since": "2026-01-01T00:00:00Z", "until": DAY["until"]}]
)
async def test_a_period_has_its_bounds(house: House, query: dict[str, str]) -> None:
    """Not backwards, and not for ever."""
    got = await house.office.boss.ask("traffic.hours", query=query)
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/until")


async def test_without_a_period_it_is_the_last_day(house: House) -> None:
    """Up to now, or up to where one says."""
    assert _sums(await house.office.boss.do("traffic.hours")) == (3, 2, 120_000)
    assert _sums(await house.office.boss.do("traffic.hours", query={"until": DAY["until"]})) == (0, 0, 0)
