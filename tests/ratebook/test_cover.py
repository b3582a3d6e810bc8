"""What packages pay of a call: by hand, and against the slow oracle."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.bulk import Pricer
from ratebook.model import FreeMode, Terms
from ratebook.money import format_micros, parse_nanos
from ratebook.price import UNCOVERED, Charge, Cover, charge, chargeable_s, explain, longest_s
from tests.ratebook.oracle import slow_charge
from tests.ratebook.strategies import terms_of_all_kinds
from tests.ratebook.test_price import NEVER_ASKED, plain

covers = st.builds(Cover, st.integers(0, 500), st.booleans())


@pytest.mark.parametrize(
    ("terms", "covered_s", "billed_s", "amount"),
    [
        (plain("0.06"), 0, 100, "0.10"),
        (plain("0.06"), 40, 100, "0.06"),
        (plain("0.06"), 100, 100, "0.00"),
        (plain("0.06"), 500, 100, "0.00"),
        (plain("0.06", 60), 30, 120, "0.09"),
        (plain("0.06", 60, 1), 61, 100, "0.039"),
        (plain("0.06", free_s=20, free_mode=FreeMode.AFTER), 40, 100, "0.04"),
        (plain("0.06", free_s=20, free_mode=FreeMode.BEFORE), 40, 80, "0.04"),
    ],
)
def test_covered_seconds_cost_nothing(terms: Terms, covered_s: int, billed_s: int, amount: str) -> None:
    """100 s: the first ones that would cost something are paid, in the middle of an increment too; billed are all."""
    found = charge(terms, 100_000, NEVER_ASKED, cover=Cover(covered_s, fees=False))
    assert (found.billed_s, format_micros(found.micros)) == (billed_s, amount)


def test_fees_are_covered_if_the_package_says_so() -> None:
    """Connect fee and minimum both, whatever is left; the maximum is of what is left."""
    nanos = parse_nanos("0.50")
    terms = plain("0.06", connect_fee_nanos=nanos, minimum_nanos=nanos, maximum_nanos=parse_nanos("0.52"))
    assert charge(terms, 60_000, NEVER_ASKED, cover=Cover(60, fees=True)) == Charge(60, 0)
    assert charge(terms, 60_000, NEVER_ASKED, cover=Cover(60, fees=False)) == Charge(60, 500_000)
    assert charge(terms, 60_000, NEVER_ASKED, cover=Cover(50, fees=True)) == Charge(60, 10_000)
    assert charge(terms, 60_000, NEVER_ASKED, cover=Cover(50, fees=False)) == Charge(60, 510_000)
    assert charge(terms, 60_000, NEVER_ASKED, cover=Cover(0, fees=False)) == Charge(60, 520_000)


@settings(max_examples=600, deadline=None)
@given(terms_of_all_kinds(), st.integers(0, 400_000), covers, st.tuples(st.integers(1, 300), st.integers(1, 300)))
def test_a_covered_charge_is_that_of_the_slow_oracle(
    terms: Terms, duration_ms: int, cover: Cover, factor: tuple[int, int]
) -> None:
    """Second by second; in bulk too."""
    slow = slow_charge(terms, duration_ms, NEVER_ASKED, Fraction(*factor), cover.seconds, fees_covered=cover.fees)
    assert charge(terms, duration_ms, NEVER_ASKED, factor, cover) == slow
    assert Pricer(()).charge(terms, duration_ms, NEVER_ASKED, factor, cover) == slow


@settings(max_examples=300, deadline=None)
@given(terms_of_all_kinds(), st.integers(0, 300), covers)
def test_what_holds_rest_on(terms: Terms, seconds: int, cover: Cover) -> None:
    """Longer never costs less, more cover never more, and what it takes of the cover says the same price."""
    found = charge(terms, seconds * 1000, NEVER_ASKED, cover=cover)
    assert found.micros <= charge(terms, seconds * 1000 + 1000, NEVER_ASKED, cover=cover).micros
    assert found.micros <= charge(terms, seconds * 1000, NEVER_ASKED, cover=UNCOVERED._replace(fees=cover.fees)).micros
    taken = cover._replace(seconds=min(cover.seconds, chargeable_s(terms, seconds * 1000, NEVER_ASKED)))
    assert charge(terms, seconds * 1000, NEVER_ASKED, cover=taken) == found
    assert found.billed_s == charge(terms, seconds * 1000, NEVER_ASKED).billed_s


@settings(max_examples=100, deadline=None)
@given(terms_of_all_kinds(), st.integers(-10, 5_000_000), st.integers(1, 120), covers)
def test_the_longest_call_that_money_and_packages_pay(terms: Terms, micros: int, limit_s: int, cover: Cover) -> None:
    """Against trying every second."""
    paid = [
        second
        for second in range(1, limit_s + 1)
        if charge(terms, second * 1000, NEVER_ASKED, cover=cover).micros <= micros
    ]
    assert longest_s(terms, micros, limit_s, NEVER_ASKED, cover=cover) == (paid[-1] if paid else -1)


def test_a_cover_is_explained() -> None:
    """What is paid by packages stands beside what is left."""
    nanos = parse_nanos("0.02")
    terms = plain("0.06", 60, connect_fee_nanos=nanos, minimum_nanos=nanos)
    assert explain(terms, 61_000, NEVER_ASKED, cover=Cover(70, fees=True))[2:] == [
        "the first 70 s that cost something are paid by packages",
        "connect fee and minimum charge are in the package",
        "120 s billed: 0.05 EUR, rounded half-up to 6 decimals",
    ]
    assert explain(terms, 61_000, NEVER_ASKED, cover=Cover(70, fees=False))[2:5] == [
        "the first 70 s that cost something are paid by packages",
        "connect fee 0.02",
        "at least 0.02",
    ]
