"""What a customer is told of a tariff's new version: what calls cost until then and from then on."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from ratebook.bulk import RateIndex
from ratebook.compare import differences
from ratebook.model import Rate, Terms
from ratebook.notice import Direction, Notice, first_effect_s, notices
from ratebook.sheets.notice import COLUMNS, Head, to_csv, to_xlsx
from tests.ratebook.strategies import rates
from tests.ratebook.test_bands import at, timed, wall_s
from tests.ratebook.test_compare import rate

AT_S = 1_000


def told(before: list[Rate], after: list[Rate]) -> dict[str, Direction]:
    """Directions by prefix."""
    return {one.prefix: one.direction for one in notices(before, after, AT_S)}


def test_each_direction_is_told() -> None:
    """What is the same, or has another name only, is not."""
    before = [rate(one, "0.10") for one in ("1", "2", "3", "4", "6", "7")]
    after = [
        rate("1", "0.10"),
        rate("2", "0.20"),
        rate("3", "0.05"),
        rate("4", "0.08", 60),
        rate("5", "0.10"),
        before[4]._replace(destination="elsewhere"),
        before[5]._replace(terms=at("0.10", blocked=True)),
    ]
    assert told(before, after) == {
        "2": Direction.INCREASE, "3": Direction.DECREASE, "4": Direction.CHANGE, "5": Direction.NEW,
        "7": Direction.CLOSED,
    }  # fmt: skip
    assert (told(after, before)["5"], told(after, before)["7"]) == (Direction.CLOSED, Direction.NEW)


def test_a_prefix_that_comes_or_goes_is_held_against_the_shorter_one() -> None:
    """It is what its numbers cost that is told."""
    whole, mobile = rate("49", "0.02"), rate("4915", "0.05")
    (one,) = notices([whole], [whole, mobile], AT_S)
    assert (one.prefix, one.direction, one.before, one.after) == (
        "4915", Direction.INCREASE, whole.terms, mobile.terms,
    )  # fmt: skip
    (one,) = notices([whole, mobile], [whole], AT_S)
    assert (one.direction, one.after) == (Direction.DECREASE, whole.terms)
    assert notices([whole], [whole, rate("4930", "0.02")], AT_S) == []
    assert told([whole, mobile], []) == {"49": Direction.CLOSED, "4915": Direction.CLOSED}


def test_what_is_over_is_not_told_and_what_comes_has_its_moment() -> None:
    """At the earliest when the new version holds."""
    before = [rate("1", "0.10"), rate("2", "0.10", until_s=900)]
    after = [rate("1", "0.10", until_s=5_000), rate("1", "0.30", effective_s=5_000)]
    (one,) = notices(before, after, AT_S)
    assert (one.prefix, one.from_s, one.until_s) == ("1", 5_000, None)
    found = differences(before, after)
    assert (first_effect_s(found, AT_S), first_effect_s(found, 800)) == (5_000, 800)
    assert first_effect_s(differences(before, before), AT_S) is None


def test_a_band_is_a_line_of_its_own() -> None:
    """Those that stay are left out; hours alone are a change too."""
    base = at("0.60")
    before, after = timed(base, at("0.30")), timed(base, at("0.40"))
    (one,) = notices([Rate("1", "", None, None, before)], [Rate("1", "", None, None, after)], AT_S)
    assert (one.band, one.direction, one.before, one.after) == ("evening", Direction.INCREASE, at("0.30"), at("0.40"))
    moved = timed(base, at("0.30"), zone="America/New_York")
    (one,) = notices([Rate("1", "", None, None, before)], [Rate("1", "", None, None, moved)], AT_S)
    assert (one.band, one.direction) == ("", Direction.CHANGE)


few = st.lists(
    rates().map(lambda one: one._replace(effective_s=None, until_s=None)), max_size=8, unique_by=lambda one: one.prefix
)


def _costs(found: list[Rate], number: str) -> Terms | None:
    rate = RateIndex(found).find(number, AT_S)
    return None if rate is None or rate.terms.blocked else rate.terms


@settings(max_examples=200, deadline=None)
@given(few, few, st.text("0123456789", min_size=1, max_size=6))
def test_a_number_costs_what_it_was_told(before: list[Rate], after: list[Rate], number: str) -> None:
    """If what it costs changes, a line says from what to what; if none does, it doesn't change."""
    found = notices(before, after, AT_S)
    then, now = _costs(before, number), _costs(after, number)
    lines = [one for one in found if number.startswith(one.prefix)]
    if then != now:
        assert lines
        longest = max(len(one.prefix) for one in lines)
        line = next(one for one in lines if len(one.prefix) == longest)
        assert _plain(line.before) in {_plain(then), *_bands(then)}
        assert _plain(line.after) in {_plain(now), *_bands(now)}


def _plain(terms: Terms | None) -> Terms | None:
    return None if terms is None else terms._replace(timetable=None)


def _bands(terms: Terms | None) -> list[Terms]:
    return [] if terms is None or terms.timetable is None else [held for _, held in terms.timetable.bands]


LINES = [
    Notice("44", "=cmd()", Direction.INCREASE, at("0.10", 60, 30), at("0.20", 1), wall_s("2026-12-01T00:00:00+00:00"),
           None, ""),
    Notice("33", "France", Direction.CLOSED, at("0.10"), None, wall_s("2026-12-01T00:00:00+00:00"),
           wall_s("2027-01-01T00:00:00+00:00"), "night"),
]  # fmt: skip
HEAD = Head("retail", "EUR", "Europe/Berlin", lambda text: {"Prefix": "Vorwahl", "Increase": "Teurer"}.get(text, text))


def test_a_sheet_is_read_by_programs() -> None:
    """English headings, moments with their zone, no formulas."""
    first, second = list(csv.DictReader(io.StringIO(to_csv(LINES, HEAD).decode(), newline="")))
    assert list(first) == [*(column.name for column in COLUMNS), "Applies To"]
    named = HEAD._replace(concerned="=trunk 1")
    assert {row["Applies To"] for row in csv.DictReader(io.StringIO(to_csv(LINES, named).decode(), newline=""))} == {
        "'=trunk 1"
    }
    assert first == {
        "Destination": "'=cmd()", "Prefix": "44", "Direction": "Increase", "Old Rate/Min": "0.10",
        "New Rate/Min": "0.20", "Old Increments": "60/30", "New Increments": "1/1", "Old Connect Fee": "",
        "New Connect Fee": "", "Currency": "EUR", "Effective From": "2026-12-01T01:00:00+01:00",
        "Valid Until (exclusive)": "", "Time Band": "", "Applies To": "",
    }  # fmt: skip
    assert (second["New Rate/Min"], second["Time Band"]) == ("", "night")
    assert second["Valid Until (exclusive)"] == "2027-01-01T01:00:00+01:00"


def test_a_workbook_is_read_by_people() -> None:
    """In their language, with prices that are numbers."""
    sheet = load_workbook(io.BytesIO(to_xlsx(LINES, HEAD, datetime(2026, 11, 1, tzinfo=UTC)))).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][0] == "retail"
    assert rows[3][:3] == ["Destination", "Vorwahl", "Direction"]
    assert rows[4][:5] == ["'=cmd()", "44", "Teurer", 0.1, 0.2]
    assert rows[4][10] == "2026-12-01 01:00:00"


@pytest.mark.parametrize("found", [[], LINES])
def test_an_empty_sheet_is_a_sheet(found: list[Notice]) -> None:
    """With its headings."""
    assert len(to_csv(found, HEAD).decode().splitlines()) == 1 + len(found)
    assert load_workbook(io.BytesIO(to_xlsx(found, HEAD, datetime(2026, 11, 1, tzinfo=UTC))))
