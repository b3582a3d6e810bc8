"""THE pricing function. Simulator, hold, meter, CDR and invoice all come here.

A charge is one exact fraction, rounded once. It is counted in sixtieths of nano-units: a rate per minute
times seconds is a whole number of these.
"""

from __future__ import annotations

from typing import NamedTuple

from ratebook.model import DurationMode, FreeMode, Interval, Terms
from ratebook.money import NANOS, format_micros, format_nanos, round_fraction

SIXTIETHS = 60
UNIT = NANOS * SIXTIETHS
"""Sixtieths of nano-units in one unit of a currency."""

_UP = DurationMode.UP
_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__

Factor = tuple[int, int]
"""An exact fraction that multiplies a charge before its rounding: an exchange rate, a tax."""


class Charge(NamedTuple):
    """What a call comes to."""

    billed_s: int
    micros: int


class Step(NamedTuple):
    """Consecutive increments of one interval."""

    from_s: int
    seconds: int
    """All of them together, whole increments."""
    interval: Interval


NOTHING = Charge(0, 0)


def charge(terms: Terms, duration_ms: int, factor: Factor = (1, 1)) -> Charge:
    """What an answered call of this length costs. Nothing up to the grace, and nothing for a length of zero."""
    seconds = whole_seconds(terms, duration_ms)
    if seconds <= 0 or seconds <= terms.grace_s:
        return NOTHING
    billed_s, sixtieths = _count(terms, seconds)
    sixtieths += terms.connect_fee_nanos * SIXTIETHS
    if terms.minimum_nanos:
        sixtieths = max(sixtieths, terms.minimum_nanos * SIXTIETHS)
    if terms.maximum_nanos is not None:
        sixtieths = min(sixtieths, terms.maximum_nanos * SIXTIETHS)
    times, parts = factor
    return _new(Charge, (billed_s, round_fraction(sixtieths * times, UNIT * parts, terms.rounding)))


def attempt_charge(terms: Terms, factor: Factor = (1, 1)) -> int:
    """What a call that was not answered costs, in micro-units."""
    if not terms.attempt_fee_nanos:
        return 0
    return round_fraction(terms.attempt_fee_nanos * factor[0], NANOS * factor[1], terms.rounding)


def whole_seconds(terms: Terms, duration_ms: int) -> int:
    """The duration as the terms count it."""
    if terms.duration_mode is _UP:
        return -(-duration_ms // 1000)
    if terms.duration_mode is DurationMode.DOWN:
        return duration_ms // 1000
    return (duration_ms + 500) // 1000


def _count(terms: Terms, seconds: int) -> tuple[int, int]:
    """Billed seconds, and rates times seconds of an answered call."""
    intervals = terms.intervals
    if len(intervals) == 1 and not terms.free_s:  # nearly every rate: no loop
        _, rate_nanos, increment_s = intervals[0]
        billed_s = -(-seconds // increment_s) * increment_s
        return billed_s, billed_s * rate_nanos
    if terms.free_s and terms.free_mode is FreeMode.BEFORE:
        seconds = max(0, seconds - terms.free_s)
    billed_s = sixtieths = 0
    last = len(intervals) - 1
    for index, (_, rate_nanos, increment_s) in enumerate(intervals):
        end_s = seconds if index == last else min(seconds, intervals[index + 1].from_s)
        if billed_s < end_s:  # else a step before has covered it
            length_s = -(-(end_s - billed_s) // increment_s) * increment_s
            sixtieths += length_s * rate_nanos
            if terms.free_s and terms.free_mode is FreeMode.AFTER:
                sixtieths -= min(length_s, max(0, terms.free_s - billed_s)) * rate_nanos
            billed_s += length_s
    return billed_s, sixtieths


def steps(intervals: tuple[Interval, ...], seconds: int) -> list[Step]:
    """The whole increments that cover so many seconds, interval by interval."""
    found = []
    at_s = 0
    for index, interval in enumerate(intervals):
        last = index + 1 == len(intervals)
        end_s = seconds if last else min(seconds, intervals[index + 1].from_s)
        if at_s >= end_s:
            continue
        length_s = -(-(end_s - at_s) // interval.increment_s) * interval.increment_s
        found.append(Step(at_s, length_s, interval))
        at_s += length_s
    return found


def longest_s(terms: Terms, micros: int, limit_s: int) -> int:
    """The longest call in whole seconds, `limit_s` at most, that costs no more than `micros`; -1: not even one second.

    A charge never falls with the duration, so that it ends with a paid increment.
    """
    if charge(terms, limit_s * 1000).micros <= micros:
        return limit_s
    paid_s, unpaid_s = 0, limit_s
    while unpaid_s - paid_s > 1:
        middle_s = (paid_s + unpaid_s) // 2
        if charge(terms, middle_s * 1000).micros <= micros:
            paid_s = middle_s
        else:
            unpaid_s = middle_s
    return paid_s or -1


def explain(terms: Terms, duration_ms: int, factor: Factor = (1, 1)) -> list[str]:
    """How `charge` comes to its result, a sentence a step."""
    seconds = whole_seconds(terms, duration_ms)
    said = [f"{duration_ms} ms count as {seconds} s (rounded {terms.duration_mode.value})"]
    if terms.blocked:
        said.append("the destination is blocked: no call is let through")
    if seconds <= terms.grace_s:
        return [*said, f"within the grace of {terms.grace_s} s: free"] if seconds > 0 else [*said, "no time: free"]
    if terms.free_s:
        said.append(f"{terms.free_s} s are free, taken off {terms.free_mode.value} the increments")
    billed = max(0, seconds - terms.free_s) if terms.free_mode is FreeMode.BEFORE else seconds
    said.extend(
        f"from {step.from_s} s: {step.seconds} s in steps of {step.interval.increment_s} s "
        f"at {format_nanos(step.interval.rate_nanos)} a minute"
        for step in steps(terms.intervals, billed)
    )
    if terms.connect_fee_nanos:
        said.append(f"connect fee {format_nanos(terms.connect_fee_nanos)}")
    if terms.minimum_nanos:
        said.append(f"at least {format_nanos(terms.minimum_nanos)}")
    if terms.maximum_nanos is not None:
        said.append(f"at most {format_nanos(terms.maximum_nanos)}")
    if factor != (1, 1):
        said.append(f"times {factor[0]}/{factor[1]}")
    result = charge(terms, duration_ms, factor)
    rounded = f"rounded {terms.rounding.mode.value} to {terms.rounding.decimals} decimals"
    return [*said, f"{result.billed_s} s billed: {format_micros(result.micros)} {terms.currency}, {rounded}"]
