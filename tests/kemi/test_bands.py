"""Calls about the border of a time band: none is free because its band is blocked when it is answered, or later."""

from __future__ import annotations

import pytest

from kemi.authorize import Refused
from kemi.grants import extend
from ratebook.clocks import DAY_S
from ratebook.model import Band, Border, Timetable, Window
from tests.kemi.world import CARRIER, CUSTOMER, EURO, LOWER, START, UPPER, World, assert_consistent, terms

HOUR_S = 3600
NOON_S = START.wall_ms // 1000 // DAY_S * DAY_S + 12 * HOUR_S
PRICES = {CUSTOMER: "0.06", LOWER: "0.03", UPPER: "0.024", CARRIER: "0.012"}


def open_by_day(rate: str, border: Border) -> dict[str, object]:
    """A tariff of one rate from 8 to 18 o'clock; at other hours no call begins."""
    day = Band("day", (Window(0b111_1111, (), 8 * HOUR_S, 18 * HOUR_S),))
    return {"": terms("0", blocked=True)._replace(timetable=Timetable("UTC", border, ((day, terms(rate)),)))}


def at(world: World, second: int) -> None:
    """It is so many seconds after noon."""
    world.wait(NOON_S + second - world.now.wall_ms / 1000)


@pytest.fixture(params=Border)
def company(world: World, request: pytest.FixtureRequest) -> World:
    """Everybody sells and buys by day only."""
    for account, rate in PRICES.items():
        world.tariff(account, open_by_day(rate, request.param))
    at(world, 6 * HOUR_S - 10)
    return world


@pytest.mark.parametrize("rings_s", [5, 30])
def test_a_call_that_goes_into_a_blocked_band_is_paid_to_its_end(company: World, rings_s: int) -> None:
    """Answered before or after the border: each level pays 600 s, and so is the provider paid."""
    company.plan(routes=[["", [[1, 1]]]])
    call = company.ring()
    company.wait(rings_s)
    company.pick_up(call)
    for _ in range(6):
        company.wait(100)
        extend(company.rooms, bytes.fromhex(call), company.now)
        assert_consistent(company)
    company.hang_up(call)
    cdr = company.last_cdr()
    assert {row["account"]: row["micros"] for row in cdr["charges"]} == {
        CUSTOMER: 600_000,
        LOWER: 300_000,
        UPPER: 240_000,
    }
    assert cdr["cost"]["micros"] == 120_000
    assert isinstance(company.invite(), Refused)


def test_it_ends_where_its_money_ends(company: World) -> None:
    """Money for 60 seconds, answered when the band has become blocked."""
    company.balance(CUSTOMER, EURO * 6 // 100)
    call = company.ring()
    company.wait(30)
    company.pick_up(call)
    for _ in range(20):
        extend(company.rooms, bytes.fromhex(call), company.now)
    assert company.running()[0].grant_s == 60
    company.wait(3600)
    company.hang_up(call)
    assert company.get(CUSTOMER).balance == 0
