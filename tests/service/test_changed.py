"""Which terms of two rates differ: every one is named, and what is the same is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.model import Band, Border, DurationMode, FreeMode, Interval, Terms, Timetable, Window
from ratebook.money import Rounding, RoundingMode
from service.tariffs.changed import changed_terms
from tests.ratebook.strategies import terms_of_all_kinds, timed_terms

PLAIN = Terms("EUR", (Interval(0, 10_000_000, 60),))
NIGHT = Band("night", (Window(0b111_1111, (), 0, 21_600),))
LONGER = NIGHT._replace(windows=(Window(0b111_1111, (), 0, 25_200),))


def timed(*bands: tuple[Band, Terms], border: Border = Border.START, zone: str = "UTC") -> Terms:
    """With a timetable."""
    return PLAIN._replace(timetable=Timetable(zone, border, bands))


CHEAP = PLAIN._replace(intervals=(Interval(0, 5_000_000, 60),))


@dataclass(frozen=True)
class Case:
    """Two rates, and what is told of them."""

    before: Terms
    after: Terms
    told: list[tuple[str, str, str, str]]


def field(said: str, before: str, after: str, **values: Any) -> Case:
    """One field of a plain rate."""
    return Case(PLAIN, PLAIN._replace(**values), [(said, "", before, after)])


CASES = [
    field("minimum", "", "0.05", minimum_nanos=50_000_000),
    field("maximum", "", "0.00", maximum_nanos=0),
    field("grace", "", "5", grace_s=5),
    field("free_seconds", "", "30 after", free_s=30, free_mode=FreeMode.AFTER),
    field("connect_fee", "", "0.10", connect_fee_nanos=100_000_000),
    field("attempt_fee", "", "0.10", attempt_fee_nanos=100_000_000),
    field("message_fee", "", "0.00", message_fee_nanos=0),
    field("rounding", "6 half-up", "2 up", rounding=Rounding(RoundingMode.UP, 2)),
    field("duration", "up", "down", duration_mode=DurationMode.DOWN),
    field("blocked", "", "yes", blocked=True),
    Case(PLAIN, timed((NIGHT, CHEAP)), [("bands", "night", "", "0.005")]),
    Case(timed((NIGHT, CHEAP)), PLAIN, [("bands", "night", "0.005", "")]),
    Case(timed((NIGHT, CHEAP)), timed((NIGHT, PLAIN)), [("rate", "night", "0.005", "0.01")]),
    Case(timed((NIGHT, CHEAP)), timed((LONGER, CHEAP)), [("hours", "night", "", "")]),
    Case(timed((NIGHT, CHEAP)), timed((NIGHT, CHEAP), border=Border.SPLIT), [("border", "", "start", "split")]),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{one.told[0][0]} {one.told[0][1]}" for one in CASES])
def test_what_differs_is_named_and_nothing_else(case: Case) -> None:
    """By the name of the YAML, its band, and what both say."""
    assert [tuple(one) for one in changed_terms(case.before, case.after)] == case.told


def test_the_order_of_bands_is_a_term() -> None:
    """The first one that fits a moment holds."""
    other = NIGHT._replace(name="late"), CHEAP
    told = changed_terms(timed((NIGHT, CHEAP), other), timed(other, (NIGHT, CHEAP)))
    assert [tuple(one) for one in told] == [("bands", "", "night, late", "late, night")]


_ANY = st.one_of(terms_of_all_kinds(), timed_terms().map(lambda one: one.terms))


@given(_ANY, _ANY)
def test_no_difference_goes_unnamed(before: Terms, after: Terms) -> None:
    """Nothing is told of the same terms; of others something is, of both sides as they are."""
    assert changed_terms(before, before) == []
    found = changed_terms(before, after)
    assert bool(found) == (before != after)
    back = changed_terms(after, before)
    assert {(one.term, one.band) for one in found} == {(one.term, one.band) for one in back}
