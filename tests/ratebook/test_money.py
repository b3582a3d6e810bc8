"""Text becomes integers exactly, or not at all; one rounding, by four modes, symmetrical about zero."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.money import (
    HALF_UP_6,
    MICROS,
    NANOS,
    Rounding,
    RoundingMode,
    format_micros,
    format_nanos,
    parse_micros,
    parse_nanos,
    round_fraction,
)
from tests.ratebook.oracle import rounded
from tests.ratebook.strategies import roundings


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("1", MICROS),
        ("-1", -MICROS),
        ("+2.5", 2_500_000),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("007.10", 7_100_000),
        ("0.1000000000", 100_000),
        ("999999999999.999999", 999_999_999_999_999_999),
        ("-0", 0),
    ],
)
def test_a_decimal_text_is_read_exactly(text: str, micros: int) -> None:
    """Zeros behind the sixth decimal lose nothing."""
    assert parse_micros(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1.", ".5", "1e3", "1E3", "NaN", "inf", "1_000", "1,5", "0x10", "--1", "1.2.3", "\u0661", "1\n"],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    """Exponents, blanks, underscores, commas, other digits than 0 to 9."""
    with pytest.raises(ValueError, match=r"is not a decimal number such as 0\.0125"):
        parse_micros(text)


def test_a_digit_too_many_is_refused_and_never_rounded() -> None:
    """The seventh decimal of an amount, the tenth of a rate, the thirteenth digit before the point."""
    with pytest.raises(ValueError, match=r"^'0.0000001' has more than 6 decimals$"):
        parse_micros("0.0000001")
    with pytest.raises(ValueError, match=r"has more than 9 decimals"):
        parse_nanos("0.0000000001")
    with pytest.raises(ValueError, match=r"has more than 12 digits before the point"):
        parse_micros("1000000000000")


def test_a_rate_has_nine_decimals() -> None:
    """A rate of 0.31135104 and of one nano-unit."""
    assert parse_nanos("0.31135104") == 311_351_040
    assert parse_nanos("0.000000001") == 1
    assert format_nanos(311_351_040) == "0.31135104"


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "0.00"), (1, "0.000001"), (-1_500_000, "-1.50"), (12_340_000, "12.34"), (-1, "-0.000001")]
)
def test_an_amount_is_printed_with_two_decimals_at_least(micros: int, text: str) -> None:
    """And six at most; the sign stands even where the whole part is zero."""
    assert format_micros(micros) == text


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_what_is_printed_reads_back(number: int) -> None:
    """Both units."""
    assert parse_micros(format_micros(number)) == number
    assert parse_nanos(format_nanos(number)) == number


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("half-up", [1, 2, 3, 1]), ("half-even", [0, 2, 2, 1]), ("up", [1, 2, 3, 1]), ("down", [0, 1, 2, 0])],
)
def test_modes_differ_at_the_half(mode: str, expected: list[int]) -> None:
    """0.5, 1.5, 2.5 and 0.75, to whole units."""
    rounding = Rounding(RoundingMode(mode), 0)
    numbers = [(1, 2), (3, 2), (5, 2), (3, 4)]
    assert [round_fraction(*number, rounding) for number in numbers] == [one * MICROS for one in expected]


@given(st.integers(-(10**21), 10**21), st.integers(1, 10**15) | st.sampled_from([2, 60 * NANOS]), roundings)
def test_rounding_is_that_of_fractions(numerator: int, denominator: int, rounding: Rounding) -> None:
    """Against the rule in fractions; a refund of -x rounds as x does."""
    expected = rounded(Fraction(numerator, denominator), rounding)
    assert round_fraction(numerator, denominator, rounding) == expected
    assert round_fraction(-numerator, denominator, rounding) == -expected


def test_the_default_rounding_keeps_six_decimals() -> None:
    """A third, and two thirds."""
    assert round_fraction(1, 3, HALF_UP_6) == 333_333
    assert round_fraction(2, 3, HALF_UP_6) == 666_667
