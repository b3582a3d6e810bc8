"""Terms and tariffs for property tests."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ratebook.model import Band, Border, DurationMode, FreeMode, Interval, Rate, Terms, Timetable, Window
from ratebook.money import NANOS, Rounding, RoundingMode

roundings = st.builds(Rounding, st.sampled_from(RoundingMode), st.integers(0, 6))
nanos = st.integers(0, 3 * NANOS) | st.sampled_from([0, 1, NANOS, 60 * NANOS])
increments_s = st.sampled_from([1, 6, 30, 60]) | st.integers(1, 90)


@st.composite
def interval_lists(draw: st.DrawFn) -> tuple[Interval, ...]:
    """One to four intervals; borders inside, at and past the steps before them."""
    borders = sorted(draw(st.sets(st.integers(1, 150), max_size=3)))
    return tuple(Interval(from_s, draw(nanos), draw(increments_s)) for from_s in [0, *borders])


@st.composite
def terms_of_all_kinds(draw: st.DrawFn) -> Terms:
    minimum = draw(st.just(0) | nanos)
    return Terms(
        currency=draw(st.sampled_from(["EUR", "USD"])),
        intervals=draw(interval_lists()),
        connect_fee_nanos=draw(st.just(0) | nanos),
        minimum_nanos=minimum,
        maximum_nanos=draw(st.none() | st.integers(minimum, minimum + 6 * NANOS)),
        grace_s=draw(st.just(0) | st.integers(0, 30)),
        free_s=draw(st.just(0) | st.integers(0, 90)),
        free_mode=draw(st.sampled_from(FreeMode)),
        attempt_fee_nanos=draw(st.just(0) | nanos),
        blocked=draw(st.booleans()),
        rounding=draw(roundings),
        duration_mode=draw(st.sampled_from(DurationMode)),
        message_fee_nanos=draw(st.none() | nanos),
    )


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
EDGES = (
    "2026-03-29T01:00:00+00:00",  # Berlin springs forward
    "2026-10-25T01:00:00+00:00",  # and falls back
    "2026-03-08T07:00:00+00:00",  # New York forward
    "2026-11-01T06:00:00+00:00",  # and back
    "2026-04-04T15:00:00+00:00",  # Lord Howe falls back by half an hour
    "2026-10-03T15:30:00+00:00",
    "2028-02-29T00:00:00+00:00",
    "2028-02-28T23:00:00+00:00",
    "2026-12-31T23:00:00+00:00",
    "2026-06-03T12:00:00+00:00",
)
"""Moments at which bands and clocks are tried: about these, a call of some minutes meets what there is to meet."""
NEAR_S = 500


class Timed(NamedTuple):
    """Terms with a timetable, and a moment near its borders."""

    terms: Terms
    answered_s: int


@st.composite
def windows(draw: st.DrawFn, local: datetime) -> Window:
    """With its edges about a moment of the zone's clocks, or at a day's."""
    second = local.hour * 3600 + local.minute * 60 + local.second
    near = st.integers(-NEAR_S, NEAR_S).map(lambda more: (second + more) % 86_400) | st.sampled_from(
        [0, 3600, 7200, 10_800, second]
    )
    from_s, to_s = draw(near), draw(near)
    yearly = local.month * 100 + local.day
    dates = st.sampled_from([(), (yearly,), (local.year * 10_000 + yearly,), (101, 229)])
    weekdays = st.sampled_from([0b111_1111, 0b001_1111, 0b110_0000, 1 << local.weekday(), 0])
    return Window(draw(weekdays), draw(dates), from_s, to_s if to_s > from_s else to_s + 86_400)


@st.composite
def timed_terms(draw: st.DrawFn) -> Timed:
    """One to three bands about an edge."""
    zone = draw(st.sampled_from(ZONES))
    edge_s = int(datetime.fromisoformat(draw(st.sampled_from(EDGES))).timestamp())
    answered_s = edge_s + draw(st.integers(-NEAR_S, NEAR_S))
    local = datetime.fromtimestamp(answered_s, ZoneInfo(zone))
    bands = tuple(
        (
            Band(f"band {number}", tuple(draw(st.lists(windows(local), min_size=1, max_size=3)))),
            draw(terms_of_all_kinds()),
        )
        for number in range(draw(st.integers(1, 3)))
    )
    timetable = Timetable(zone, draw(st.sampled_from(Border)), bands)
    return Timed(draw(terms_of_all_kinds())._replace(timetable=timetable), answered_s)


prefixes = st.text("0123456789*#", max_size=5)
moments = st.none() | st.integers(0, 20)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Dates are small: tests look at every moment around them."""
    effective_s = draw(moments)
    until_s = draw(st.none() | st.integers(0 if effective_s is None else effective_s + 1, 25))
    return Rate(
        draw(prefixes), draw(st.sampled_from(["", "Köln", "Italy mobile"])), effective_s, until_s, draw(few_terms)
    )


few_terms = st.builds(
    lambda rate, blocked: Terms("EUR", (Interval(0, rate, 1),), blocked=blocked), st.integers(0, 5), st.booleans()
)
