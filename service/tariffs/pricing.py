"""Calls in bulk by a tariff, as the command and the API answer them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Protocol

from ratebook.bands import terms_at
from ratebook.bulk import Pricer
from ratebook.exchange import PAR, Exchange
from ratebook.money import format_micros
from ratebook.price import explain
from ratebook.tax import CALLS, UNTAXED, Taxes, factor_of


def priced_row(
    pricer: Pricer, number: str, answered_s: int, duration_ms: int, added: Taxes = UNTAXED
) -> dict[str, Any]:
    """A call; with an `error` beside it where it would be refused. `added`: to the prices of whoever pays."""
    priced = pricer.price(number, answered_s, duration_ms)
    if priced is None:
        return unpriced_row(number, "no rate")
    terms = priced.rate.terms
    factor = factor_of(added.at(CALLS, answered_s)[0])
    charge = priced.charge if factor == PAR else pricer.charge(terms, duration_ms, answered_s, factor)
    row: dict[str, Any] = {
        "number": number,
        "prefix": priced.rate.prefix,
        "billed_s": charge.billed_s,
        "charge": format_micros(charge.micros),
        "currency": terms.currency,
        "steps": explain(terms, duration_ms, answered_s, tax=factor),
    }
    return row | {"error": "blocked"} if terms_at(terms, answered_s).blocked else row


def unpriced_row(number: str, error: str) -> dict[str, Any]:
    """A call that has no price, and why."""
    return {
        "number": number, "prefix": None, "billed_s": None, "charge": None, "currency": None, "steps": [],
        "error": error,
    }  # fmt: skip


class Cheapness(Protocol):
    """By which prices are sorted."""

    def __call__(self, currency: str, micros: int, *, blocked: bool) -> tuple[str, bool, Fraction]:
        """Of a price in a currency."""


def cheapness(exchange: Exchange, currencies: Iterable[str], at_s: int) -> Cheapness:
    """The cheapest first, whatever the currency; those that nothing compares with the others behind them."""
    common = exchange.base or min(currencies, default="")

    def key(currency: str, micros: int, *, blocked: bool) -> tuple[str, bool, Fraction]:
        factor = exchange.factor(currency, common, at_s)
        return ("", blocked, micros * Fraction(*factor)) if factor else (currency, blocked, Fraction(micros))

    return key
