"""Taxes: which apply, and what they come to, to the micro-unit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.money import parse_micros
from service.billing.currencies import decimals_of
from service.billing.taxing import (
    NOT_TAXED,
    NOT_TAXED_HERE,
    Group,
    Payer,
    Rate,
    Rates,
    Tax,
    added_factor,
    as_charged,
    charged_rates,
    rates_of,
    shared_out,
    tax,
)

VAT = Rate("VAT", "S", 19_000_000)
LOW = Rate("VAT low", "S", 7_000_000)
LEVY = Rate("levy", "levy", 5_000_000)
ZERO = Rate("zero", "Z", 0)
TAXED = Payer("taxed")


def _told(amount: str, *rates: Rate, decimals: int = 2) -> tuple[int, int, int, list[int]]:
    (found,) = tax([Group(parse_micros(amount), rates)], decimals)
    return found.net_micros, found.rounding_micros, found.total_micros, [one.tax_micros for one in found.shares]


def test_a_tax_on_top() -> None:
    """10.005001 at 19 %: the net is payable as 10.01, its tax is that of the exact sum."""
    assert _told("10.005001", VAT) == (10_005_001, 4_999, 11_910_000, [1_900_000])


def test_prices_that_have_it_in_them() -> None:
    """11.90 is 10.00 and 1.90; nothing is added."""
    assert _told("11.90", VAT._replace(inclusive=True)) == (10_000_000, 0, 11_900_000, [1_900_000])


def test_vat_on_a_levy_and_beside_one() -> None:
    """Compound: on the net and the levy; else on the net alone."""
    assert _told("100", LEVY, VAT._replace(compound=True))[3] == [5_000_000, 19_950_000]
    assert _told("100", LEVY, VAT)[3] == [5_000_000, 19_000_000]


def test_both_in_the_price() -> None:
    """124.95 is 100, 5 % of it, and 19 % of both."""
    within = (LEVY._replace(inclusive=True), VAT._replace(inclusive=True, compound=True))
    assert _told("124.95", *within) == (100_000_000, 0, 124_950_000, [5_000_000, 19_950_000])


def test_currencies_without_cents_and_with_mils() -> None:
    """The minor unit of ISO 4217."""
    assert [decimals_of(one) for one in ("EUR", "JPY", "KWD", "UYW")] == [2, 0, 3, 4]
    assert _told("1000.4", Rate("VAT", "S", 10_000_000), decimals=0) == (
        1_000_400_000,
        -400_000,
        1_100_000_000,
        [100_000_000],
    )
    assert _told("1.2345", Rate("VAT", "S", 5_000_000), decimals=3)[2:] == (1_297_000, [62_000])


def test_one_rate_in_two_groups_is_rounded_once() -> None:
    """Calls with a levy and rentals without: 0.0051 at 100 % each would round up twice."""
    whole = Rate("VAT", "S", 100_000_000)
    groups = tax([Group(5_100, (LEVY._replace(percent_millionths=1), whole)), Group(5_100, (whole,))], 2)
    assert [one.shares[-1].tax_micros for one in groups] == [10_000, 0]
    assert sum(one.net_micros + one.rounding_micros for one in groups) == 10_000


RATES = st.sampled_from(
    [
        (VAT,), (LOW,), (ZERO,), (VAT._replace(inclusive=True),), (LEVY, VAT), (LEVY, VAT._replace(compound=True)),
        (LEVY._replace(inclusive=True), VAT._replace(inclusive=True, compound=True)), (LEVY, NOT_TAXED),
    ]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), RATES), min_size=1, max_size=6), st.integers(0, 4))
def test_everything_adds_up(parts: list[tuple[int, tuple[Rate, ...]]], decimals: int) -> None:
    """Totals and taxes are payable; what is in the price is taken out of it."""
    groups = tax([Group(amount, rates) for amount, rates in parts], decimals)
    unit = 10 ** (6 - decimals)
    assert sum(one.total_micros for one in groups) % unit == 0
    for (amount, _), one in zip(parts, groups, strict=True):
        assert one.net_micros + one.included_micros == amount
        assert all(share.tax_micros % unit == 0 for share in one.shares)


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.sampled_from([VAT, LOW])), max_size=6), st.integers(0, 4))
def test_each_rate_is_rounded_once(parts: list[tuple[int, Rate]], decimals: int) -> None:
    """Half a minor unit away from the exact tax of all its groups, at most."""
    groups = tax([Group(amount, (rate,)) for amount, rate in parts], decimals)
    for rate in (VAT, LOW):
        told = sum(one.tax_micros for one in groups if one.shares[0].rate == rate)
        exact = sum(amount for amount, other in parts if other == rate) * rate.fraction
        assert abs(told - exact) <= Fraction(10 ** (6 - decimals), 2)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(0, 10**9))
def test_sharing_out_leaves_no_rest(parts: list[int], total: int) -> None:
    """Each gets its part, to a micro-unit."""
    found = shared_out(parts, total)
    assert sum(found) == total
    if sum(parts):
        assert all(abs(one - Fraction(part * total, sum(parts))) < 1 for one, part in zip(found, parts, strict=True))


def _tax(rate: Rate, *services: str, since: int = 0, until: int | None = None) -> Tax:
    return Tax(rate, frozenset(services), since, until)


def test_by_service_and_time() -> None:
    """From its first moment until its last, exclusive; of services that it names, or all."""
    known = [_tax(LOW, "rental", until=100), _tax(VAT, "rental", since=100), _tax(LEVY)]
    assert rates_of(known, TAXED, "rental", 99) == (LOW, LEVY)
    assert rates_of(known, TAXED, "rental", 100) == (VAT, LEVY)
    assert rates_of(known, TAXED, "calls", 100) == (LEVY, NOT_TAXED_HERE)


def test_who_pays_none() -> None:
    """A seller without VAT; an exempt buyer; one that owes it itself. Levies stay."""
    known = [_tax(VAT), _tax(LEVY)]
    assert rates_of([], TAXED, "calls", 0) == (NOT_TAXED,)
    assert rates_of(known, Payer("exempt", "Embassy", "VATEX-EU-151"), "calls", 0) == (
        LEVY, Rate("", "E", 0, "Embassy", "VATEX-EU-151"),
    )  # fmt: skip
    assert rates_of(known, Payer("reverse_charge"), "calls", 0)[1].exemption_code == "VATEX-EU-AE"


def test_two_of_vat_are_refused() -> None:
    """A line has one."""
    with pytest.raises(ValueError, match="VAT and VAT low are both VAT"):
        rates_of([_tax(VAT), _tax(LOW)], TAXED, "calls", 0)


def test_prepaid_prices_have_their_taxes_in_them() -> None:
    """Nobody is asked for more afterwards."""
    (rate,) = rates_of([_tax(VAT)], Payer("taxed", prices_with_tax=True), "calls", 0)
    assert rate.inclusive


CHARGED = st.lists(st.tuples(st.integers(1, 100_000_000), st.booleans(), st.booleans()), min_size=1, max_size=4).map(
    lambda rows: tuple(
        Rate(f"tax {at}", "levy" if at else "S", percent, compound=compound, inclusive=inclusive)
        for at, (percent, compound, inclusive) in enumerate(rows)
    )
)


@given(CHARGED, st.lists(st.integers(0, 10**12), max_size=5))
def test_an_invoice_splits_what_was_charged_with_tax_without_a_rest(rates: Rates, charges: list[int]) -> None:
    """Net and tax are the charges to the micro-unit, whatever was in the price and whatever was added."""
    (found,) = tax([Group(sum(charges), as_charged(rates))], 2)
    assert found.net_micros + found.tax_micros == sum(charges)
    assert found.included_micros == found.tax_micros
    assert all(one.tax_micros % 10_000 == 0 for one in found.shares)


@given(CHARGED)
def test_the_factor_is_what_the_taxes_come_to(rates: Rates) -> None:
    """Of a net of one: all taxes by their words, over those that the price has already."""
    whole = within = Fraction(1)
    for rate in rates:
        part = rate.fraction * (whole if rate.compound else 1)
        whole += part
        within += part if rate.inclusive else 0
    factor = Fraction(*added_factor(rates))
    assert factor == whole / within >= 1
    assert added_factor(as_charged(rates)) == (1, 1)


@pytest.mark.parametrize(
    ("payer", "service", "at_ms", "factor"),
    [
        (TAXED, "calls", 10, (119, 100)),
        (TAXED, "messages", 10, (1, 1)),
        (TAXED, "calls", 20, (1, 1)),
        (Payer("exempt"), "calls", 10, (1, 1)),
        (Payer("reverse_charge"), "calls", 10, (1, 1)),
    ],
)
def test_by_which_a_prepaid_account_is_charged(payer: Payer, service: str, at_ms: int, factor: tuple[int, int]) -> None:
    """By service, time and status; what isn't said to be added is within the price."""
    sold = [Tax(VAT, frozenset({"calls"}), 0, 20, added_to_prepaid=True), Tax(LOW, frozenset({"messages"}), 0, None)]
    assert added_factor(charged_rates(sold, payer, service, at_ms)) == factor
