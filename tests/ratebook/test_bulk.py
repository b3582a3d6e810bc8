"""Prices in bulk: the rates that the call path finds, the charges that it makes, asked once for equal questions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook import bulk
from ratebook.bulk import Pricer, RateIndex
from ratebook.compiled.read import RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.model import Band, Border, DurationMode, FreeMode, Interval, Rate, Tariff, Terms, Timetable, Window
from ratebook.money import NANOS, Rounding, RoundingMode
from ratebook.price import charge
from tests.ratebook.oracle import slow_charge
from tests.ratebook.strategies import EDGES, ZONES, Timed, rates, timed_terms
from tests.ratebook.test_bands import wall_s

PRICES = int(os.environ.get("KAMBILL_PRICES", "2000"))
"""Cases of the seeded generator; a million in scripts/torture pricing."""
SEED = 20_261_123


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Any]:
    opened = open_for_writing(tmp_path / "rates")
    yield opened
    opened.close()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(rates(), max_size=30, unique_by=lambda one: (one.prefix, one.effective_s)),
    st.lists(st.text("0123456789*#", max_size=8), min_size=1, max_size=10),
)
def test_the_index_finds_what_the_call_path_finds(env: Any, found: list[Rate], numbers: list[str]) -> None:
    """Every number, every moment about the rates' dates."""
    index = RateIndex(found)
    compiled = compile_tariff(Tariff("x", "EUR", "UTC", tuple(found)))
    write_version(env, compiled)
    with RatesReader(env).snapshot() as look:
        for number in numbers:
            for at_s in range(-1, 27):
                there, here = look.find(compiled.version, number, at_s), index.find(number, at_s)
                assert (here and (here.prefix, here.terms)) == (there and (there.prefix, there.terms))


@settings(max_examples=150, deadline=None)
@given(timed_terms(), st.lists(st.tuples(st.integers(-900, 900), st.integers(0, 300_000)), max_size=20))
def test_what_is_remembered_is_what_would_be_asked(found: Timed, calls: list[tuple[int, int]]) -> None:
    """About the borders of bands, where one call lies within and the next across; asked twice."""
    terms, answered_s = found
    pricer = Pricer([Rate("", "", None, None, terms)])
    for more_s, duration_ms in calls * 2:
        priced = pricer.price("1", answered_s + more_s, duration_ms)
        assert priced is not None
        assert priced.charge == charge(terms, duration_ms, answered_s + more_s)


def test_a_number_without_rate_has_no_price() -> None:
    """Neither before the first date."""
    terms = Terms("EUR", (Interval(0, NANOS, 1),))
    pricer = Pricer([Rate("44", "", 100, None, terms)])
    assert pricer.price("45", 200, 1000) is None
    assert pricer.price("441", 99, 1000) is None
    assert pricer.price("441", 100, 60_000) == (Rate("44", "", 100, None, terms), (60, 1_000_000))


def test_answers_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they are asked again."""
    monkeypatch.setattr(bulk, "ANSWERS_MAX", 3)
    terms = Terms("EUR", (Interval(0, 60 * NANOS, 1),))
    pricer = Pricer([])
    assert [pricer.charge(terms, 1000 * one, 0).billed_s for one in (1, 2, 3, 4, 5, 1)] == [1, 2, 3, 4, 5, 1]
    assert len(pricer._charges) <= 3


def some_terms(random: Random) -> Terms:
    """Of all kinds; small numbers beside large ones."""
    borders = sorted(random.sample(range(1, 150), random.choice([0, 0, 1, 1, 2, 3])))
    money = [0, 1, NANOS, random.randrange(3 * NANOS), random.randrange(10**6)]
    minimum = random.choice(money)
    increments_s = [1, 1, 6, 30, 60, random.randint(1, 90)]
    steps = [Interval(from_s, random.choice(money), random.choice(increments_s)) for from_s in [0, *borders]]
    return Terms(
        "EUR",
        tuple(steps),
        connect_fee_nanos=random.choice(money),
        minimum_nanos=minimum,
        maximum_nanos=random.choice([None, None, minimum + random.randrange(6 * NANOS)]),
        grace_s=random.choice([0, 0, 0, random.randint(1, 30)]),
        free_s=random.choice([0, 0, 0, random.randint(1, 90)]),
        free_mode=random.choice(list(FreeMode)),
        rounding=Rounding(random.choice(list(RoundingMode)), random.randint(0, 6)),
        duration_mode=random.choice(list(DurationMode)),
    )


def some_timetable(random: Random, near_s: int, zone: str) -> Timetable:
    """One or two bands whose edges lie about a second of the day."""
    bands = []
    for number in range(random.randint(1, 2)):
        windows = []
        for _ in range(random.randint(1, 2)):
            from_s = (near_s + random.randint(-300, 300)) % 86_400
            to_s = (near_s + random.randint(-300, 300)) % 86_400
            weekdays = random.choice([0b111_1111, 0b1_1111, 0b110_0000, random.getrandbits(7)])
            to_s += 0 if to_s > from_s else 86_400
            windows.append(Window(weekdays, random.choice([(), (229,)]), from_s, to_s))
        bands.append((Band(str(number), tuple(windows)), some_terms(random)))
    return Timetable(zone, random.choice(list(Border)), tuple(bands))


def test_prices_of_a_seeded_generator_are_those_of_the_slow_oracle() -> None:
    """Three in four without bands, one about a border on a day of interest; each second in fractions."""
    random = Random(SEED)
    edges = [wall_s(edge) for edge in EDGES]
    different = 0
    for number in range(PRICES):
        terms, duration_ms, answered_s = some_terms(random), random.randint(0, 200_000), random.choice(edges)
        if number % 4 == 0:
            answered_s += random.randint(-200, 200)
            zone = random.choice(ZONES)
            local = datetime.fromtimestamp(answered_s, ZoneInfo(zone))
            near_s = local.hour * 3600 + local.minute * 60 + local.second
            terms = terms._replace(timetable=some_timetable(random, near_s, zone))
        if charge(terms, duration_ms, answered_s) != slow_charge(terms, duration_ms, answered_s):
            different += 1
            print("different:", number, duration_ms, answered_s, terms)
    print(f"{PRICES} prices, {different} different")
    assert not different
