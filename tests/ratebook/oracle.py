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


def of_band(terms: Terms, index: int | None) -> Terms:
    """The terms of a band; None: those outside all."""
    return terms if index is None or terms.timetable is None else terms.timetable.bands[index][1]


def begins_in(terms: Terms, answered_s: int) -> int | None:
    """The band that prices a call at its answer: while one is blocked, the last one of the hour before that was not."""
    assert terms.timetable is not None
    for moment_s in range(answered_s, answered_s - 3_601, -1):
        index = band_at(terms.timetable, moment_s)
        if not of_band(terms, index).blocked:
            return index
    return band_at(terms.timetable, answered_s)


def goes_on_in(terms: Terms, index: int | None, moment_s: int) -> int | None:
    """The band that prices the second at a moment, behind one that this band prices: a blocked one prices none."""
    assert terms.timetable is not None
    following = band_at(terms.timetable, moment_s)
    return index if of_band(terms, following).blocked else following


def interval_at(terms: Terms, second: int, held: list[int | None]) -> Interval:
    """The interval of the increment that begins with this second of a call's billed part.

    `held`: the bands of its seconds up to this one; none: there are no bands.
    """
    intervals = of_band(terms, held[-1]).intervals if held else terms.intervals
    timetable = terms.timetable
    if timetable is not None and timetable.border is Border.INTERVAL and len(set(held)) > 1 and len(intervals) > 1:
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
    band = begins_in(terms, answered_s) if terms.timetable else None
    began = of_band(terms, band)
    if terms.timetable is not None and terms.timetable.border is Border.START:
        terms = began._replace(timetable=None)
    seconds = seconds_of(began, duration_ms)
    if seconds <= 0 or seconds <= began.grace_s:
        return 0, 0
    start_s = answered_s
    if began.free_mode is FreeMode.BEFORE:
        seconds = max(0, seconds - began.free_s)
        start_s += began.free_s
    billed_s = rates_nanos = 0
    held: list[int | None] = []
    moment_s = answered_s
    while billed_s < seconds:
        while terms.timetable is not None and len(held) <= billed_s:
            band = goes_on_in(terms, band, moment_s)
            if moment_s >= start_s:
                held.append(band)
            moment_s += 1
        interval = interval_at(terms, billed_s, held)
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
