"""THE pricing function. Simulator, hold, meter, CDR and invoice all come here.

A charge is one exact fraction, rounded once. It is counted in sixtieths of nano-units: a rate per minute
times seconds is a whole number of these.
"""

from __future__ import annotations

from typing import NamedTuple

from ratebook.bands import charged_at, stretches, terms_at
from ratebook.model import Border, DurationMode, FreeMode, Interval, Terms
from ratebook.money import NANOS, format_micros, format_nanos, round_fraction

SIXTIETHS = 60
UNIT = NANOS * SIXTIETHS
"""Sixtieths of nano-units in one unit of a currency."""

_UP = DurationMode.UP
_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__

Factor = tuple[int, int]
"""An exact fraction that multiplies a charge before its rounding: an exchange rate, a tax."""


class Cover(NamedTuple):
    """What packages pay of a call: the first seconds that its terms would charge for."""

    seconds: int
    """Billed ones; what lies beyond those that the terms charge for covers nothing."""
    fees: bool
    """Whether neither connect fee nor minimum charge is asked for."""


UNCOVERED = Cover(0, fees=False)


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
    band: str = ""


NOTHING = Charge(0, 0)


def charge(
    terms: Terms, duration_ms: int, answered_s: int, factor: Factor = (1, 1), cover: Cover = UNCOVERED
) -> Charge:
    """What an answered call of this length costs. Nothing up to the grace, and nothing for a length of zero.

    `answered_s`: the wall-clock second of the answer; terms without time bands don't ask for it. `cover`: what packages
    pay; what is left costs what it costs in the whole call. Billed are all seconds.
    """
    began = terms if terms.timetable is None else charged_at(terms, answered_s)
    seconds = -(-duration_ms // 1000) if began.duration_mode is _UP else whole_seconds(began, duration_ms)
    if seconds <= 0 or seconds <= began.grace_s:
        return NOTHING
    if terms.timetable is None and len(terms.intervals) == 1 and not terms.free_s:  # nearly every rate
        _, rate_nanos, increment_s = terms.intervals[0]
        billed_s = -(-seconds // increment_s) * increment_s
        sixtieths = max(0, billed_s - cover[0]) * rate_nanos
    elif terms.timetable is None or terms.timetable.border is Border.START:
        billed_s, sixtieths = _count(began, seconds, cover[0])
    else:
        billed_s, sixtieths = _count_steps(began, steps(terms, seconds, answered_s), cover[0])
    if not cover[1]:
        sixtieths += began.connect_fee_nanos * SIXTIETHS
        if began.minimum_nanos:
            sixtieths = max(sixtieths, began.minimum_nanos * SIXTIETHS)
    if began.maximum_nanos is not None:
        sixtieths = min(sixtieths, began.maximum_nanos * SIXTIETHS)
    times, parts = factor
    return _new(Charge, (billed_s, round_fraction(sixtieths * times, UNIT * parts, began.rounding)))


def chargeable_s(terms: Terms, duration_ms: int, answered_s: int) -> int:
    """How many of an answered call's billed seconds the terms charge for: as many as packages can pay."""
    began = terms if terms.timetable is None else charged_at(terms, answered_s)
    free_s = began.free_s if began.free_mode is FreeMode.AFTER else 0
    return max(0, charge(terms, duration_ms, answered_s).billed_s - free_s)


def attempt_charge(terms: Terms, started_s: int, factor: Factor = (1, 1)) -> int:
    """What a call that was not answered costs, in micro-units. `started_s`: the wall-clock second of its INVITE."""
    began = terms if terms.timetable is None else terms_at(terms, started_s)
    if not began.attempt_fee_nanos:
        return 0
    return round_fraction(began.attempt_fee_nanos * factor[0], NANOS * factor[1], began.rounding)


def message_charge(terms: Terms, sent_s: int, factor: Factor = (1, 1)) -> int | None:
    """What a delivered MESSAGE costs, in micro-units; None: this rate has none. `sent_s`: its wall-clock second."""
    began = terms if terms.timetable is None else terms_at(terms, sent_s)
    if began.message_fee_nanos is None:
        return None
    return round_fraction(began.message_fee_nanos * factor[0], NANOS * factor[1], began.rounding)


def whole_seconds(terms: Terms, duration_ms: int) -> int:
    """The duration as the terms count it."""
    if terms.duration_mode is _UP:
        return -(-duration_ms // 1000)
    if terms.duration_mode is DurationMode.DOWN:
        return duration_ms // 1000
    return (duration_ms + 500) // 1000


def _count(terms: Terms, seconds: int, covered_s: int) -> tuple[int, int]:
    """Billed seconds, and rates times uncovered seconds of an answered call, by terms that hold to its end."""
    if terms.free_s and terms.free_mode is FreeMode.BEFORE:
        seconds -= terms.free_s
    found: list[Step] = []
    _cover(found, terms.intervals, seconds, "")
    return _count_steps(terms, found, covered_s)


def _count_steps(terms: Terms, found: list[Step], covered_s: int) -> tuple[int, int]:
    free_s = (terms.free_s if terms.free_mode is FreeMode.AFTER else 0) + covered_s
    billed_s = sixtieths = 0
    for from_s, seconds, interval, _ in found:
        billed_s += seconds
        sixtieths += (seconds - min(seconds, max(0, free_s - from_s))) * interval.rate_nanos
    return billed_s, sixtieths


def steps(terms: Terms, seconds: int, answered_s: int) -> list[Step]:
    """The whole increments that cover a call of so many whole seconds, interval by interval, band by band.

    Free seconds that are taken before the increments are the call's first ones, and none of these.
    """
    began = charged_at(terms, answered_s)
    free_s = began.free_s if began.free_mode is FreeMode.BEFORE else 0
    start_s, seconds = answered_s + free_s, seconds - free_s
    found: list[Step] = []
    timetable = terms.timetable
    if timetable is None or timetable.border is Border.START:
        _cover(found, began.intervals, seconds, "")
        return found
    is_first = True
    for until_s, held, band in stretches(terms, timetable, answered_s, start_s + seconds):
        if until_s <= start_s:
            continue
        intervals = held.intervals
        if not is_first and timetable.border is Border.INTERVAL:
            intervals = intervals[1:] or intervals
        _cover(found, intervals, min(seconds, until_s - start_s), band)
        is_first = False
    return found


def _cover(found: list[Step], intervals: tuple[Interval, ...], end_s: int, band: str) -> None:
    """Adds the increments that begin before `end_s`, behind those that are there."""
    at_s = found[-1].from_s + found[-1].seconds if found else 0
    last = len(intervals) - 1
    for index, interval in enumerate(intervals):
        border_s = end_s if index == last else min(end_s, intervals[index + 1].from_s)
        if at_s < border_s:  # else a step before has covered it
            length_s = -(-(border_s - at_s) // interval.increment_s) * interval.increment_s
            found.append(_new(Step, (at_s, length_s, interval, band)))
            at_s += length_s


def longest_s(
    terms: Terms, micros: int, limit_s: int, answered_s: int, factor: Factor = (1, 1), cover: Cover = UNCOVERED
) -> int:
    """The longest call in whole seconds, `limit_s` at most, that costs no more than `micros`; -1: not even one second.

    A charge never falls with the duration, so that it ends with a paid increment.
    """
    if charge(terms, limit_s * 1000, answered_s, factor, cover).micros <= micros:
        return limit_s
    paid_s, unpaid_s = 0, limit_s
    while unpaid_s - paid_s > 1:
        middle_s = (paid_s + unpaid_s) // 2
        if charge(terms, middle_s * 1000, answered_s, factor, cover).micros <= micros:
            paid_s = middle_s
        else:
            unpaid_s = middle_s
    return paid_s or -1


def explain(
    terms: Terms,
    duration_ms: int,
    answered_s: int,
    factor: Factor = (1, 1),
    currency: str = "",
    cover: Cover = UNCOVERED,
    tax: Factor = (1, 1),
) -> list[str]:
    """How `charge` comes to its result, a sentence a step. `currency`: that of the factor; empty: the terms'. `tax`:
    what multiplies beside the rate of exchange.
    """
    began = charged_at(terms, answered_s)
    seconds = whole_seconds(began, duration_ms)
    said = [f"{duration_ms} ms count as {seconds} s (rounded {began.duration_mode.value})"]
    if terms_at(terms, answered_s).blocked:
        said.append("the destination is blocked: no call is let through")
    if seconds <= began.grace_s:
        return [*said, f"within the grace of {began.grace_s} s: free"] if seconds > 0 else [*said, "no time: free"]
    if began.free_s:
        said.append(f"{began.free_s} s are free, taken off {began.free_mode.value} the increments")
    said.extend(
        f"from {step.from_s} s: {step.seconds} s in steps of {step.interval.increment_s} s "
        f"at {format_nanos(step.interval.rate_nanos)} a minute{step.band and f' ({step.band})'}"
        for step in steps(terms, seconds, answered_s)
    )
    if cover.seconds:
        said.append(f"the first {cover.seconds} s that cost something are paid by packages")
    if cover.fees and (began.connect_fee_nanos or began.minimum_nanos):
        said.append("connect fee and minimum charge are in the package")
    elif began.connect_fee_nanos:
        said.append(f"connect fee {format_nanos(began.connect_fee_nanos)}")
    if began.minimum_nanos and not cover.fees:
        said.append(f"at least {format_nanos(began.minimum_nanos)}")
    if began.maximum_nanos is not None:
        said.append(f"at most {format_nanos(began.maximum_nanos)}")
    if factor != (1, 1):
        into = f": {began.currency} into {currency}" if currency else ""
        said.append(f"times {factor[0]}/{factor[1]}{into}")
    if tax != (1, 1):
        said.append(f"times {tax[0]}/{tax[1]}: taxes that are added")
    result = charge(terms, duration_ms, answered_s, (factor[0] * tax[0], factor[1] * tax[1]), cover)
    rounded = f"rounded {began.rounding.mode.value} to {began.rounding.decimals} decimals"
    return [
        *said,
        f"{result.billed_s} s billed: {format_micros(result.micros)} {currency or began.currency}, {rounded}",
    ]
