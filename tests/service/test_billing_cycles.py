"""Periods end where the account's calendar says, one behind the other."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.values import moment_text
from service.billing.cycles import Cycle, cycle_problem, last_border_ms, midnight_ms, next_border_ms
from service.billing.states import Standing, state_of
from service.database.billing_tables import billing_terms
from tests.service.company import NOW_MS
from tests.service.dying import watched
from tests.service.test_invoices import DAY_MS, Bureau

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


async def _billing_since(bureau: Bureau, since_ms: int, **terms: Any) -> Bureau:
    """Of one account, whose first period begins then."""
    await bureau.open()
    async with bureau.company.engine.begin() as conn:
        await conn.execute(sa.delete(billing_terms))
    await bureau.terms("upper", starts_at=moment_text(since_ms), **terms)
    return bureau


@pytest.mark.parametrize("kind", KINDS)
async def test_empty_periods_cost_nothing(engine: AsyncEngine, database: str, tmp_path: Path, kind: str) -> None:
    """Of ten years, whatever the cycle: only those that have something are made, each what it would have been."""
    anchor_ms = NOW_MS - 3_650 * DAY_MS
    bureau = await _billing_since(Bureau(engine, database, tmp_path), anchor_ms, cycle=kind)
    things = [NOW_MS, NOW_MS + 33 * DAY_MS, NOW_MS + 33 * DAY_MS + 1, NOW_MS + 70 * DAY_MS]
    await bureau.talk(60)
    for bureau.office.now_ms in things[1:]:
        await bureau.sign_in_again()
        (await bureau.ask("payment.adjust", "upper", amount="-1", reason="fee")).ok()
    statements = []
    with watched(bureau.company.engine, statements.append):
        await bureau.run(100 * DAY_MS)
    cycle = Cycle(kind, 1, "UTC", anchor_ms)
    borders = [(last_border_ms(cycle, at_ms), next_border_ms(cycle, at_ms)) for at_ms in things]
    found = [(one["period_since"], one["period_until"]) for one in await bureau.invoices("upper")]
    assert found == [tuple(map(moment_text, border)) for border in dict.fromkeys(borders)]
    assert len(statements) < 400
    terms = await bureau.office.boss.do("terms.show", account_id=bureau.ids["upper"])
    assert terms["period_since"] == moment_text(last_border_ms(cycle, bureau.office.now_ms))
    assert (await bureau.office.boss.do("invoice.run"))["periods"] == 0
    await bureau.sound()


async def test_who_wants_an_invoice_of_nothing_gets_each(engine: AsyncEngine, database: str, tmp_path: Path) -> None:
    """None of its periods is passed over."""
    began_ms = NOW_MS - 9 * DAY_MS
    bureau = await _billing_since(Bureau(engine, database, tmp_path), began_ms, cycle="daily", zero_invoices=True)
    await bureau.run(0)
    assert len(await bureau.invoices("upper")) == 9
