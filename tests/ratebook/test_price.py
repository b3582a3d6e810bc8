"""The pricing function: worked examples by hand, and a slow oracle for everything else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook import price
from ratebook.model import DurationMode, FreeMode, Interval, Terms
from ratebook.money import Rounding, RoundingMode, format_micros, parse_nanos
from ratebook.price import Charge, message_charge, steps
from tests.ratebook.oracle import slow_charge
from tests.ratebook.strategies import terms_of_all_kinds

NEVER_ASKED = 0
"""The moment of the answer, for terms without time bands."""


def charge(terms: Terms, duration_ms: int, factor: tuple[int, int] = (1, 1)) -> Charge:
    return price.charge(terms, duration_ms, NEVER_ASKED, factor)


def attempt_charge(terms: Terms, factor: tuple[int, int] = (1, 1)) -> int:
    return price.attempt_charge(terms, NEVER_ASKED, factor)


def longest_s(terms: Terms, micros: int, limit_s: int) -> int:
    return price.longest_s(terms, micros, limit_s, NEVER_ASKED)


def explain(terms: Terms, duration_ms: int, factor: tuple[int, int] = (1, 1)) -> list[str]:
    return price.explain(terms, duration_ms, NEVER_ASKED, factor)


def plain(rate: str, first: int = 1, following: int | None = None, **more: Any) -> Terms:
    """Terms of one rate per minute."""
    nanos = parse_nanos(rate)
    intervals = [Interval(0, nanos, first)]
    if following is not None:
        intervals.append(Interval(first, nanos, following))
    return Terms("EUR", tuple(intervals))._replace(**more)


@pytest.mark.parametrize(
    ("terms", "seconds", "billed_s", "amount"),
    [
        (plain("0.06"), 1, 1, "0.001"),
        (plain("0.06"), 61, 61, "0.061"),
        (plain("0.06", 60), 1, 60, "0.06"),
        (plain("0.06", 60), 60, 60, "0.06"),
        (plain("0.06", 60), 61, 120, "0.12"),
        (plain("0.06", 30, 6), 1, 30, "0.03"),
        (plain("0.06", 30, 6), 31, 36, "0.036"),
        (plain("0.10"), 1, 1, "0.001667"),
        (plain("0.10"), 180, 180, "0.30"),
    ],
)
def test_increments(terms: Terms, seconds: int, billed_s: int, amount: str) -> None:
    """1/1, 60/60 and 30/6 by hand."""
    found = charge(terms, seconds * 1000)
    assert (found.billed_s, format_micros(found.micros)) == (billed_s, amount if len(amount) > 3 else amount + "0")


def test_nothing_costs_nothing() -> None:
    """Zero duration: connect fee and minimum neither."""
    terms = plain("0.06", 60, connect_fee_nanos=parse_nanos("1"), minimum_nanos=parse_nanos("2"))
    assert charge(terms, 0) == Charge(0, 0)
    assert charge(terms, -1) == Charge(0, 0)
    assert charge(terms, 1) == Charge(60, 2_000_000)


def test_milliseconds_count_as_the_terms_say() -> None:
    """1400 ms: 2 seconds up, 1 down and nearest; at 1500 the nearest is 2."""
    modes = {mode: plain("60", duration_mode=mode) for mode in DurationMode}
    assert {mode.value: charge(terms, 1400).billed_s for mode, terms in modes.items()} == {
        "up": 2,
        "down": 1,
        "nearest": 1,
    }
    assert charge(modes[DurationMode.NEAREST], 1500).billed_s == 2
    assert charge(modes[DurationMode.DOWN], 999) == Charge(0, 0)


def test_grace_ends_with_its_last_second() -> None:
    """Six seconds of grace: the sixth is free, connect fee included; the seventh pays for all seven."""
    terms = plain("60", grace_s=6, connect_fee_nanos=parse_nanos("0.5"))
    assert charge(terms, 6000) == Charge(0, 0)
    assert charge(terms, 6001) == Charge(7, 7_500_000)


def test_free_seconds_before_and_after_the_increments() -> None:
    """61 s, 30 s free, whole minutes: before, 31 s become one minute; after, 30 of 120 s are free."""
    before = plain("1", 60, free_s=30)
    after = before._replace(free_mode=FreeMode.AFTER)
    assert charge(before, 61_000) == Charge(60, 1_000_000)
    assert charge(after, 61_000) == Charge(120, 1_500_000)
    assert charge(before, 30_000) == Charge(0, 0)
    assert charge(after, 30_000) == Charge(60, 500_000)


def test_a_call_within_its_free_seconds_still_pays_the_connect_fee() -> None:
    """Free seconds are no grace."""
    assert charge(plain("1", free_s=30, connect_fee_nanos=parse_nanos("0.2")), 10_000) == Charge(0, 200_000)


def test_a_step_that_crosses_a_border_is_priced_whole() -> None:
    """Steps of 40 s, a border at 60: the second step ends at 80 and the next interval begins there."""
    terms = Terms("EUR", (Interval(0, parse_nanos("60"), 40), Interval(60, parse_nanos("6"), 10)))
    assert charge(terms, 41_000) == Charge(80, 80_000_000)
    assert charge(terms, 81_000) == Charge(90, 81_000_000)


def test_a_step_may_leave_out_a_whole_interval() -> None:
    """A first step of 60 s passes the interval from 20 to 50."""
    terms = Terms("EUR", (Interval(0, parse_nanos("60"), 60), Interval(20, parse_nanos("600"), 1), Interval(50, 0, 1)))
    assert charge(terms, 100_000) == Charge(100, 60_000_000)


def test_minimum_and_maximum() -> None:
    """0.10 at least, 0.50 at most, fee included."""
    terms = plain(
        "0.06",
        connect_fee_nanos=parse_nanos("0.01"),
        minimum_nanos=parse_nanos("0.1"),
        maximum_nanos=parse_nanos("0.5"),
    )
    assert [charge(terms, one * 1000).micros for one in (1, 90, 91, 489, 490, 491, 9999)] == [
        100_000,
        100_000,
        101_000,
        499_000,
        500_000,
        500_000,
        500_000,
    ]


def test_an_exchange_rate_multiplies_before_the_one_rounding() -> None:
    """0.005 at 3/2 is 0.0075: to two decimals 0.01, where rounding first would make 0.02."""
    terms = plain("0.30", rounding=Rounding(RoundingMode.HALF_UP, 2))
    assert charge(terms, 1000).micros == 10_000
    assert charge(terms, 1000, (3, 2)).micros == 10_000
    assert charge(terms, 1000, (1, 3)).micros == 0


def test_an_attempt_costs_its_fee() -> None:
    """Rounded like a charge; nothing without a fee."""
    assert attempt_charge(plain("1")) == 0
    terms = plain("1", attempt_fee_nanos=parse_nanos("0.0015"), rounding=Rounding(RoundingMode.UP, 3))
    assert attempt_charge(terms) == 2_000
    assert attempt_charge(terms, (2, 1)) == 3_000


def test_a_message_costs_its_fee() -> None:
    """Rounded like a charge; a fee of nothing is a price, no fee is none."""
    assert message_charge(plain("1"), 0) is None
    assert message_charge(plain("1", message_fee_nanos=0), 0) == 0
    terms = plain("1", message_fee_nanos=parse_nanos("0.0015"), rounding=Rounding(RoundingMode.UP, 3))
    assert message_charge(terms, 0) == 2_000
    assert message_charge(terms, 0, (2, 1)) == 3_000


factors = st.just((1, 1)) | st.tuples(st.integers(1, 300), st.integers(1, 300))


@settings(max_examples=1200, deadline=None)
@given(terms_of_all_kinds(), st.lists(st.tuples(st.integers(0, 400_000), factors), min_size=5, max_size=5))
def test_the_charge_is_that_of_the_slow_oracle(terms: Terms, calls: list[tuple[int, tuple[int, int]]]) -> None:
    """Second by second in fractions, every kind of terms: 6,000 calls."""
    for duration_ms, factor in calls:
        assert charge(terms, duration_ms, factor) == slow_charge(terms, duration_ms, NEVER_ASKED, Fraction(*factor))


@settings(max_examples=100, deadline=None)
@given(terms_of_all_kinds(), st.integers(-10, 5_000_000), st.integers(1, 120))
def test_the_longest_call_that_money_pays(terms: Terms, micros: int, limit_s: int) -> None:
    """Against trying every second; one second more would cost too much."""
    paid = [second for second in range(1, limit_s + 1) if slow_charge(terms, second * 1000, NEVER_ASKED)[1] <= micros]
    assert longest_s(terms, micros, limit_s) == (paid[-1] if paid else -1)


@settings(max_examples=200, deadline=None)
@given(terms_of_all_kinds(), st.integers(0, 300))
def test_a_longer_call_never_costs_less(terms: Terms, seconds: int) -> None:
    """What the search for the longest call rests on."""
    assert charge(terms, seconds * 1000).micros <= charge(terms, seconds * 1000 + 1000).micros


@given(terms_of_all_kinds(), st.integers(1, 400))
def test_the_explained_steps_are_the_charged_ones(terms: Terms, seconds: int) -> None:
    """Billed seconds and rates, where nothing is free."""
    terms = terms._replace(free_s=0, grace_s=0)
    found = steps(terms, seconds, NEVER_ASKED)
    assert sum(step.seconds for step in found) == charge(terms, seconds * 1000).billed_s
    assert sum(step.seconds * step.interval.rate_nanos for step in found) == price._count(terms, seconds, 0)[1]


def test_the_longest_call_ends_with_a_paid_increment() -> None:
    """0.10 at 0.06 a minute in steps of 30/6 pays 100 s: 96 whole."""
    assert longest_s(plain("0.06", 30, 6), 100_000, 3600) == 96
    assert longest_s(plain("0.06", 30, 6), 29_999, 3600) == -1
    assert longest_s(plain("0.06", 30, 6), 30_000, 3600) == 30
    assert longest_s(plain("0.06", 30, 6), 100_000, 20) == 20


def test_a_charge_is_explained_step_by_step() -> None:
    """Every part of the terms that mattered, and the result."""
    terms = plain(
        "0.06",
        30,
        6,
        connect_fee_nanos=parse_nanos("0.02"),
        minimum_nanos=parse_nanos("0.01"),
        maximum_nanos=parse_nanos("5"),
        free_s=10,
    )
    assert explain(terms, 60_400, (119, 100)) == [
        "60400 ms count as 61 s (rounded up)",
        "10 s are free, taken off before the increments",
        "from 0 s: 30 s in steps of 30 s at 0.06 a minute",
        "from 30 s: 24 s in steps of 6 s at 0.06 a minute",
        "connect fee 0.02",
        "at least 0.01",
        "at most 5.00",
        "times 119/100",
        "54 s billed: 0.08806 EUR, rounded half-up to 6 decimals",
    ]


def test_what_is_free_is_explained_too() -> None:
    """Grace, zero length, and a blocked destination."""
    assert explain(plain("1", grace_s=5), 4_000) == [
        "4000 ms count as 4 s (rounded up)",
        "within the grace of 5 s: free",
    ]
    assert explain(plain("1"), 0) == ["0 ms count as 0 s (rounded up)", "no time: free"]
    assert explain(plain("1", blocked=True), 1_000)[1] == "the destination is blocked: no call is let through"
    assert explain(plain("60", free_s=1, free_mode=FreeMode.AFTER), 2_000)[1:3] == [
        "1 s are free, taken off after the increments",
        "from 0 s: 2 s in steps of 1 s at 60.00 a minute",
    ]
