"""What becomes of lines by other rates, and what that posts. Pure, but that rates are read when they are needed.

`reprice` is the only place where a line gets its new price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from ratebook.compiled.layout import encode_terms
from ratebook.exchange import factor_text, parse_factor
from ratebook.price import Factor
from ratebook.tax import tax_within
from service.calls.browse import currency_of
from service.ledger.rules import Posting, charge_postings, cost_postings, handed_over, sum_postings
from service.rerating.lines import Line, Page, Price
from service.rerating.rates import Owners, Pins, Rates, tariff_of
from service.tariffs.exchange import History
from service.tariffs.repricer import Refusal, Repricer


class Why(StrEnum):
    """Why a line is left as it is."""

    NO_RATE = "no_rate"
    """The new rates have none for the number."""
    BLOCKED = "blocked"
    """They bar it."""
    CURRENCY = "currency"
    """They are in a currency that no rate of exchange of that time leads from to the line's."""
    CREDITED = "credited"
    """Less is left of the invoice's line that the call is on than would be given back: the rest was credited."""
    GONE = "rates_gone"
    """They are not there any more, or were written by another release."""
    CLOSED = "closed"
    """The account is closed, and owes nothing any more."""
    UNCLEAR = "unclear_tariff"
    """Several tariffs had just these rates, and which one priced it can't be told."""


_WHY = {Refusal.NO_RATE: Why.NO_RATE, Refusal.BLOCKED: Why.BLOCKED}


class Change(NamedTuple):
    """A line with its right price."""

    line: Line
    after: Price

    @property
    def delta_micros(self) -> int:
        """What the charge or cost rises by."""
        return self.after.micros - self.line.price.micros

    @property
    def tax_micros(self) -> int:
        """Of the right charge what is tax."""
        return tax_within(self.after.micros, self.line.tax)

    @property
    def delta_net_micros(self) -> int:
        """What its seller keeps rises by."""
        return self.delta_micros - self.tax_micros + tax_within(self.line.price.micros, self.line.tax)


class Left(NamedTuple):
    """A line that stays as it is though it was asked for."""

    line: Line
    why: Why


class Judged(NamedTuple):
    """A page by other rates."""

    changes: list[Change]
    left: list[Left]


def reprice(line: Line, version: str, repricer: Repricer, worth: History) -> Change | Left | None:
    """By the rates of a version; None: it comes to the same."""
    factor = _factor(line, repricer.currency, worth)
    if factor is None:
        return Left(line, Why.CURRENCY)
    times, parts = line.tax
    found = repricer.price(line.call, (factor[0] * times, factor[1] * parts), line.covered)
    if isinstance(found, Refusal):
        return Left(line, _WHY[found])
    rate, billed_s, micros = found
    if (billed_s, micros) == (line.price.billed_s, line.price.micros):
        return None
    if line.is_closed:
        return Left(line, Why.CLOSED)
    terms = encode_terms(rate.terms).hex()
    return Change(line, Price(version, rate.prefix, terms, factor_text(factor), billed_s, micros))


def _factor(line: Line, currency: str, worth: History) -> Factor | None:
    """From a tariff's currency to the line's: as it was at the answer, if the rates had that currency before."""
    before = currency_of(line.price.terms) or line.currency  # another release has written the terms
    if currency in {"", before}:  # empty: there are no rates at all
        return parse_factor(line.price.exchange)
    return worth.factor(currency, line.currency, line.call.at_ms)


async def judge(page: Page, owners: Owners, pins: Pins, rates: Rates, given: Counter[int]) -> Judged:
    """Every line whose tariff is to be looked at. `given`: by invoice's line what is given back since `page` was read;
    it grows.
    """
    judged = Judged([], [])
    for line in page.lines:
        named = owners.get(line.price.tariff, ())
        tariff = tariff_of(line, named)
        if tariff is None and any(one.id in pins for one in named):
            judged.left.append(Left(line, Why.UNCLEAR))
        pin = None if tariff is None else pins.get(tariff)
        if pin is None:
            continue
        repricer = await rates.by(pin.version)
        found = Left(line, Why.GONE) if repricer is None else reprice(line, pin.version, repricer, page.worth)
        if isinstance(found, Change) and _is_left(found, given):
            judged.changes.append(found)
        elif found is not None:
            judged.left.append(Left(line, Why.CREDITED) if isinstance(found, Change) else found)
    return judged


def _is_left(change: Change, given: Counter[int]) -> bool:
    """Whether so much is left of what credit notes took a part of; a rise of one call pays for no other's fall."""
    credited = change.line.credited
    if credited is None:
        return True
    falls = max(0, -change.delta_micros)
    is_left = 0 < credited.rest_micros >= given[credited.line_id] + falls
    given[credited.line_id] += falls if is_left else 0
    return is_left


def postings_of(changes: Iterable[Change], sellers_now: Mapping[int, int]) -> tuple[Posting, ...]:
    """One line a book and account. `sellers_now`: by account; who has moved took its balance along, and this too."""
    lines: list[Posting] = []
    for change in changes:
        line, micros = change.line, change.delta_micros
        if line.is_cost:
            lines += cost_postings(line.account_id, micros, line.currency)
            continue
        lines += charge_postings(line.account_id, line.seller_id, micros, line.currency)
        lines += handed_over(line.seller_id, sellers_now[line.account_id], -micros, line.currency)
    return sum_postings(lines)
