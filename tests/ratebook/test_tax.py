"""Taxes that are added to prices: exact, dated, rounded once with the price, and never more than the money."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.compiled.layout import FOR_EVER
from ratebook.exchange import PAR, reduced
from ratebook.model import Terms
from ratebook.money import MICROS
from ratebook.price import Factor, charge, explain, longest_s
from ratebook.tax import CALLS, MESSAGES, UNTAXED, Tax, Taxes, factor_of, tax_within, with_tax, without_tax
from tests.ratebook.oracle import slow_charge
from tests.ratebook.strategies import terms_of_all_kinds
from tests.ratebook.test_price import plain

ANSWERED_S = 1_790_000_000
PERCENT_MILLIONTHS = 100 * MICROS
EXCHANGES = st.builds(reduced, st.integers(1, 10**9), st.integers(1, 10**9))
LENGTHS_MS = st.integers(0, 7_200_000)


def _factor(percents: list[int]) -> Factor:
    """Of compound taxes of so many millionths of a per cent."""
    whole = Fraction(1)
    for percent in percents:
        whole *= 1 + Fraction(percent, PERCENT_MILLIONTHS)
    return whole.numerator, whole.denominator


FACTORS = st.builds(_factor, st.lists(st.integers(1, PERCENT_MILLIONTHS), min_size=1, max_size=3))


@given(terms_of_all_kinds(), LENGTHS_MS, EXCHANGES, FACTORS)
def test_one_rounding_of_price_exchange_and_tax(terms: Terms, duration_ms: int, exchange: Factor, tax: Factor) -> None:
    """The slow oracle multiplies fractions, and rounds at the end."""
    found = charge(terms, duration_ms, ANSWERED_S, with_tax(exchange, (1, tax)))
    assert found == slow_charge(terms, duration_ms, ANSWERED_S, Fraction(*exchange) * Fraction(*tax))


@given(EXCHANGES, FACTORS)
def test_the_exchange_comes_back_out_of_the_factor(exchange: Factor, tax: Factor) -> None:
    """Exactly, so that the record can say it."""
    assert without_tax(with_tax(exchange, (7, tax)), (7, tax)) == reduced(*exchange)
    assert with_tax(exchange, None) == without_tax(exchange, None) == exchange


@given(terms_of_all_kinds(), st.integers(1, 4_000), st.integers(0, 4_000_000), FACTORS)
def test_granted_time_never_costs_more_than_the_money(terms: Terms, limit_s: int, ends_ms: int, tax: Factor) -> None:
    """Whatever end within the grant: its charge is what the money pays, tax included; a second more is not."""
    micros = charge(terms, limit_s * 500, ANSWERED_S, tax).micros
    granted_s = longest_s(terms, micros, limit_s, ANSWERED_S, tax)
    length_ms = min(ends_ms, granted_s * 1000)
    assert charge(terms, length_ms, ANSWERED_S, tax).micros <= micros or granted_s == -1
    if 0 < granted_s < limit_s:
        assert charge(terms, (granted_s + 1) * 1000, ANSWERED_S, tax).micros > micros


@given(st.integers(-(10**15), 10**15), FACTORS)
def test_net_and_tax_are_the_charge(micros: int, factor: Factor) -> None:
    """To the micro-unit, a refund as the charge; and the net is the nearest one to the exact."""
    tax = tax_within(micros, factor)
    net = micros - tax
    assert abs(net * Fraction(*factor) - micros) <= Fraction(*factor) / 2
    assert tax_within(-micros, factor) == -tax


def test_nothing_is_within_a_charge_without_tax() -> None:
    """Of factor one."""
    assert tax_within(1_190_000, PAR) == 0
    assert tax_within(1_190_000, (119, 100)) == 190_000
    assert factor_of(None) == PAR
    assert factor_of((3, (119, 100))) == (119, 100)


@pytest.mark.parametrize(
    ("at_s", "tax", "until_s"),
    [
        (99, None, 100),
        (100, (1, (119, 100)), 200),
        (199, (1, (119, 100)), 200),
        (200, (2, (121, 100)), 300),
        (300, None, FOR_EVER),
        (10**10, None, FOR_EVER),
    ],
)
def test_the_tax_of_a_second(at_s: int, tax: Tax | None, until_s: int) -> None:
    """From its first second to the one before the next; rates of id 0 add nothing."""
    taxes = Taxes({CALLS: ((100, 1, 119, 100), (200, 2, 121, 100), (300, 0, 1, 1))})
    assert taxes.at(CALLS, at_s) == (tax, until_s)
    assert taxes.at(MESSAGES, at_s) == (None, FOR_EVER)


@given(st.integers(0, 400), st.integers(0, 400))
def test_what_is_over_is_left_out(now_s: int, later_s: int) -> None:
    """And says the same of every later second; where nothing is left to add it is nothing at all."""
    taxes = Taxes({CALLS: ((100, 1, 119, 100), (200, 2, 121, 100), (300, 0, 1, 1))})
    at_s = now_s + later_s
    assert taxes.since(now_s).at(CALLS, at_s)[0] == taxes.at(CALLS, at_s)[0]
    assert (taxes.since(now_s) == UNTAXED) == (now_s >= 300)


def test_a_record_and_back() -> None:
    """As JSON; a factor below one is no tax, nor is one of nothing."""
    taxes = Taxes({MESSAGES: ((0, 4, 11, 10),), CALLS: ((0, 1, 119, 100), (5, 0, 1, 1))})
    assert Taxes.from_record(taxes.to_record()) == taxes
    wrong: Any
    for wrong in ([[0, 1, 99, 100]], [[0, 1, 0, 0]], [[0, 1, 119]]):
        with pytest.raises(ValueError, match=r"smaller|unpack"):
            Taxes.from_record({CALLS: wrong})


def test_the_explanation_names_the_tax() -> None:
    """Beside the rate of exchange, before the rounding; and nothing of none."""
    said = explain(plain("0.06"), 61_000, ANSWERED_S, (23, 25), "EUR", tax=(119, 100))
    assert said[-3:] == [
        "times 23/25: EUR into EUR",
        "times 119/100: taxes that are added",
        "61 s billed: 0.066783 EUR, rounded half-up to 6 decimals",
    ]
    assert not any("tax" in step for step in explain(plain("0.06"), 61_000, ANSWERED_S))
