"""Whole days, weeks and months by the clocks of a zone, and when each is mailed. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MONDAY = 0


class Span(NamedTuple):
    """A period that is over."""

    first: date
    last: date
    """Inclusive."""
    since_ms: int
    until_ms: int
    """Exclusive."""


def next_due_ms(period: str, hour: int, zone: str, after_ms: int) -> int:
    """When the first report behind a moment is mailed: at that hour of the day on which another period begins."""
    day = datetime.fromtimestamp(after_ms // 1000, ZoneInfo(zone)).date()
    while not (_begins(period, day) and _at_ms(day, hour, zone) > after_ms):
        day += timedelta(days=1)
    return _at_ms(day, hour, zone)


def span_before(period: str, zone: str, due_ms: int) -> Span:
    """The period that was over when the day of a moment began."""
    day = datetime.fromtimestamp(due_ms // 1000, ZoneInfo(zone)).date()
    last = first = day - timedelta(days=1)
    while not _begins(period, first):
        first -= timedelta(days=1)
    return Span(first, last, _at_ms(first, 0, zone), _at_ms(day, 0, zone))


def _begins(period: str, day: date) -> bool:
    return {"daily": True, "weekly": day.weekday() == MONDAY, "monthly": day.day == 1}[period]


def _at_ms(day: date, hour: int, zone: str) -> int:
    return int(datetime.combine(day, time(hour), ZoneInfo(zone)).timestamp()) * 1000
