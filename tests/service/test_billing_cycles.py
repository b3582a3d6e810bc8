"""Periods end where the account's calendar says, one behind the other."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.billing.cycles import Cycle, cycle_problem, last_border_ms, midnight_ms, next_border_ms
from service.billing.states import Standing, state_of

KINDS = ("daily", "weekly", "two_weekly", "half_monthly", "monthly")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Asia/Beirut",
)
DAYS_MAX = {"daily": 1, "weekly": 7, "two_weekly": 14, "half_monthly": 16, "monthly": 31}


def _ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def _borders(cycle: Cycle, after: str, count: int) -> list[str]:
    """Local days on which the next periods begin."""
    at_ms, found = _ms(after, cycle.zone), []
    for _ in range(count):
        at_ms = next_border_ms(cycle, at_ms)
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(cycle.zone))
        found.append(f"{local:%m-%d}" + ("" if local.hour == local.minute == 0 else f" {local:%H:%M}"))
    return found


@pytest.mark.parametrize(
    ("kind", "day", "after", "expected"),
    [
        ("daily", 1, "2026-02-27T12:00", ["02-28", "03-01", "03-02"]),
        ("weekly", 1, "2026-11-27T00:00", ["11-30", "12-07", "12-14"]),
        ("weekly", 5, "2026-11-27T00:00", ["12-04", "12-11", "12-18"]),
        ("two_weekly", 1, "2026-01-01T00:00", ["01-05", "01-19", "02-02"]),
        ("half_monthly", 1, "2026-01-01T00:00", ["01-16", "02-01", "02-16"]),
        ("half_monthly", 15, "2026-02-14T00:00", ["02-15", "02-28", "03-15"]),
        ("monthly", 1, "2026-01-31T23:59", ["02-01", "03-01", "04-01"]),
        ("monthly", 31, "2026-01-31T00:00", ["02-28", "03-31", "04-30"]),
        ("monthly", 29, "2027-12-31T00:00", ["01-29", "02-29", "03-29"]),
    ],
)
def test_borders(kind: str, day: int, after: str, expected: list[str]) -> None:
    """Of each kind; days that a month doesn't have are its last one."""
    anchor = _ms("2025-12-22T00:00", "Europe/Berlin")
    assert _borders(Cycle(kind, day, "Europe/Berlin", anchor), after, 3) == expected


def test_a_midnight_that_the_clocks_skip() -> None:
    """Beirut went from 00:00 to 01:00 on 2022-03-27: the day begins then."""
    assert _borders(Cycle("daily", 1, "Asia/Beirut", 0), "2022-03-26T12:00", 2) == ["03-27 01:00", "03-28"]


@given(
    st.sampled_from(KINDS), st.integers(1, 31), st.sampled_from(ZONES), st.integers(10**12, 2 * 10**12),
    st.integers(10**12, 2 * 10**12),
)  # fmt: skip
def test_periods_neither_overlap_nor_leave_a_gap(kind: str, day: int, zone: str, anchor_ms: int, at_ms: int) -> None:
    """The next border is the same from everywhere in a period, and lies as far away as a period is long."""
    if cycle_problem(kind, day) is not None:
        return
    cycle = Cycle(kind, day, zone, anchor_ms)
    begin = last_border_ms(cycle, at_ms)
    end = next_border_ms(cycle, begin)
    assert begin <= at_ms < end
    assert next_border_ms(cycle, at_ms) == next_border_ms(cycle, end - 1) == end
    assert last_border_ms(cycle, begin) == begin
    assert 0 < end - begin <= DAYS_MAX[kind] * 86_400_000 + 25 * 3_600_000


@pytest.mark.parametrize(
    ("kind", "day"), [("daily", 2), ("weekly", 8), ("half_monthly", 16), ("monthly", 32), ("weekly", 0)]
)
def test_days_that_no_cycle_has(kind: str, day: int) -> None:
    """Said, not guessed."""
    assert cycle_problem(kind, day)


def test_midnight_is_local() -> None:
    """Two hours before that of Greenwich in summer."""
    assert midnight_ms(date(2026, 7, 1), "Europe/Berlin") == _ms("2026-06-30T22:00")


@pytest.mark.parametrize(
    ("paid", "credited", "now", "state"),
    [
        (0, 0, 10, "issued"), (0, 0, 11, "overdue"), (5, 0, 10, "part_paid"), (0, 5, 10, "part_paid"),
        (5, 4, 11, "overdue"), (5, 5, 11, "paid"), (20, 0, 11, "paid"), (0, 10, 5, "paid"),
    ],
)  # fmt: skip
def test_states(paid: int, credited: int, now: int, state: str) -> None:
    """By what is open; due until the last millisecond of the day."""
    assert state_of(Standing(10, paid, credited, 10), now) == state


def test_nothing_to_pay_is_paid() -> None:
    """Invoices of nothing, or in the buyer's favour."""
    assert state_of(Standing(0, 0, 0, 10), 5) == state_of(Standing(-3, 0, 0, 10), 50) == "paid"
