"""Terms made of other terms: a markup, bounds, a grid. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ratebook.model import Interval, Terms
from ratebook.money import NANOS

Fraction = tuple[int, int]
"""Numerator and denominator."""


class Derivation(NamedTuple):
    """How each price of one tariff becomes one of another. A price never gets smaller by rounding."""

    factor: Fraction = (1, 1)
    """Of all money: rates, fees, minimum and maximum. Exchange and percentage together."""
    add_nanos: int = 0
    """Per minute, after the factor; may be negative."""
    floor_nanos: int = 0
    """Per minute, at least."""
    ceiling_nanos: int | None = None
    """Per minute, at most; None: no bound."""
    grid_nanos: int = 1
    """A rate per minute is rounded up to a multiple of this."""
    currency: str = ""
    """Of the result."""
    increments: tuple[int, int] | None = None
    """First and next, of rates that have no more than these; None: as they are."""
    changed: tuple[tuple[str, Any], ...] = ()
    """Fields of `Terms` that are said anew."""


def derived(terms: Terms, rule: Derivation) -> Terms:
    """The terms by a rule, in all their bands."""

    def money(nanos: int) -> int:
        return _up(nanos * rule.factor[0], rule.factor[1])

    timetable = terms.timetable
    if timetable is not None:
        bands = tuple((band, derived(held, rule)) for band, held in timetable.bands)
        timetable = timetable._replace(bands=bands)
    found = terms._replace(
        currency=rule.currency or terms.currency,
        intervals=_intervals(terms.intervals, rule, money),
        connect_fee_nanos=money(terms.connect_fee_nanos),
        minimum_nanos=money(terms.minimum_nanos),
        maximum_nanos=None if terms.maximum_nanos is None else money(terms.maximum_nanos),
        attempt_fee_nanos=money(terms.attempt_fee_nanos),
        message_fee_nanos=None if terms.message_fee_nanos is None else money(terms.message_fee_nanos),
        timetable=timetable,
    )
    return found._replace(**dict(rule.changed))


def _intervals(intervals: tuple[Interval, ...], rule: Derivation, money: Callable[[int], int]) -> tuple[Interval, ...]:
    found = [one._replace(rate_nanos=_rate(money(one.rate_nanos), rule)) for one in intervals]
    if rule.increments is None:
        return tuple(found)
    first_s, next_s = rule.increments
    if len(found) > 2 or (len(found) == 2 and found[1].from_s != found[0].increment_s):
        return tuple(found)
    first, last = found[0], found[-1]
    if (first.rate_nanos, first_s) == (last.rate_nanos, next_s):
        return (first._replace(increment_s=first_s),)
    return (first._replace(increment_s=first_s), Interval(first_s, last.rate_nanos, next_s))


def _rate(nanos: int, rule: Derivation) -> int:
    nanos = max(nanos + rule.add_nanos, rule.floor_nanos, 0)
    nanos = _up(nanos, rule.grid_nanos) * rule.grid_nanos
    return nanos if rule.ceiling_nanos is None else min(nanos, rule.ceiling_nanos)


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


PERCENT = 100 * NANOS


def markup(percent_nanos: int) -> Fraction:
    """The factor of a markup of so many billionths of a percent; a negative one is a discount."""
    return PERCENT + percent_nanos, PERCENT
