"""A sheet into a deck: what changes, from when; nothing that is over is priced anew."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.compare import Change
from ratebook.sheets.deck import DeckRow, DeckUnreadable, read_deck_rows, write_deck_rows
from ratebook.sheets.grid import grids_of
from ratebook.sheets.mapping import Kind, Mapping, Past
from ratebook.sheets.merge import Merged, merge_sheet
from ratebook.sheets.read import read_sheet
from tests.ratebook.sheets.build import text

TODAY = date(2026, 9, 15)
DECK = """prefix,destination,rate,increments,effective,until
33,France,0.01,60/1,,
336,France mobile,0.05,60/1,2026-01-01,
34,Spain,0.02,60/1,,
34,Spain,0.03,60/1,2026-10-01,
254,Kenya,0.20,60/60,,
"""


def merge(sheet: str, deck: str = DECK, **known: object) -> Merged:
    """The deck after a sheet, by what is known of the carrier."""
    mapping = Mapping({}, **known)  # type: ignore[arg-type]
    reading = read_sheet(grids_of(text(sheet)), mapping)
    assert reading.questions == []
    return merge_sheet(read_deck_rows(deck), reading.rates, mapping, TODAY)


def lines(found: Merged) -> list[str]:
    """The deck's, without its header."""
    return write_deck_rows(found.rows).splitlines()[1:]


def kinds(found: Merged) -> dict[str, str]:
    return {change.code: change.kind.value for change in found.changes}


PARTIAL = """
    Code,Destination,Rate,Increment,Effective,Change
    33,France,0.02,60/1,01/10/2026,Increase
    336,France mobile,0.04,60/1,16/09/2026,Decrease
    254,Kenya,0.20,60/60,16/09/2026,
    351,Portugal,0.01,1/1,,New
    34,Spain,,,20/09/2026,Closed
    39,Italy,0.01,1/1,20/09/2026,Closed
"""


def test_moments_of_a_deck_are_compared_in_one_form() -> None:
    """Midnight is its day, a T is a blank: else a price would stand twice on one date."""
    deck = "prefix,rate,effective\n33,0.01,2026-10-01 00:00:00\n34,0.01,2026-10-01T08:00\n"
    found = merge("Code,Rate,Effective\n33,0.012,2026-10-01\n34,0.012,2026-10-01 08:00\n", deck, kind=Kind.PARTIAL)
    assert lines(found) == ["33,,0.012,2026-10-01", "34,,0.012,2026-10-01 08:00:00"]


def test_an_amendment_leaves_the_others(tmp_path: object) -> None:
    """New, dearer, cheaper, closed, unchanged, each from its date; what was there before is kept as it was."""
    found = merge(PARTIAL, kind=Kind.PARTIAL)
    assert kinds(found) == {
        "33": "increased", "336": "decreased", "254": "unchanged", "351": "new", "34": "withdrawn",
    }  # fmt: skip
    assert lines(found) == [
        "254,Kenya,0.20,60/60,,",
        "33,France,0.01,60/1,,",
        "33,France,0.02,60/1,2026-10-01,",
        "336,France mobile,0.05,60/1,2026-01-01,",
        "336,France mobile,0.04,60/1,2026-09-16,",
        "34,Spain,0.02,60/1,,2026-09-20",
        "351,Portugal,0.01,1/1,,",
    ]
    assert found.counts[Change.WITHDRAWN] == 1
    assert [(row.line, row.reason) for row in found.left_out] == [
        (7, "withdrawn from 2026-09-20, and the deck has no rate for it")
    ]


FULL = """
    Code,Destination,Rate,Increment
    33,France,0.01,60/1
    34,Spain,0.02,60/1
    49,Germany,0.01,1/1
"""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Kind.FULL,
            {"33": "unchanged", "34": "unchanged", "49": "new", "336": "withdrawn", "254": "withdrawn"},
        ),
        (Kind.COUNTRY, {"33": "unchanged", "34": "unchanged", "49": "new", "336": "withdrawn"}),
        (Kind.PARTIAL, {"33": "unchanged", "34": "unchanged", "49": "new"}),
    ],
)
def test_what_a_sheet_does_not_name(kind: Kind, expected: dict[str, str]) -> None:
    """Withdrawn by an A to Z list from today; by a country's list within it; left by an amendment."""
    found = merge(FULL, kind=kind)
    assert kinds(found) == expected
    rows = {row.prefix: row for row in found.rows if row.effective is None or row.effective < "2026-09-15"}
    assert rows["254"].until == ("2026-09-15" if kind is Kind.FULL else None)
    announced = [row for row in found.rows if row.prefix == "34" and row.effective == "2026-10-01"]
    assert len(announced) == (1 if kind is Kind.PARTIAL else 0)


def test_it_is_asked_what_missing_codes_mean() -> None:
    """Nothing is withdrawn meanwhile."""
    found = merge(FULL)
    assert [question.name for question in found.questions] == ["kind"]
    assert "254" not in kinds(found)
    assert merge(FULL, deck="").questions == []


def test_a_new_price_of_the_past_holds_from_today() -> None:
    """By default; kept or asked about if somebody says so."""
    sheet = """
        Code,Rate,Increment,Effective
        33,0.02,60/1,2026-09-01
        39,0.02,60/1,2026-09-01
    """
    now = merge(sheet, kind=Kind.PARTIAL)
    assert "33,,0.02,60/1,2026-09-15" in lines(now)
    assert "39,,0.02,60/1,2026-09-01" in lines(now)
    assert now.notices[0].startswith("1 new prices had a date that is over and hold from today: 33")
    assert "33,,0.02,60/1,2026-09-01" in lines(merge(sheet, kind=Kind.PARTIAL, past=Past.KEEP))
    assert [one.name for one in merge(sheet, kind=Kind.PARTIAL, past=Past.STOP).questions] == ["past"]


def test_short_notice_and_jumps_are_told() -> None:
    """Increases by contract seven days ahead; decreases at once."""
    sheet = """
        Code,Rate,Increment,Effective
        33,0.011,60/1,2026-09-20
        34,0.021,60/1,2026-09-22
        336,0.01,60/1,2026-09-16
    """
    assert merge(sheet, kind=Kind.PARTIAL, notice_days=7).notices == [
        "1 increases come with less than 7 days' notice: 33",
        "1 prices move by more than 50 %: 336",
    ]


def test_increments_alone_can_make_a_call_dearer() -> None:
    """The same price a minute, by whole minutes; cheaper first and dearer later is neither."""
    sheet = """
        Code,Rate,Increment
        33,0.01,60/60
        34,0.02,1/60
        254,0.20,1/1
    """
    assert kinds(merge(sheet, kind=Kind.PARTIAL)) == {"33": "increased", "34": "changed", "254": "decreased"}


def test_blocked_and_open_again() -> None:
    """A bar is a change of its own."""
    deck = "prefix,rate,blocked\n33,0.01,\n34,,yes\n"
    sheet = """
        Code,Rate,Status
        33,,Blocked
        34,0.02,New
        35,,Blocked
    """
    found = merge(sheet, deck, kind=Kind.PARTIAL)
    assert kinds(found) == {"33": "blocked", "34": "unblocked", "35": "blocked"}
    assert lines(found) == ["33,,0.01,,", "33,,,2026-09-15,yes", "34,,,,yes", "34,,0.02,2026-09-15,", "35,,,,yes"]


def test_a_code_that_comes_back_begins_where_it_is_told_to() -> None:
    """After it was withdrawn."""
    deck = "prefix,rate,until\n33,0.01,2026-08-01\n"
    found = merge("Code,Rate,Effective\n33,0.02,2026-10-01\n", deck, kind=Kind.PARTIAL)
    assert lines(found) == ["33,,0.01,,2026-08-01", "33,,0.02,2026-10-01,"]


def test_the_same_sheet_again_changes_nothing() -> None:
    """Whatever its kind."""
    for kind in Kind:
        once = merge(PARTIAL, kind=kind)
        again = merge_sheet(
            once.rows, read_sheet(grids_of(text(PARTIAL)), Mapping({})).rates, Mapping({}, kind=kind), TODAY
        )
        assert write_deck_rows(again.rows) == write_deck_rows(once.rows), kind


def test_other_columns_of_a_deck_stay() -> None:
    """What an import does not know of."""
    deck = "prefix,rate,grace,band\n33,0.01,3,\n33,0.005,,night\n"
    rows = read_deck_rows(deck)
    assert write_deck_rows(rows) == "prefix,destination,rate,grace,band\n33,,0.01,3,\n33,,0.005,,night\n"


@pytest.mark.parametrize(
    ("deck", "reason"),
    [
        ("Dial Code,Price\n33,1\n", "no columns prefix and rate"),
        ("prefix,rate\n33,abc\n", "line 2"),
        ('prefix,rate\n33,"1', "line"),
    ],
)
def test_decks_that_are_none(deck: str, reason: str) -> None:
    """Not changed."""
    with pytest.raises(DeckUnreadable, match=reason):
        read_deck_rows(deck)


rows = st.builds(
    DeckRow,
    st.text("0123456789", min_size=1, max_size=6),
    st.sampled_from(["", "France", 'Côte d\'Ivoire, "x"']),
    st.integers(1, 10**10),
    st.none() | st.integers(0, 10**10),
    st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)),
    st.none() | st.integers(0, 10**10),
    st.none() | st.sampled_from(["2026-01-01", "2026-10-01 08:00:00"]),
    st.none() | st.just("2027-01-01"),
    st.booleans(),
    st.just(()) | st.just((("band", "night"),)),
)


@given(st.lists(rows, max_size=20))
def test_decks_go_round(found: list[DeckRow]) -> None:
    """Written and read."""
    ordered = sorted(found, key=lambda row: (row.prefix, row.begins))
    assert read_deck_rows(write_deck_rows(found)) == ordered
