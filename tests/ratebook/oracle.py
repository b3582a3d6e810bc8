"""A second, slow, obviously right implementation of the charge: second by second, in fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from ratebook.model import DurationMode, FreeMode, Interval, Terms
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


def interval_at(terms: Terms, second: int) -> Interval:
    return [interval for interval in terms.intervals if interval.from_s <= second][-1]


def slow_charge(terms: Terms, duration_ms: int, factor: Fraction = Fraction(1)) -> tuple[int, int]:
    """Billed seconds and micro-units."""
    seconds = seconds_of(terms, duration_ms)
    if seconds <= 0 or seconds <= terms.grace_s:
        return 0, 0
    if terms.free_mode is FreeMode.BEFORE:
        seconds = max(0, seconds - terms.free_s)
    billed_s = rates_nanos = 0
    while billed_s < seconds:
        interval = interval_at(terms, billed_s)
        for _ in range(interval.increment_s):
            if terms.free_mode is FreeMode.BEFORE or billed_s >= terms.free_s:
                rates_nanos += interval.rate_nanos
            billed_s += 1
    cost = Fraction(terms.connect_fee_nanos, NANOS) + Fraction(rates_nanos, 60 * NANOS)
    cost = max(cost, Fraction(terms.minimum_nanos, NANOS))
    if terms.maximum_nanos is not None:
        cost = min(cost, Fraction(terms.maximum_nanos, NANOS))
    return billed_s, rounded(cost * factor, terms.rounding)
