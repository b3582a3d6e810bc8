"""Decks: rates from CSV, with every fault at its line and column."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ratebook.document import parse_tariff
from ratebook.model import Interval, Rate, Terms

TARIFF = "currency: EUR\ndecks:\n  - {file: a.csv}\n"
HEADER = "prefix,destination,rate\n"


def read(root: Path, deck: str | bytes, tariff: str = TARIFF) -> tuple[tuple[Rate, ...], list[str]]:
    """Rates and faults of a tariff with decks/a.csv."""
    (root / "decks").mkdir(exist_ok=True)
    (root / "decks" / "a.csv").write_bytes(deck if isinstance(deck, bytes) else deck.encode())
    found, problems, _ = parse_tariff(tariff, "tariffs/x.yaml", "x", root)
    assert found is not None
    return found.rates, [str(problem) for problem in problems]


def test_a_deck(tmp_path: Path) -> None:
    """A line a rate; an empty line is none."""
    rates, faults = read(tmp_path, HEADER + "44,United Kingdom,0.01\n\n+4420,London,0.005\n , ,\n")
    assert faults == []
    assert rates == (
        Rate("44", "United Kingdom", None, None, Terms("EUR", (Interval(0, 10_000_000, 1),))),
        Rate("4420", "London", None, None, Terms("EUR", (Interval(0, 5_000_000, 1),))),
    )


@pytest.mark.parametrize(
    ("kept", "warned"),
    [
        ("columns: {}\nkind: full\ncurrency: USD\n", True),
        ("currency: EUR\n", False),
        ("columns: {}\n", False),
        ("{no YAML", False),
        ("", False),
    ],
)
def test_sheets_in_another_currency_are_warned_of(tmp_path: Path, kept: str, warned: bool) -> None:
    """What an import has left beside the deck; that a deck has no currency of its own hides nothing."""
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "a.csv").write_text(HEADER + "44,United Kingdom,0.01\n")
    (tmp_path / "decks" / "a.sheet.yaml").write_text(kept)
    _, faults, warnings = parse_tariff(TARIFF, "tariffs/x.yaml", "x", tmp_path)
    told = ["tariffs/x.yaml:3:12: a.csv was imported from sheets in USD, and this tariff is in EUR: a tariff in USD"]
    assert ([str(one) for one in warnings], faults) == (told if warned else [], [])


def test_all_columns(tmp_path: Path) -> None:
    """An empty cell is the tariff's value; the deck's entry in the tariff sets its own."""
    header = (
        "prefix,destination,rate,increments,connect_fee,minimum,maximum,grace,attempt_fee,effective,until,blocked,"
        "message_fee\n"
    )
    rates, faults = read(
        tmp_path,
        header + "1,a,0.60,60,1,2,3,4,0.5,2026-01-01,2026-02-01 08:00,no,0.2\n2,b,0.60,,,,,,,,,,\n3,,,,,,,,,,,yes,\n",
        "currency: EUR\ntimezone: Asia/Tokyo\ngrace: 1\ndecks:\n  - {file: a.csv, increments: 30/6, minimum: 0.1}\n",
    )
    assert faults == []
    full, empty, blocked = rates
    assert full.terms == Terms(
        currency="EUR",
        intervals=(Interval(0, 600_000_000, 60),),
        connect_fee_nanos=10**9,
        minimum_nanos=2 * 10**9,
        maximum_nanos=3 * 10**9,
        grace_s=4,
        attempt_fee_nanos=5 * 10**8,
        message_fee_nanos=2 * 10**8,
    )
    assert full.effective_s == int(datetime.fromisoformat("2026-01-01T00:00:00+09:00").timestamp())
    assert full.until_s == int(datetime.fromisoformat("2026-02-01T08:00:00+09:00").timestamp())
    assert empty.terms.intervals == (Interval(0, 600_000_000, 30), Interval(30, 600_000_000, 6))
    assert (empty.terms.minimum_nanos, empty.terms.grace_s) == (10**8, 1)
    assert blocked.terms.blocked
    assert blocked.terms.intervals[0].rate_nanos == 0


def test_the_usual_shapes_of_csv(tmp_path: Path) -> None:
    """Semicolons, a byte order mark, quotes, other line ends, capitals and blanks in the header."""
    deck = b'\xef\xbb\xbfPrefix ;Destination;Rate;Connect Fee\r\n44;"Isle of Man; \xc3\x89ire";"0.01";\r\n'
    rates, faults = read(tmp_path, deck)
    assert faults == []
    assert rates[0][:2] == ("44", "Isle of Man; Éire")


def test_columns_of_another_name(tmp_path: Path) -> None:
    """The tariff names them; all others are left out."""
    columns = "columns: {prefix: Dial Code, rate: Price/Min, destination: country}"
    rates, faults = read(
        tmp_path,
        "Country,Note,Dial Code,Price/min\nFrance,new,33,0.02\n",
        f"currency: EUR\ndecks:\n  - {{file: a.csv, {columns}}}\n",
    )
    assert faults == []
    assert rates[0][:2] == ("33", "France")


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("{prefix: Code}", "tariffs/x.yaml:3:28: columns names no rate: the header's name of that column"),
        ("{}", "tariffs/x.yaml:3:28: columns is no table of fields: `name: value`, one of prefix, destination, "),
        ("{prefix: Code, rate: Price, colour: Red}", "tariffs/x.yaml:3:56: columns has no field 'colour': one of "),
        (
            "{prefix: Coda, rate: Price}",
            "decks/a.csv:1:1: no column 'Coda' for prefix: a header with it (did you mean Code?)",
        ),
        ("{prefix: Code, rate: ''}", "tariffs/x.yaml:3:49: rate '': a name of 1 to 128 characters was expected"),
    ],
)
def test_faults_of_named_columns(tmp_path: Path, columns: str, found: str) -> None:
    """What they name must be there."""
    tariff = f"currency: EUR\ndecks:\n  - {{file: a.csv, columns: {columns}}}\n"
    rates, faults = read(tmp_path, "Code,Price\n44,1\n", tariff)
    assert rates == ()
    assert len(faults) == 1
    assert faults[0].startswith(found)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("44,a", "2:1: 2 cells: 3, as the header has"),
        ("44,a,1,2", "2:1: 4 cells: 3, as the header has"),
        ("4x,a,1", "2:1: prefix '4x': up to 18 digits were expected"),
        (",a,1", "2:1: an empty prefix: digits; a rate for every number stands in the tariff itself"),
        ("44,a,", "2:6: an empty rate: a price per minute, or yes in a column blocked"),
        ('44,"a, b",1e3', "2:11: rate '1e3': '1e3' is not a decimal number such as 0.0125"),
        ('44,"a ""b"", c",x', "2:17: rate 'x': 'x' is not a decimal number such as 0.0125"),
        ("44,a\x7f,1", "2:4: destination 'a\\x7f': a name of 1 to 128 characters was expected"),
        ("44,a,-1", "2:6: rate '-1': an amount from zero to below 1000000000 was expected"),
        ('44,"a', "2:1: no CSV (unexpected end of data): one rate a line"),
        ('44,"a"b,1', "2:1: no CSV (',' expected after '\"'): one rate a line"),
        (
            "44,a,1\n44,b,2",
            "3:1: prefix '44' has a second rate of the same date: one; the other stands in decks/a.csv:2",
        ),
    ],
)
def test_a_fault_of_a_row(tmp_path: Path, row: str, found: str) -> None:
    """Line, column of the cell, what is wrong, what was expected."""
    _, faults = read(tmp_path, HEADER + row)
    assert faults == [f"decks/a.csv:{found}"]


def test_all_faults_of_all_rows(tmp_path: Path) -> None:
    """Several in a row too; rows without any are kept."""
    deck = "prefix,rate,increments,effective,until,minimum,maximum,blocked\n"
    deck += "x,y,0,soon,later,-,-,maybe\n44,1,,,,,,\n45,1,,2026-02-01,2026-01-01,2,1,\n"
    rates, faults = read(tmp_path, deck)
    assert [rate.prefix for rate in rates] == ["44"]
    assert faults == [
        "decks/a.csv:2:1: prefix 'x': up to 18 digits were expected",
        "decks/a.csv:2:3: rate 'y': 'y' is not a decimal number such as 0.0125",
        "decks/a.csv:2:5: increments '0': increments of at least one second were expected",
        "decks/a.csv:2:7: effective 'soon': a date such as 2026-12-01 or 2026-12-01 08:00 was expected",
        "decks/a.csv:2:12: until 'later': a date such as 2026-12-01 or 2026-12-01 08:00 was expected",
        "decks/a.csv:2:18: minimum '-': '-' is not a decimal number such as 0.0125",
        "decks/a.csv:2:20: maximum '-': '-' is not a decimal number such as 0.0125",
        "decks/a.csv:2:22: blocked 'maybe': yes or no was expected",
        "decks/a.csv:4:18: until is not after effective: a later date",
        "decks/a.csv:4:31: the maximum is below the minimum: at least the minimum",
    ]


def test_bounds_of_the_tariff_hold_in_the_deck(tmp_path: Path) -> None:
    """A date and a minimum that the tariff sets, against cells of the deck."""
    tariff = "currency: EUR\nuntil: 2026-01-01\nmaximum: 1\ndecks: [a.csv]\n"
    _, faults = read(tmp_path, "prefix,rate,effective,minimum\n44,1,2026-02-01,2\n", tariff)
    assert faults == [
        "decks/a.csv:2:6: until is not after effective: a later date",
        "decks/a.csv:2:17: the maximum is below the minimum: at least the minimum",
    ]


@pytest.mark.parametrize(
    ("deck", "found"),
    [
        ("", ["1:1: no column prefix and rate: a header with prefix and rate"]),
        ("prefix,destination\n", ["1:1: no column rate: a header with prefix and rate"]),
        ("prefix,rate,rate\n44,1,1\n", ["1:13: column 'rate' stands twice: once"]),
        (b"prefix,rate\n44,\xff\n", ["1:1: the deck is not UTF-8: CSV saved as UTF-8"]),
        ("prefix,rate\n44,1\0\n", ["2:4: rate '1\\x00': '1\\x00' is not a decimal number such as 0.0125"]),
    ],
)
def test_what_is_no_deck(tmp_path: Path, deck: str | bytes, found: list[str]) -> None:
    """Found before any row is read, or where reading stopped."""
    _, faults = read(tmp_path, deck)
    assert faults == [f"decks/a.csv:{one}" for one in found]


def test_an_unknown_column_is_guessed(tmp_path: Path) -> None:
    """And where another name may be given."""
    _, faults = read(tmp_path, "prefix,rate,conect fee\n44,1,2\n")
    (fault,) = faults
    assert fault.startswith("decks/a.csv:1:13: unknown column 'conect fee': one of prefix, destination, rate, ")
    assert fault.endswith(" (did you mean connect_fee?), or columns: in the tariff")


@pytest.mark.parametrize(
    ("deck", "found"),
    [
        ("{file: b.csv}", "12: there is no deck decks/b.csv: the name of a file that is there (did you mean a.csv?)"),
        ("b.csv", "5: there is no deck decks/b.csv: the name of a file that is there (did you mean a.csv?)"),
        ("{file: ../tariffs/x.yaml}", "12: '../tariffs/x.yaml' leads out of the folder decks: a name inside it"),
        ("{file: /etc/hostname}", "12: '/etc/hostname' leads out of the folder decks: a name inside it"),
        ("{file: link.csv}", "12: 'link.csv' leads out of the folder decks: a name inside it"),
        ("{increments: 5}", "5: the deck names no file: `file: carrier.csv`"),
        ("{file: ''}", "12: file '': a name of 1 to 128 characters was expected"),
        ('{file: "a\\0b"}', "12: file 'a\\x00b': a name of 1 to 128 characters was expected"),
        ("{file: [1]}", "12: file is a list or table: a single value"),
    ],
)
def test_a_deck_that_is_not_there(tmp_path: Path, deck: str, found: str) -> None:
    """Nor does any name lead out of the folder, links neither."""
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "link.csv").symlink_to("/etc/hostname")
    _, faults = read(tmp_path, HEADER, f"currency: EUR\ndecks:\n  - {deck}\n")
    assert faults == [f"tariffs/x.yaml:3:{found}"]


def test_a_deck_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes and in rows."""
    monkeypatch.setattr("ratebook.document.decks.BYTES_MAX", 60)
    _, faults = read(tmp_path, HEADER + "44,a,1\n" * 9)
    assert faults == ["decks/a.csv:1:1: the deck is too large: 60 bytes at most"]
    monkeypatch.setattr("ratebook.document.decks.ROWS_MAX", 2)
    rates, faults = read(tmp_path, HEADER + "44,a,1\n45,a,1\n")
    assert faults == ["decks/a.csv:3:1: too many rates: 2 at most"]
    assert len(rates) == 1


def test_a_deck_that_can_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason is told."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "a.csv").write_text(HEADER)
    monkeypatch.setattr(Path, "open", refuse)
    problems = parse_tariff(TARIFF, "x", "x", tmp_path).problems
    assert [str(one) for one in problems] == [
        "decks/a.csv:1:1: the deck can't be read (Permission denied): a readable file"
    ]


def test_rows_share_their_terms(tmp_path: Path) -> None:
    """One object for thousands of rates: a deck of a million rows stays small."""
    rates, _ = read(tmp_path, HEADER + "".join(f"{number},a,0.0{number % 2}\n" for number in range(100, 200)))
    assert len({id(rate.terms) for rate in rates}) == 2
