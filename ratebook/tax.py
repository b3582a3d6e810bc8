"""What taxes make of prices that do not have them in them: exact factors with dates, looked up by a call's moment.

Pure; runs inside Kamailio.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

from ratebook.compiled.layout import FOR_EVER
from ratebook.exchange import PAR, exchanged, reduced
from ratebook.price import Factor

CALLS, MESSAGES = "calls", "messages"
"""Services that are taxed while they are used."""

Tax = tuple[int, Factor]
"""Which rates, by an id of the ledger, and what all of them multiply a price by."""

Stretch = tuple[int, int, int, int]
"""From which wall-clock second, the id of the rates (0: none are added), and their factor."""


class Taxes(NamedTuple):
    """What is added to an account's prices, now and later."""

    courses: dict[str, tuple[Stretch, ...]]
    """By service, rising. Before the first stretch, and of a service without any, nothing is added."""

    def at(self, service: str, at_s: int) -> tuple[Tax | None, int]:
        """The tax of a second; and until when it is the same, exclusive."""
        course = self.courses.get(service, ())
        found = bisect_right(course, at_s, key=_from_s)
        until_s = course[found][0] if found < len(course) else FOR_EVER
        number, times, parts = course[found - 1][1:] if found else (0, 1, 1)
        return ((number, (times, parts)) if number else None), until_s

    def since(self, at_s: int) -> Taxes:
        """What holds at a moment and later: all that new calls ask for. Of services to which nothing is added any more
        nothing is said.
        """
        left = {}
        for service, course in self.courses.items():
            first = max(bisect_right(course, at_s, key=_from_s) - 1, 0)
            kept = course[first:]
            if any(times != parts for _, _, times, parts in kept):
                left[service] = kept
        return Taxes(left)

    def to_record(self) -> dict[str, Any]:
        """As JSON; `from_record` reads it back."""
        return {service: [list(one) for one in course] for service, course in sorted(self.courses.items())}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Taxes:
        """The taxes of a record. Raises TypeError or ValueError for what `to_record` didn't make."""
        courses = {}
        for service, rows in record.items():
            course = tuple((from_s, number, times, parts) for from_s, number, times, parts in rows)
            if any(times < parts or parts < 1 for _, _, times, parts in course):
                raise ValueError(f"{service}: a tax makes no price smaller: {rows}")
            courses[service] = course
        return cls(courses)


UNTAXED = Taxes({})
"""Prices are what they say."""


def _from_s(one: Stretch) -> int:
    return one[0]


def with_tax(exchange: Factor, tax: Tax | None) -> Factor:
    """What a price is multiplied by: its rate of exchange and its taxes, as one factor."""
    if tax is None:
        return exchange
    times, parts = tax[1]
    return reduced(exchange[0] * times, exchange[1] * parts)


def without_tax(factor: Factor, tax: Tax | None) -> Factor:
    """The rate of exchange alone: `with_tax` turned back."""
    if tax is None:
        return factor
    times, parts = tax[1]
    return reduced(factor[0] * parts, factor[1] * times)


def factor_of(tax: Tax | None) -> Factor:
    """Of all its rates; 1 of none."""
    return PAR if tax is None else tax[1]


def tax_within(micros: int, factor: Factor) -> int:
    """How much of a charge is tax, to the micro-unit. Symmetric: a refund gives as much back."""
    return micros - exchanged(micros, (factor[1], factor[0]))
