"""Time bands: what holds when, by the clocks of a zone, and what a border does to a call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.bands import stretches, terms_at
from ratebook.bulk import Pricer
from ratebook.clocks import DAY_S
from ratebook.compiled.layout import decode_terms, encode_terms, is_timed
from ratebook.model import Band, Border, FreeMode, Interval, Rate, Terms, Timetable, Window
from ratebook.money import parse_nanos
from ratebook.price import Charge, attempt_charge, charge, explain, longest_s, steps
from tests.ratebook.oracle import band_at, slow_charge
from tests.ratebook.strategies import Timed, timed_terms

WORKDAYS, EVERY_DAY = 0b001_1111, 0b111_1111
HOUR_S = 3600


def wall_s(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def at(rate: str, *increments: int, **more: Any) -> Terms:
    """Terms of one rate a minute."""
    nanos = parse_nanos(rate)
    first, *rest = increments or (1,)
    return Terms("EUR", (Interval(0, nanos, first), *(Interval(first, nanos, one) for one in rest)))._replace(**more)


def timed(base: Terms, evening: Terms, border: Border = Border.SPLIT, zone: str = "Europe/Berlin") -> Terms:
    """Evening from 18:00 to 08:00, after workdays; weekends belong to it."""
    windows = (Window(WORKDAYS, (), 18 * HOUR_S, 32 * HOUR_S), Window(0b110_0000, (), 0, DAY_S))
    return base._replace(timetable=Timetable(zone, border, ((Band("evening", windows), evening),)))


PEAK, EVENING = at("0.60"), at("0.30")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-03T17:59:59+02:00", PEAK),
        ("2026-06-03T18:00:00+02:00", EVENING),
        ("2026-06-04T07:59:59+02:00", EVENING),
        ("2026-06-04T08:00:00+02:00", PEAK),
        ("2026-06-06T07:59:59+02:00", EVENING),  # Friday's night ends in Saturday
        ("2026-06-06T12:00:00+02:00", EVENING),
        ("2026-06-08T07:59:59+02:00", PEAK),  # Sunday is no workday: Monday's morning is peak
        ("2026-12-02T17:59:59+01:00", PEAK),  # in winter too by the clocks
        ("2026-12-02T17:00:00+00:00", EVENING),
    ],
)
def test_a_band_holds_by_the_clocks_of_its_zone(moment: str, expected: Terms) -> None:
    """A window that goes over midnight belongs to the day it begins on."""
    assert terms_at(timed(PEAK, EVENING), wall_s(moment))._replace(timetable=None) == expected


@pytest.mark.parametrize(
    ("answered", "border", "base", "evening", "seconds", "expected"),
    [
        ("17:59:50", Border.START, at("0.60"), at("0.30"), 20, Charge(20, 200_000)),
        ("17:59:50", Border.SPLIT, at("0.60"), at("0.30"), 20, Charge(20, 150_000)),
        ("17:59:50", Border.INTERVAL, at("0.60"), at("0.30"), 20, Charge(20, 150_000)),
        # the minute that began before the border is whole, and the next band goes on behind it
        ("17:59:50", Border.SPLIT, at("0.60", 60), at("0.30", 60), 70, Charge(120, 900_000)),
        ("17:59:50", Border.INTERVAL, at("0.60", 60), at("0.30", 60), 70, Charge(120, 900_000)),
        # a call that comes into 60/1 by seconds: cut, its position says which interval; else the first is past
        ("17:59:50", Border.SPLIT, at("0.60"), at("0.30", 60, 1), 20, Charge(70, 400_000)),
        ("17:59:50", Border.INTERVAL, at("0.60"), at("0.30", 60, 1), 20, Charge(20, 150_000)),
        # the second of the border itself is the new band's
        ("18:00:00", Border.SPLIT, at("0.60"), at("0.30"), 1, Charge(1, 5_000)),
        ("17:59:59", Border.SPLIT, at("0.60"), at("0.30"), 1, Charge(1, 10_000)),
    ],
)
def test_a_border_inside_a_call(
    answered: str, border: Border, base: Terms, evening: Terms, seconds: int, expected: Charge
) -> None:
    """By hand: 0.60 a minute, and 0.30 from 18:00 on."""
    assert charge(timed(base, evening, border), seconds * 1000, wall_s(f"2026-06-03T{answered}+02:00")) == expected


CLOSED = at("0", blocked=True)


@pytest.mark.parametrize("border", Border)
@pytest.mark.parametrize(
    ("base", "evening", "answered", "seconds", "expected"),
    [
        # it talks into the blocked evening, or was answered in it after it had rung before
        (PEAK, CLOSED, "2026-06-03T17:59:50", 3600, Charge(3600, 36_000_000)),
        (PEAK, CLOSED, "2026-06-03T18:00:20", 3600, Charge(3600, 36_000_000)),
        (at("0.60", 60), CLOSED, "2026-06-03T17:59:50", 61, Charge(120, 1_200_000)),
        (at("0.60", connect_fee_nanos=parse_nanos("0.1")), CLOSED, "2026-06-03T18:00:20", 60, Charge(60, 700_000)),
        # the other way round: blocked by day
        (CLOSED, EVENING, "2026-06-03T07:59:50", 3600, Charge(3600, 18_000_000)),
        (CLOSED, EVENING, "2026-06-03T08:00:20", 3600, Charge(3600, 18_000_000)),
        (at("0", blocked=True, grace_s=60), EVENING, "2026-06-03T08:00:20", 30, Charge(30, 150_000)),
    ],
)
def test_a_blocked_band_has_no_price_and_what_held_before_goes_on(
    border: Border, base: Terms, evening: Terms, answered: str, seconds: int, expected: Charge
) -> None:
    """No call begins in it, so that one which is in it came from before: it is not free."""
    terms, answered_s = timed(base, evening, border), wall_s(f"{answered}+02:00")
    assert charge(terms, seconds * 1000, answered_s) == expected
    assert longest_s(terms, expected.micros - 1, seconds, answered_s) < seconds
    pricer = Pricer([Rate("", "", None, None, terms)])
    for later_s in (0, 20, 7200):  # what the pricer keeps of one call says nothing wrong about another one
        assert pricer.charge(terms, seconds * 1000, answered_s + later_s) == charge(
            terms, seconds * 1000, answered_s + later_s
        )


def test_behind_a_blocked_band_the_next_one_holds() -> None:
    """0.60 a minute through the blocked night until the morning's 0.30; cut at that border alone."""
    bands = (
        (Band("night", (Window(EVERY_DAY, (), 22 * HOUR_S, 30 * HOUR_S),)), CLOSED),
        (Band("morning", (Window(EVERY_DAY, (), 6 * HOUR_S, 9 * HOUR_S),)), at("0.30")),
    )
    terms = at("0.60", 7)._replace(timetable=Timetable("UTC", Border.SPLIT, bands))
    answered_s = wall_s("2026-06-03T21:59:59+00:00")
    dear_s = -(-(8 * HOUR_S + 1) // 7) * 7
    assert charge(terms, 9 * HOUR_S * 1000, answered_s) == Charge(
        9 * HOUR_S, dear_s * 10_000 + (9 * HOUR_S - dear_s) * 5_000
    )


@pytest.mark.parametrize("increment_s", [1, 6, 30, 60])
@pytest.mark.parametrize("before_s", [0, 1, 5, 6, 29, 30, 59, 60, 61])
def test_a_border_in_each_increment(increment_s: int, before_s: int) -> None:
    """Steps that begin before the border pay the old rate, those at it and behind it the new one."""
    terms = timed(at("0.60", increment_s), at("0.30", increment_s))
    dear = -(-before_s // increment_s) * increment_s
    billed = -(-180 // increment_s) * increment_s
    expected = Charge(billed, dear * 10_000 + (billed - dear) * 5_000)
    assert charge(terms, 180_000, wall_s("2026-06-03T18:00:00+02:00") - before_s) == expected


def test_fees_bounds_and_rounding_are_those_of_the_answer() -> None:
    """Whatever comes later."""
    base = at("0.60", connect_fee_nanos=parse_nanos("0.1"), attempt_fee_nanos=parse_nanos("0.02"))
    evening = at("0.30", connect_fee_nanos=parse_nanos("7"), grace_s=30, minimum_nanos=parse_nanos("9"))
    terms = timed(base, evening)
    day_s, night_s = wall_s("2026-06-03T17:59:50+02:00"), wall_s("2026-06-03T18:00:00+02:00")
    assert charge(terms, 20_000, day_s) == Charge(20, 250_000)
    assert charge(terms, 20_000, night_s) == Charge(0, 0)
    assert charge(terms, 31_000, night_s) == Charge(31, 9_000_000)
    assert attempt_charge(terms, day_s) == 20_000
    assert attempt_charge(terms, night_s) == 0


def test_free_seconds_pass_before_the_first_billed_one() -> None:
    """10 s free at 17:59:50: all that is billed lies behind the border."""
    terms = timed(at("0.60", free_s=10), at("0.30"))
    day_s = wall_s("2026-06-03T17:59:50+02:00")
    assert charge(terms, 20_000, day_s) == Charge(10, 50_000)
    after = timed(at("0.60", free_s=10, free_mode=FreeMode.AFTER), at("0.30"))
    assert charge(after, 20_000, day_s) == Charge(20, 50_000)


@pytest.mark.parametrize(
    ("zone", "from_utc", "hours", "expected_h"),
    [
        # a band from 00:00 to 06:00 is an hour shorter, and longer, on the days that the clocks change
        ("Europe/Berlin", "2026-03-28T23:00:00+00:00", 30, 5),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", 30, 7),
        ("America/New_York", "2026-03-08T05:00:00+00:00", 30, 5),
        ("America/New_York", "2026-11-01T04:00:00+00:00", 30, 7),
        ("Australia/Lord_Howe", "2026-04-04T13:00:00+00:00", 30, 6.5),
        ("Australia/Lord_Howe", "2026-10-03T13:30:00+00:00", 30, 5.5),
        ("Europe/Berlin", "2028-02-28T23:00:00+00:00", 30, 6),  # the leap day is a day
    ],
)
def test_days_on_which_the_clocks_change(zone: str, from_utc: str, hours: int, expected_h: float) -> None:
    """A call through the night pays the night's rate for the hours that there were."""
    night = Band("night", (Window(EVERY_DAY, (), 0, 6 * HOUR_S),))
    terms = at("0.60")._replace(timetable=Timetable(zone, Border.SPLIT, ((night, at("0")),)))
    midnight_s = wall_s(from_utc)
    assert band_at(terms.timetable, midnight_s) == 0
    assert band_at(terms.timetable, midnight_s - 1) is None
    free_s = int(expected_h * HOUR_S)
    assert charge(terms, free_s * 1000, midnight_s).micros == 0
    assert charge(terms, (free_s + 1) * 1000, midnight_s).micros == 10_000
    until_s = next(stretches(terms, terms.timetable, midnight_s, midnight_s + hours * HOUR_S)).until_s
    assert until_s == midnight_s + free_s


def test_an_hour_that_comes_twice_is_in_its_band_twice() -> None:
    """02:00 to 03:00 on the day Berlin falls back: two hours; on the day it springs forward, none."""
    band = Band("short", (Window(EVERY_DAY, (), 2 * HOUR_S, 3 * HOUR_S),))
    terms = at("0.60")._replace(timetable=Timetable("Europe/Berlin", Border.SPLIT, ((band, at("0")),)))
    assert charge(terms, 4 * HOUR_S * 1000, wall_s("2026-10-25T00:00:00+02:00")).micros == 2 * 36_000_000
    assert charge(terms, 4 * HOUR_S * 1000, wall_s("2026-03-29T00:00:00+01:00")).micros == 4 * 36_000_000


def test_holidays_come_before_and_repeat_as_they_are_written() -> None:
    """The first band that fits holds; a date without year is each year's."""
    holiday = Band("holiday", (Window(0, (1225, 2026_04_03), 0, DAY_S),))
    day = Band("day", (Window(EVERY_DAY, (), 8 * HOUR_S, 18 * HOUR_S),))
    timetable = Timetable("UTC", Border.START, ((holiday, at("0")), (day, at("6"))))
    terms = at("3")._replace(timetable=timetable)
    found = {
        moment: charge(terms, 60_000, wall_s(f"{moment}:00+00:00")).micros // 1_000_000
        for moment in (
            "2026-12-25T12:00",
            "2031-12-25T12:00",
            "2026-04-03T12:00",
            "2027-04-03T12:00",
            "2027-04-03T20:00",
        )
    }
    assert list(found.values()) == [0, 0, 0, 6, 3]


@settings(max_examples=800, deadline=None)
@given(timed_terms(), st.lists(st.tuples(st.integers(0, 300_000), st.integers(-90, 90)), min_size=5, max_size=5))
def test_the_charge_through_bands_is_that_of_the_slow_oracle(found: Timed, calls: list[tuple[int, int]]) -> None:
    """Second by second on a zone's clocks, about days on which they change: 4,000 calls."""
    terms, answered_s = found
    for duration_ms, later_s in calls:
        at_s = answered_s + later_s
        assert charge(terms, duration_ms, at_s) == slow_charge(terms, duration_ms, at_s)


@settings(max_examples=200, deadline=None)
@given(timed_terms(), st.integers(1, 300))
def test_the_explained_steps_are_the_charged_ones(found: Timed, seconds: int) -> None:
    """Without what is free, their seconds are the billed ones; and a second more never costs less."""
    terms, answered_s = found
    terms = terms._replace(grace_s=0, free_s=0)
    timetable = terms.timetable
    assert timetable is not None
    plain = tuple((band, held._replace(grace_s=0, free_s=0)) for band, held in timetable.bands)
    terms = terms._replace(timetable=timetable._replace(bands=plain))
    one = charge(terms, seconds * 1000, answered_s)
    if one.billed_s:
        assert sum(step.seconds for step in steps(terms, one.billed_s, answered_s)) >= one.billed_s
    assert one.micros <= charge(terms, seconds * 1000 + 1000, answered_s).micros


@settings(max_examples=60, deadline=None)
@given(timed_terms(), st.integers(-10, 5_000_000), st.integers(1, 120))
def test_the_longest_call_that_money_pays_through_bands(found: Timed, micros: int, limit_s: int) -> None:
    """Against trying every second."""
    terms, answered_s = found
    paid = [second for second in range(1, limit_s + 1) if charge(terms, second * 1000, answered_s).micros <= micros]
    assert longest_s(terms, micros, limit_s, answered_s) == (paid[-1] if paid else -1)


@given(timed_terms())
def test_a_timetable_goes_through_the_compiled_form(found: Timed) -> None:
    """Whole, and the bytes tell that the moment matters."""
    raw = encode_terms(found.terms)
    assert decode_terms(raw) == found.terms
    assert is_timed(raw)
    assert not is_timed(encode_terms(found.terms._replace(timetable=None)))


def test_the_band_of_each_step_is_explained() -> None:
    """Where it is not the usual one."""
    said = explain(timed(PEAK, EVENING), 20_000, wall_s("2026-06-03T17:59:50+02:00"))
    assert said == [
        "20000 ms count as 20 s (rounded up)",
        "from 0 s: 10 s in steps of 1 s at 0.60 a minute",
        "from 10 s: 10 s in steps of 1 s at 0.30 a minute (evening)",
        "20 s billed: 0.15 EUR, rounded half-up to 6 decimals",
    ]
