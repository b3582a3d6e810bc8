"""What changes between two tariffs, from the rates themselves and from what is published; where a price loses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.bulk import RateIndex
from ratebook.compare import Change, counts, differences
from ratebook.compiled.unpack import changed_rates, rates_of, version_rows
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.margin import losses
from ratebook.model import Interval, Rate, Tariff, Terms
from ratebook.money import parse_nanos
from tests.ratebook.strategies import rates
from tests.ratebook.test_bands import at, timed


def rate(prefix: str, price: str, *increments: int, effective_s: int | None = None, until_s: int | None = None) -> Rate:
    return Rate(prefix, f"to {prefix}", effective_s, until_s, at(price, *increments))


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Any]:
    opened = open_for_writing(tmp_path / "rates")
    yield opened
    opened.close()


def test_every_kind_of_change() -> None:
    """By prefix; what is the same is left out."""
    before = [rate(one, "0.10") for one in ("1", "2", "3", "4", "5", "6", "7")]
    blocked = at("0.10", blocked=True)
    after = [
        rate("1", "0.10"),
        rate("2", "0.20"),
        rate("3", "0.05"),
        rate("4", "0.10", 60),
        rate("5", "0.08", 60),
        before[5]._replace(destination="elsewhere"),
        before[6]._replace(terms=blocked),
        rate("8", "0.10"),
    ]
    found = differences(before, after)
    assert {one.prefix: one.change for one in found} == {
        "2": Change.INCREASED, "3": Change.DECREASED, "4": Change.INCREASED, "5": Change.CHANGED, "6": Change.RENAMED,
        "7": Change.BLOCKED, "8": Change.NEW,
    }  # fmt: skip
    back = differences(after, before)
    assert {one.prefix: one.change for one in back if one.prefix in "78"} == {
        "7": Change.UNBLOCKED,
        "8": Change.WITHDRAWN,
    }
    assert counts(found)[Change.INCREASED] == 2


def test_a_change_has_its_time() -> None:
    """From when the new rate holds until when both are the same again."""
    before = [rate("1", "0.10"), rate("1", "0.30", effective_s=300)]
    after = [rate("1", "0.10"), rate("1", "0.20", effective_s=100), rate("1", "0.30", effective_s=300)]
    (one,) = differences(before, after)
    assert (one.change, one.from_s, one.until_s) == (Change.INCREASED, 100, 300)


def test_a_band_can_make_the_difference() -> None:
    """The night alone is dearer."""
    before, after = (Rate("1", "", None, None, timed(at("0.60"), at(night))) for night in ("0.30", "0.40"))
    assert [one.change for one in differences([before], [after])] == [Change.INCREASED]


few = st.lists(rates(), max_size=8, unique_by=lambda one: (one.prefix, one.effective_s))


@settings(max_examples=150, deadline=None)
@given(few, few, st.text("0123456789*#", max_size=5), st.integers(-1, 26))
def test_no_difference_means_the_same_price(before: list[Rate], after: list[Rate], prefix: str, at_s: int) -> None:
    """At every moment, for every prefix itself; and a difference means another one."""
    then = {one.prefix for one in before} | {one.prefix for one in after}
    told = {
        one.prefix
        for one in differences(before, after)
        if (one.from_s is None or one.from_s <= at_s) and (one.until_s is None or at_s < one.until_s)
    }
    for prefix in then:
        one, other = (
            RateIndex([rate for rate in found if rate.prefix == prefix]).find(prefix, at_s) for found in (before, after)
        )
        same = (one and (one.destination, one.terms)) == (other and (other.destination, other.terms))
        assert same == (prefix not in told)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(few, few)
def test_what_is_published_comes_back(env: Any, before: list[Rate], after: list[Rate]) -> None:
    """Every rate of a version; of two, those that they differ in."""
    rows = []
    for found in (before, after):
        compiled = compile_tariff(Tariff("x", "EUR", "UTC", tuple(found)))
        write_version(env, compiled)
        read = version_rows(env, compiled.version)
        assert read == compiled.rows
        assert sorted(rates_of(compiled.rows), key=str) == sorted(found, key=str)
        rows.append(compiled.rows)
    was, now = changed_rates(*rows)
    assert differences(was, now) == differences(before, after)
    assert version_rows(env, b"\0" * 8) is None


def test_a_price_below_its_cost_is_found() -> None:
    """By the minute, by increments, by a fee, by a longer prefix of the cost, in a band alone."""
    costs = [
        rate("1", "0.10"), rate("2", "0.10", 60), rate("3", "0.10"), rate("39", "0.50"),
        Rate("4", "", None, None, at("0.10", connect_fee_nanos=parse_nanos("0.01"))),
        Rate("5", "", None, None, timed(at("0.10"), at("0.30"))), rate("6", "0.10"), rate("7", "0.10"),
    ]  # fmt: skip
    prices = [
        rate("1", "0.09"), rate("2", "0.10", 1), rate("3", "0.20"), rate("4", "0.11"), rate("5", "0.20"),
        rate("6", "0.10"), Rate("7", "", None, None, at("0", blocked=True)), rate("8", "0"),
    ]  # fmt: skip
    found = losses(prices, costs, 1_780_000_000)
    assert [(one.prefix, one.seconds) for one in found] == [("1", 1), ("2", 1), ("39", 1), ("4", 1), ("5", 1)]
    assert (found[0].price_micros, found[0].cost_micros) == (1_500, 1_667)
    assert found[2].price.prefix == "3"


def test_a_cost_in_another_currency_is_exchanged_and_rounded_up() -> None:
    """Six a minute at one half are three; a millionth more is a loss."""
    prices, costs = [rate("1", "3")], [rate("1", "6")]
    assert losses(prices, costs, 0, (1, 2)) == []
    found = losses(prices, costs, 0, (500_001, 1_000_000))
    assert [(one.seconds, one.price_micros, one.cost_micros) for one in found] == [(1, 50_000, 50_001)]


def test_terms_of_one_tariff_are_compared_once() -> None:
    """A million prefixes of a few thousand prices."""
    terms = Terms("EUR", (Interval(0, 1, 1),))
    cost = Terms("EUR", (Interval(0, 10**9, 1),))
    prices = [Rate(str(number), "", None, None, terms) for number in range(1000, 3000)]
    found = losses(prices, [Rate("", "", None, None, cost)], 0)
    assert len(found) == 2000
