"""When the periods of a subscription begin and end. Pure."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


class Rhythm(NamedTuple):
    """How periods follow each other."""

    period: str
    """day, week, month, quarter or year."""
    anchor: str
    """start: they begin at the moment of the first one; calendar: at midnight, on a day of the calendar."""
    day: int
    """Of the calendar: of a month 1 to 28, of a week 1 (Monday) to 7."""
    zone: str


class Span(NamedTuple):
    """From one border up to, not with, the next."""

    from_ms: int
    until_ms: int


def period_at(rhythm: Rhythm, anchor_ms: int, at_ms: int) -> Span:
    """The period that a moment lies in. `anchor_ms`: the first one's beginning; of the calendar it says nothing."""
    first = _local(anchor_ms if rhythm.anchor == "start" else at_ms, rhythm.zone)
    if rhythm.anchor == "calendar":
        first = _calendar_start(rhythm, first)
    index = _guess(rhythm, first, _local(at_ms, rhythm.zone))
    while _border_ms(rhythm, first, index) > at_ms:
        index -= 1
    while _border_ms(rhythm, first, index + 1) <= at_ms:
        index += 1
    return Span(_border_ms(rhythm, first, index), _border_ms(rhythm, first, index + 1))


def _local(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone)).replace(microsecond=0)


def _calendar_start(rhythm: Rhythm, at: datetime) -> datetime:
    """A border at or before a moment, or one period behind it at most."""
    midnight = at.replace(hour=0, minute=0, second=0, fold=0)
    if rhythm.period == "week":
        return midnight - timedelta(days=(midnight.isoweekday() - rhythm.day) % 7)
    if rhythm.period == "day":
        return midnight
    months = _MONTHS[rhythm.period]
    return midnight.replace(month=(midnight.month - 1) // months * months + 1, day=rhythm.day)


def _guess(rhythm: Rhythm, first: datetime, at: datetime) -> int:
    if rhythm.period in _DAYS:
        return (at.date() - first.date()).days // _DAYS[rhythm.period]
    return ((at.year - first.year) * 12 + at.month - first.month) // _MONTHS[rhythm.period]


def _border_ms(rhythm: Rhythm, first: datetime, index: int) -> int:
    """The beginning of the period that comes so many after the first one, by the clocks of the zone."""
    if rhythm.period in _DAYS:
        day = first.date() + timedelta(days=index * _DAYS[rhythm.period])
    else:
        day = _months_later(first.date(), index * _MONTHS[rhythm.period])
    return int(datetime.combine(day, first.time(), first.tzinfo).timestamp()) * 1000


def _months_later(first: date, months: int) -> date:
    """The 31st becomes a shorter month's last day, and the 31st again where there is one."""
    month = first.year * 12 + first.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def days_between(span: Span, zone: str) -> int:
    """Calendar days from a moment's day up to, not with, another's."""
    return (_local(span.until_ms, zone).date() - _local(span.from_ms, zone).date()).days
