"""Where a price lies below what it costs: increments, fees and bands included. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ratebook.bands import terms_at
from ratebook.bulk import RateIndex
from ratebook.exchange import PAR, exchanged_up
from ratebook.model import Rate, Terms
from ratebook.price import Factor, charge

COMPARED_S = (1, 6, 30, 60, 61, 180, 600)
"""Lengths of calls that are compared."""
HOURS = 24 * 7
"""Of a week are looked at, where there are bands."""


class Loss(NamedTuple):
    """Numbers that are sold below their cost."""

    prefix: str
    """Of the numbers: the longer of both prefixes."""
    price: Rate
    cost: Rate
    seconds: int
    """The shortest call, of those compared, that loses."""
    price_micros: int
    cost_micros: int
    """In the currency of the price."""


def losses(prices: Iterable[Rate], costs: Iterable[Rate], at_s: int, factor: Factor = PAR) -> list[Loss]:
    """Every prefix of either that is sold below its cost at a moment, or at an hour of the week behind it.

    `factor`: what the costs' currency is worth in that of the prices. Blocked ones and those that the other lacks lose
    nothing.
    """
    sold, bought = list(prices), list(costs)
    price_index, cost_index = RateIndex(sold), RateIndex(bought)
    found = []
    asked: dict[tuple[int, int], tuple[int, int, int] | None] = {}
    for prefix in sorted({rate.prefix for rate in sold} | {rate.prefix for rate in bought}):
        price, cost = price_index.find(prefix, at_s), cost_index.find(prefix, at_s)
        if price is None or cost is None:
            continue
        key = (id(price.terms), id(cost.terms))
        if key not in asked:
            asked[key] = _loss(price.terms, cost.terms, at_s, factor)
        loss = asked[key]
        if loss is not None:
            found.append(Loss(prefix, price, cost, *loss))
    return found


def _loss(price: Terms, cost: Terms, at_s: int, factor: Factor) -> tuple[int, int, int] | None:
    """Length, price and cost of a call that loses; None: none does."""
    timed = price.timetable is not None or cost.timetable is not None
    for moment in range(at_s, at_s + (HOURS * 3600 if timed else 1), 3600):
        if terms_at(price, moment).blocked or terms_at(cost, moment).blocked:
            continue
        for seconds in COMPARED_S:
            earned, paid = charge(price, seconds * 1000, moment).micros, charge(cost, seconds * 1000, moment).micros
            paid = exchanged_up(paid, factor)
            if earned < paid:
                return seconds, earned, paid
    return None
