"""What an overview says, from hours of calls and money. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calls.traffic_api import HourView, MoneyView
from service.portal.reckoning import (
    DAY_MS,
    HOUR_MS,
    Sums,
    cash,
    counted_from,
    currencies,
    day_begins,
    hours_back,
    lasts_ms,
    sums,
)

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
NOON = 1_774_785_600_000
"""2026-03-29 12:00 UTC: in Berlin the clocks went forward that night."""


def _hour(at: int, attempts: int, answered: int, seconds: int) -> HourView:
    return HourView(
        at=at, attempts=attempts, answered=answered, duration_ms=seconds * 1000, rang=answered, pdd_ms=attempts * 100
    )


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("UTC", 0), ("Europe/Berlin", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 45), ("Australia/Eucla", 45)],
)
def test_a_day_that_begins_within_an_hour_is_counted_from_the_next(zone: str, minutes: int) -> None:
    """In no zone is anything of another day counted as today's."""
    begins = day_begins(NOON, ZoneInfo(zone))
    assert counted_from(begins) - begins == minutes * 60_000
    assert counted_from(begins) % HOUR_MS == 0


def test_only_hours_inside_count() -> None:
    """The end is exclusive."""
    hours = [_hour(0, 1, 1, 10), _hour(HOUR_MS, 2, 1, 20), _hour(2 * HOUR_MS, 4, 0, 0)]
    assert sums(hours, HOUR_MS, 2 * HOUR_MS) == Sums(2, 1, 20_000, 1, 200)
    assert sums(hours, 0, 3 * HOUR_MS) == Sums(7, 2, 30_000, 2, 700)


def test_rates_of_nothing_are_none() -> None:
    """Not zero, and no division by it."""
    assert (Sums().asr_percent, Sums().acd_s, Sums().minutes, Sums().delay_ms) == (None, None, 0, None)
    assert Sums(rang=3, pdd_ms=1000).delay_ms == 333
    assert (Sums(3, 2, 121_000).asr_percent, Sums(3, 2, 121_000).acd_s, Sums(3, 2, 121_000).minutes) == (67, 60, 3)


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_rate_is_the_nearest_percent(attempts: int, answered: int) -> None:
    """Between nothing and all."""
    answered = min(attempts, answered)
    found = Sums(attempts, answered, 0).asr_percent
    assert found is not None
    assert abs(found * attempts - 100 * answered) * 2 <= attempts


def test_money_is_summed_by_currency() -> None:
    """Unlike currencies never meet; the account's own comes first."""
    money = [
        MoneyView(at=0, currency="USD", earned=5, spent=3),
        MoneyView(at=HOUR_MS, currency="EUR", earned=7, spent=9),
        MoneyView(at=HOUR_MS, currency="USD", earned=1, spent=0),
    ]
    assert cash(money, "USD", 0, 2 * HOUR_MS).margin == 3
    assert cash(money, "EUR", 0, 2 * HOUR_MS).margin == -2
    assert currencies(money, "EUR") == ["EUR", "USD"]


@pytest.mark.parametrize(("zone", "hours"), [(UTC, 24), (BERLIN, 23)])
def test_a_day_begins_when_it_does_there(zone: ZoneInfo, hours: int) -> None:
    """Also the one that lacks an hour."""
    begins, tomorrow = day_begins(NOON, zone), day_begins(NOON + DAY_MS, zone)
    assert tomorrow - begins == hours * HOUR_MS
    assert day_begins(NOON + DAY_MS, zone, 1) == begins


def test_hours_go_back_from_the_present_one() -> None:
    """Which is the last."""
    assert hours_back(NOON + 5, 3) == [NOON - 2 * HOUR_MS, NOON - HOUR_MS, NOON]


def test_how_long_money_lasts() -> None:
    """At the pace of a span; without spending there is no answer, without money it is over."""
    assert lasts_ms(10, 5, DAY_MS) == 2 * DAY_MS
    assert lasts_ms(10, 0, DAY_MS) is None
    assert lasts_ms(-10, 5, DAY_MS) == 0
