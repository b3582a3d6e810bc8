"""When periods begin and end, and what a share of one costs."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.products.periods import DAY_MS, Rhythm, Span, days_between, period_at
from service.products.rules import Dues, first_dues, grant_until_ms, next_dues, product_problem, refund_of

EURO = 1_000_000
rhythms = st.builds(
    Rhythm,
    st.sampled_from(("day", "week", "month", "quarter", "year")),
    st.sampled_from(("start", "calendar")),
    st.integers(1, 7),
    st.sampled_from(("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia")),
)
moments = st.integers(1_600_000_000, 2_500_000_000).map(lambda second: second * 1000)


def ms(text: str, zone: str = "Europe/Berlin") -> int:
    """Of a wall clock's time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def said(span: Span, zone: str = "Europe/Berlin") -> tuple[str, str]:
    """Both borders by the clocks of a zone."""
    first, last = (datetime.fromtimestamp(one // 1000, ZoneInfo(zone)) for one in span)
    return f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("period", "anchor", "day", "at", "first", "last"),
    [
        ("month", "start", 1, "2026-03-01 00:00", "2026-02-28 10:30", "2026-03-31 10:30"),
        ("month", "start", 1, "2026-03-31 10:29", "2026-02-28 10:30", "2026-03-31 10:30"),
        ("month", "start", 1, "2026-03-31 10:30", "2026-03-31 10:30", "2026-04-30 10:30"),
        ("day", "start", 1, "2026-03-29 12:00", "2026-03-29 10:30", "2026-03-30 10:30"),
        ("quarter", "start", 1, "2026-02-01 00:00", "2026-01-31 10:30", "2026-04-30 10:30"),
        ("year", "start", 1, "2028-01-30 00:00", "2027-01-31 10:30", "2028-01-31 10:30"),
        ("month", "calendar", 15, "2026-02-03 08:00", "2026-01-15 00:00", "2026-02-15 00:00"),
        ("month", "calendar", 1, "2026-02-01 00:00", "2026-02-01 00:00", "2026-03-01 00:00"),
        ("week", "calendar", 1, "2026-11-26 08:00", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("week", "calendar", 5, "2026-11-26 08:00", "2026-11-20 00:00", "2026-11-27 00:00"),
        ("day", "calendar", 1, "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00"),
        ("quarter", "calendar", 1, "2026-06-30 23:59", "2026-04-01 00:00", "2026-07-01 00:00"),
        ("year", "calendar", 28, "2026-01-27 00:00", "2025-01-28 00:00", "2026-01-28 00:00"),
    ],
)
def test_borders(period: str, anchor: str, day: int, at: str, first: str, last: str) -> None:
    """From the 31st of January, half past ten: shorter months end theirs sooner, clocks that change keep the hour."""
    rhythm = Rhythm(period, anchor, day, "Europe/Berlin")
    assert said(period_at(rhythm, ms("2026-01-31 10:30"), ms(at))) == (first, last)


@given(rhythms, moments, st.integers(0, 4_000))
def test_periods_follow_each_other_without_a_gap(rhythm: Rhythm, anchor_ms: int, days: int) -> None:
    """Each moment lies in one, and each one's end is the next one's beginning."""
    at_ms = anchor_ms + days * DAY_MS
    span = period_at(rhythm, anchor_ms, at_ms)
    assert span.from_ms <= at_ms < span.until_ms
    assert period_at(rhythm, anchor_ms, span.until_ms).from_ms == span.until_ms
    assert period_at(rhythm, anchor_ms, span.from_ms) == span
    assert period_at(rhythm, anchor_ms, span.until_ms - 1000) == span


def product(**more: Any) -> Any:
    """Thirty euros a month of the calendar, in Berlin."""
    values = {
        "kind": "subscription",
        "price_micros": 30 * EURO,
        "setup_micros": 5 * EURO,
        "period": "month",
        "currency": "EUR",
    }
    values |= {"anchor": "calendar", "day": 1, "zone": "Europe/Berlin", "first_period": "days", "refund": "days"}
    return SimpleNamespace(**values | {"rollover_periods": 0} | more)


def test_a_first_period_costs_its_days() -> None:
    """From the 21st of a month of thirty days: ten of them; all of it where the product says so."""
    now = ms("2026-11-21 18:00")
    assert first_dues(product(), now, with_setup=True) == Dues(now, ms("2026-12-01 00:00"), 5 * EURO, 10 * EURO)
    assert first_dues(product(first_period="full"), now, with_setup=False).total_micros == 30 * EURO
    assert first_dues(product(anchor="start", first_period="full"), now, with_setup=False).until_ms == ms(
        "2026-12-21 18:00"
    )
    assert first_dues(product(), ms("2026-11-01 00:00"), with_setup=False).price_micros == 30 * EURO


def test_what_follows_is_whole_and_packages_leave_out_what_nobody_had() -> None:
    """A service that was away for two months charges a rent for both, and a package for the running month only."""
    until, now = ms("2026-09-01 00:00"), ms("2026-11-21 00:00")
    rent = next_dues(product(), 0, until, now)
    assert (rent.from_ms, rent.until_ms, rent.price_micros) == (until, ms("2026-10-01 00:00"), 30 * EURO)
    minutes = next_dues(product(kind="package"), 0, until, now)
    assert (minutes.from_ms, minutes.until_ms) == (ms("2026-11-01 00:00"), ms("2026-12-01 00:00"))
    assert next_dues(product(kind="package"), 0, until, until) == next_dues(product(), 0, until, until)


def test_what_comes_back() -> None:
    """Of the days behind today; nothing by another rule, of a package in use, or outside the period."""
    period = Span(ms("2026-11-01 00:00"), ms("2026-12-01 00:00"))
    now = ms("2026-11-20 12:00")
    assert refund_of(product(), 30 * EURO, period, now, 0) == 10 * EURO
    assert refund_of(product(), 30 * EURO, period, now, 1) == 0
    assert refund_of(product(refund="none"), 30 * EURO, period, now, 0) == 0
    assert refund_of(product(), 30 * EURO, period, ms("2026-12-01 00:00"), 0) == 0
    assert refund_of(product(), 30 * EURO, period, ms("2026-11-30 12:00"), 0) == 0
    assert refund_of(product(), 31 * EURO, period, now, 0) == 10_330_000
    assert refund_of(product(currency="JPY"), 31 * EURO, period, now, 0) == 10 * EURO


@given(st.integers(0, 10**12), rhythms, moments, st.integers(0, 10**12))
def test_shares_never_exceed_the_whole(micros: int, rhythm: Rhythm, at_ms: int, within: int) -> None:
    """Nor does what comes back and what was used add up to more than was paid."""
    whole = period_at(rhythm, at_ms, at_ms)
    now = whole.from_ms + within % (whole.until_ms - whole.from_ms)
    of = rhythm._asdict() | {"price_micros": micros, "first_period": "days"}
    assert 0 <= first_dues(product(**of), now, with_setup=False).price_micros <= micros
    assert 0 <= refund_of(product(**of), micros, whole, now, 0) <= micros
    assert days_between(whole, rhythm.zone) >= 0


def test_rollover_lasts_so_many_periods_more() -> None:
    """To the end of the month after the next."""
    until = ms("2026-12-01 00:00")
    assert grant_until_ms(product(), 0, until) == until
    assert grant_until_ms(product(rollover_periods=2), 0, until) == ms("2027-02-01 00:00")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": 5}, "/amount"),
        ({"kind": "package"}, "/amount"),
        ({"groups": ["x"]}, "/kind"),
        ({"rollover_periods": 1}, "/kind"),
        ({"period": "week", "day": 8}, "/day"),
        ({"anchor": "start"}, "/first_period"),
        ({"offered": True, "forced": True}, "/offered"),
    ],
)
def test_what_does_not_fit_together(change: dict[str, Any], pointer: str) -> None:
    """Each at its field; what fits is no problem."""
    values = {"kind": "rental", "amount": 0, "groups": [], "tariff_ids": [], "rollover_periods": 0, "period": "month"}
    values |= {"day": 1, "first_period": "days", "anchor": "calendar", "offered": False, "forced": False}
    assert product_problem(values) is None
    assert product_problem(values | {"offered": True}) is None
    problem = product_problem(values | change)
    assert problem is not None
    assert problem[0] == pointer
