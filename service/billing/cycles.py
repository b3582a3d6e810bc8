"""When billing periods end: local midnights, in the account's time zone. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HALF_MONTH_DAYS = 15
_LAST_DAY = {"weekly": 7, "two_weekly": 7, "half_monthly": HALF_MONTH_DAYS, "monthly": 31}


class Cycle(NamedTuple):
    """How often an account is billed."""

    kind: str
    """daily, weekly, two_weekly, half_monthly or monthly."""
    day: int
    """Of the week (Monday is 1) or month; of a half month the first one's, and the second begins 15 days later."""
    zone: str
    anchor_ms: int
    """Of two-weekly ones: in which of the two weeks periods begin."""


def cycle_problem(kind: str, day: int) -> str | None:
    """What is wrong with a day; None: nothing."""
    last = _LAST_DAY.get(kind)
    if last is None:
        return None if day == 1 else "a daily cycle has no day: leave it at 1"
    return None if 1 <= day <= last else f"a {kind} cycle begins on one of the days 1 to {last}"


def local_date(at_ms: int, zone: str) -> date:
    """The day of a moment where the account is."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone)).date()


def midnight_ms(day: date, zone: str) -> int:
    """When a day begins; where clocks skip midnight, the moment in which they do."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def next_border_ms(cycle: Cycle, after_ms: int) -> int:
    """The first period's end behind a moment."""
    days = _DAYS[cycle.kind](cycle, local_date(after_ms, cycle.zone))
    return next(border for day in days if (border := midnight_ms(day, cycle.zone)) > after_ms)


def last_border_ms(cycle: Cycle, at_ms: int) -> int:
    """The beginning of the period that a moment is in."""
    border = next_border_ms(cycle, at_ms - 40 * 86_400_000)
    while (following := next_border_ms(cycle, border)) <= at_ms:
        border = following
    return border


def _daily(_cycle: Cycle, day: date) -> Iterator[date]:
    while True:
        day += timedelta(days=1)
        yield day


def _weekly(cycle: Cycle, day: date) -> Iterator[date]:
    yield from (one for one in _daily(cycle, day - timedelta(days=1)) if one.isoweekday() == cycle.day)


def _two_weekly(cycle: Cycle, day: date) -> Iterator[date]:
    first = local_date(cycle.anchor_ms, cycle.zone)
    first -= timedelta(days=(first.isoweekday() - cycle.day) % 7)
    yield from (one for one in _weekly(cycle, day) if (one - first).days % 14 == 0)


def _monthly(cycle: Cycle, day: date) -> Iterator[date]:
    for year, month in _months(day):
        yield _clipped(year, month, cycle.day)


def _half_monthly(cycle: Cycle, day: date) -> Iterator[date]:
    for year, month in _months(day):
        yield _clipped(year, month, cycle.day)
        yield _clipped(year, month, cycle.day + HALF_MONTH_DAYS)


def _months(day: date) -> Iterator[tuple[int, int]]:
    count = day.year * 12 + day.month - 1
    while True:
        yield count // 12, count % 12 + 1
        count += 1


def _clipped(year: int, month: int, day: int) -> date:
    """In a month that is shorter, its last day."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


_DAYS: dict[str, Callable[[Cycle, date], Iterator[date]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "two_weekly": _two_weekly,
    "half_monthly": _half_monthly,
    "monthly": _monthly,
}
