"""Terms and tariffs for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from ratebook.model import DurationMode, FreeMode, Interval, Rate, Terms
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
    )


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
