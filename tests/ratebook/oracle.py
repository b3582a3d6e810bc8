"""A second, slow, obviously right implementation of the charge: second by second, in fractions."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from zoneinfo import ZoneInfo

from ratebook.model import Border, DurationMode, FreeMode, Interval, Terms, Timetable
from ratebook.money import MICROS, NANOS, Rounding, RoundingMode

HALF = Fraction(1, 2)


def rounded(amount: Fraction, rounding: Rounding) -> int:
    """Micro-units of an amount, by the words of the rule."""
    if amount < 0:
        return -rounded(-amount, rounding)
    steps = amount * 10**rounding.decimals
    whole = {
        RoundingMode.UP: ceil(steps),
        RoundingMode.DOWN: floor(steps),
        RoundingMode.HALF_UP: floor(steps + HALF),
        RoundingMode.HALF_EVEN: round(steps),
    }[rounding.mode]
    return whole * MICROS // 10**rounding.decimals


def seconds_of(terms: Terms, duration_ms: int) -> int:
    seconds = Fraction(duration_ms, 1000)
    if terms.duration_mode is DurationMode.UP:
        return ceil(seconds)
    return floor(seconds) if terms.duration_mode is DurationMode.DOWN else floor(seconds + HALF)


@lru_cache(maxsize=4096)
def band_at(timetable: Timetable, moment_s: int) -> int | None:
    """Which band holds, by the clocks of its zone; None: none."""
    local = datetime.fromtimestamp(moment_s, ZoneInfo(timetable.zone))
    for index, (band, _) in enumerate(timetable.bands):
        for window in band.windows:
            second = local.hour * 3600 + local.minute * 60 + local.second
            for day, at_s in ((local.date(), second), (local.date() - timedelta(days=1), second + 86_400)):
                yearly = day.month * 100 + day.day
                is_day = window.weekdays & (1 << day.weekday()) or {yearly, day.year * 10_000 + yearly} & set(
                    window.dates
                )
                if is_day and window.from_s <= at_s < window.to_s:
                    return index
    return None


def held_at(terms: Terms, moment_s: int) -> Terms:
    """The terms of a moment."""
    if terms.timetable is None:
        return terms
    index = band_at(terms.timetable, moment_s)
    return terms if index is None else terms.timetable.bands[index][1]


def interval_at(terms: Terms, second: int, start_s: int, bands: set[int | None]) -> Interval:
    """The interval of the increment that begins with this second of a call whose billed part began at a moment.

    `bands`: those that held in the seconds until then.
    """
    intervals = held_at(terms, start_s + second).intervals
    timetable = terms.timetable
    if timetable is not None and timetable.border is Border.INTERVAL and len(bands) > 1 and len(intervals) > 1:
        intervals = (intervals[1]._replace(from_s=0), *intervals[2:])
    return [interval for interval in intervals if interval.from_s <= second][-1]


def slow_charge(
    terms: Terms,
    duration_ms: int,
    answered_s: int,
    factor: Fraction = Fraction(1),
    covered_s: int = 0,
    *,
    fees_covered: bool = False,
) -> tuple[int, int]:
    """Billed seconds and micro-units."""
    began = held_at(terms, answered_s)
    if terms.timetable is not None and terms.timetable.border is Border.START:
        terms = began._replace(timetable=None)
    seconds = seconds_of(began, duration_ms)
    if seconds <= 0 or seconds <= began.grace_s:
        return 0, 0
    start_s = answered_s
    if began.free_mode is FreeMode.BEFORE:
        seconds = max(0, seconds - began.free_s)
        start_s += began.free_s
    billed_s = rates_nanos = looked_s = 0
    bands: set[int | None] = set()
    while billed_s < seconds:
        while terms.timetable is not None and looked_s <= billed_s:
            bands.add(band_at(terms.timetable, start_s + looked_s))
            looked_s += 1
        interval = interval_at(terms, billed_s, start_s, bands)
        for _ in range(interval.increment_s):
            if began.free_mode is FreeMode.BEFORE or billed_s >= began.free_s:
                if covered_s > 0:
                    covered_s -= 1
                else:
                    rates_nanos += interval.rate_nanos
            billed_s += 1
    cost = Fraction(rates_nanos, 60 * NANOS)
    if not fees_covered:
        cost = max(cost + Fraction(began.connect_fee_nanos, NANOS), Fraction(began.minimum_nanos, NANOS))
    if began.maximum_nanos is not None:
        cost = min(cost, Fraction(began.maximum_nanos, NANOS))
    return billed_s, rounded(cost * factor, began.rounding)
