"""Carriers' sheets: the rates that a careful person would type, and a reason for every row that is left out."""

from __future__ import annotations

import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from ratebook.money import format_nanos
from ratebook.sheets.columns import Field
from ratebook.sheets.grid import UnreadableSheet, grids_of
from ratebook.sheets.mapping import Mapping
from ratebook.sheets.read import NoTable, SheetRate, SheetReading, read_sheet
from ratebook.sheets.values import DateOrder, Status
from tests.ratebook.sheets.build import text, xlsx
from tests.ratebook.sheets.hostile import HOSTILE, Sheet

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
"""Sheets that carriers publish, beside a clone of the project."""


def said(rate: SheetRate) -> str:
    """A rate as the tables have it."""

    def plain(nanos: int) -> str:
        return format_nanos(nanos).rstrip("0").rstrip(".")

    words = [
        rate.code,
        plain(rate.rate_nanos),
        "/".join(map(str, rate.increments)) if rate.increments else "",
        f"from {rate.effective}" if rate.effective else "",
        f"until {rate.until}" if rate.until else "",
        f"first={plain(rate.first_rate_nanos)}" if rate.first_rate_nanos is not None else "",
        f"fee={plain(rate.connect_fee_nanos)}" if rate.connect_fee_nanos is not None else "",
        rate.status.value if rate.status in {Status.BLOCKED, Status.WITHDRAWN} else "",
    ]
    return " ".join(filter(None, words))


def read(raw: bytes, known: Mapping | None = None) -> SheetReading:
    return read_sheet(grids_of(raw), known or Mapping({}))


@pytest.mark.parametrize("sheet", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_sheet(sheet: Sheet) -> None:
    """Its rates, what is left out, what is asked, what is told."""
    found = read(sheet.raw)
    assert sorted(said(rate) for rate in found.rates) == sorted(sheet.rates)
    assert {row.line: True for row in found.left_out} == dict.fromkeys(sheet.left_out, True)
    for row in found.left_out:
        assert sheet.left_out[row.line] in row.reason
    assert tuple(question.name for question in found.questions) == sheet.questions
    assert len(found.notices) == len(sheet.notices), found.notices
    assert all(part in notice for part, notice in zip(sheet.notices, found.notices, strict=True))
    assert found.currency == (sheet.currency or found.currency)
    names = {rate.code: rate.destination for rate in found.rates}
    assert sheet.names.items() <= names.items()


@pytest.mark.parametrize("sheet", [name for name, sheet in HOSTILE.items() if not sheet.questions])
def test_a_sheet_says_the_same_when_its_columns_are_known(sheet: str) -> None:
    """The next sheet of the same carrier is read by the names that were kept: header rows of two, units, notices."""
    raw = HOSTILE[sheet].raw
    found = read(raw)
    columns = {field: column.header for field, column in found.columns.items()}
    again = read(raw, found.mapping._replace(columns=columns))
    assert again.rates == found.rates
    assert again.left_out == found.left_out


def test_there_are_enough_of_them() -> None:
    """Forty, at least."""
    assert len(HOSTILE) >= 40


SAMPLE_RATES = {
    "tcxc_acme_rate_notice.csv": [
        *(f"{code} 0.0495 60/1 from 2026-09-23" for code in (49152, 49162, 49172, 49173, 49174)),
        "49 0.0078 1/1 from 2026-09-10",
        "33607 0.052 1/1 from 2026-09-16",
        "33608 0.052 1/1 from 2026-09-16",
        "521 0.0151 60/60 from 2026-10-01",
        *(f"{code} 0.1123 60/60 from 2026-09-16" for code in (234803, 234806, 234703)),
        "234805 0 60/60 from 2026-09-20 withdrawn",
        *(f"{code} 0.098 60/60 from 2026-09-16" for code in (187638, 187639)),
        *(f"{code} 0.0112 1/1 from 2026-09-16" for code in range(447400, 447410)),
    ],
    "tcxc_amendment_bi_type.csv": [
        "9376 0.15 1/1 from 2018-09-21",
        "9370 0.14 60/1 from 2025-02-06",
        "8435 0.05 60/60 from 2022-05-10",
    ],
    "tcxc_upload_format.csv": [
        "447700 0.0125 1/1",
        "4915 0.0421 60/1 from 2027-01-01",
        "5511 0.0098 30/6",
    ],
}


@pytest.mark.parametrize("name", SAMPLE_RATES)
def test_a_published_sheet(name: str) -> None:
    """By hand; the footer of the notice is the only row that is left out."""
    if not (SAMPLES / name).exists():
        pytest.skip("the samples are not beside this clone")
    found = read((SAMPLES / name).read_bytes())
    assert sorted(said(rate) for rate in found.rates) == sorted(SAMPLE_RATES[name])
    assert [row.line for row in found.left_out] == ([17] if "acme" in name else [])
    assert found.questions == []
    assert {column.confidence for column in found.columns.values()} == {100}


def test_what_is_known_of_a_carrier_is_not_asked_again() -> None:
    """Dates, dashes, columns by their headers, the sheet of the workbook."""
    raw = text("""
        Code,Rate,Effective
        44-49,0.01,03/04/2026
    """)
    assert {question.name for question in read(raw).questions} == {"dash", "date_order"}
    known = Mapping.from_record({"columns": {}, "dash": "pair", "date_order": "mdy"})
    found = read(raw, known)
    assert [said(rate) for rate in found.rates] == ["4449 0.01 from 2026-03-04"]
    assert found.questions == []
    book = xlsx(["A", "B"], [33, 1], [34, 1], more={"Prices": [["Their Code", "Ours", "Our Price"], [33, 7, 9]]})
    known = Mapping({Field.CODE: "Their Code", Field.RATE: "our price"}, sheet="Prices")
    assert [said(rate) for rate in read(book, known).rates] == ["33 9"]
    with pytest.raises(NoTable, match="has a column for Code and Rate"):
        read(book, Mapping({Field.CODE: "Code", Field.RATE: "Rate"}))


def test_what_the_cells_prove_goes_before_what_is_known() -> None:
    """The 17th month is none."""
    raw = text("""
        Code,Rate,Effective
        33,0.01,17/04/2026
    """)
    found = read(raw, Mapping({}, date_order=DateOrder.MONTH_FIRST))
    assert [said(rate) for rate in found.rates] == ["33 0.01 from 2026-04-17"]
    assert found.mapping.date_order is DateOrder.DAY_FIRST


def test_columns_that_are_not_read_are_named() -> None:
    """So that nobody believes that they counted."""
    raw = text("""
        Code,Rate,Surcharge,ASR,
        ,(USD),(each),,
        33,0.01,0.05,40,x
    """)
    assert read(raw).unread == ["Surcharge (each)", "ASR"]


def test_another_currency_than_before_is_asked_about() -> None:
    """A sheet of another product, perhaps."""
    found = read(text("Code,Rate (USD)\n33,1\n"), Mapping({}, currency="EUR"))
    assert [(question.name, question.options) for question in found.questions] == [("currency", ("EUR", "USD"))]


def test_a_mapping_goes_round() -> None:
    """As a record, without what is not known."""
    known = Mapping({Field.CODE: "Code"}, date_order=DateOrder.MONTH_FIRST, notice_days=7)
    assert known.to_record() == {
        "columns": {"code": "Code"}, "date_order": "mdy", "twice": "last", "past": "now", "notice_days": 7,
    }  # fmt: skip
    assert Mapping.from_record(known.to_record()) == known
    with pytest.raises(ValueError, match="weekly"):
        Mapping.from_record({"kind": "weekly"})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"PK\x03\x04 no archive", "can't be read"),
        (b"\xd0\xcf\x11\xe0 no workbook", "can't be read"),
        (b"\0\1\2\3", "neither a workbook nor text"),
        (xlsx(["Code", "Rate"])[:-100], "can't be read"),
    ],
)
def test_files_that_are_no_tables(raw: bytes, reason: str) -> None:
    """Told, whatever they are."""
    with pytest.raises(UnreadableSheet, match=reason):
        grids_of(raw)


def test_a_workbook_that_unpacks_too_far_is_not_opened() -> None:
    """A small file of a gigabyte of blanks."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b" " * 60 * 1024 * 1024)
    assert len(out.getvalue()) < 1024 * 1024
    with pytest.raises(UnreadableSheet, match="unpacks to"):
        grids_of(out.getvalue())


def test_long_cells_take_no_time() -> None:
    """A thousand rows of what a pattern would walk through again and again."""
    row = "-" * 20_000
    head = "(" * 20_000
    began = time.process_time()
    found = read("\n".join([f"{head},{head}", "Code,Rate", *[f"33,{row}1)"] * 1000]).encode())
    assert time.process_time() - began < 10
    assert {one.reason for one in found.left_out} == {"a text, and no price"}


def test_a_table_without_prices_is_none() -> None:
    """Said so, with what was looked for."""
    with pytest.raises(NoTable, match="a code and a rate"):
        read(b"Code,Country\n33,France\n")
    with pytest.raises(NoTable, match="a code and a rate"):
        read(b"")


@pytest.mark.parametrize(
    ("header", "cell", "until"),
    [
        ("Valid To", "31/12/2026", "2027-01-01"),
        ("Valid until (DD/MM/YYYY)", "31/12/2026", "2027-01-01"),
        ("Expiry Date", "12/31/2026 12:00:00 AM", "2027-01-01"),
        ("Effective To", "2026-12-31 23:59:59", "2027-01-01"),
        ("Until", "2026-12-31 18:00", "2026-12-31 18:00:00"),
        ("Valid To", "31/12/2099", None),
        ("Valid Until (exclusive)", "2026-12-31", "2026-12-31"),
        ("Discontinue Date", "31/12/2026", "2026-12-31"),
    ],
)
def test_a_last_day_is_whole(header: str, cell: str, until: str | None) -> None:
    """A date says the last day on which a price holds, unless its column says that it is the first one without it."""
    (rate,) = read(f"Code,Rate,{header}\n33,0.01,{cell}\n".encode()).rates
    assert rate.until == until


def test_a_price_of_one_day() -> None:
    """It begins and ends on the same day; one that ends the day before it begins is left out."""
    found = read(b"Code,Rate,Valid From,Valid To\n33,0.01,2026-12-24,2026-12-24\n34,0.01,2026-12-24,2026-12-23\n")
    assert [said(rate) for rate in found.rates] == ["33 0.01 from 2026-12-24 until 2026-12-25"]
    assert "before it begins" in found.left_out[0].reason


CURRENCIES = b"Code,Rate,Currency\n33,0.01,EUR\n34,0.02,usd\n35,0.03,\n"


@pytest.mark.parametrize(
    ("table", "currency"),
    [
        ("Vorwahl;Preis €/Min\n33;0,01\n", "EUR"),
        ("Code,Rate\n33,€ 0.01\n34,0.02 €\n", "EUR"),
        ("Code,Rate\n33,$0.01\n", ""),  # of whichever country
        ("Prices in USD; disputes below 100 € are not looked into\nCode,Rate\n33,0.01\n", "USD"),
        ("Disputes below 100 € are not looked into\nCode,Rate\n33,0.01\n", ""),
    ],
)
def test_the_sign_of_the_euro_names_it(table: str, currency: str) -> None:
    """Beside prices and above them; a sentence may speak of other money."""
    assert read(text(table)).currency == currency


def test_rows_of_another_currency_are_left_out() -> None:
    """Where the deck's currency is among the sheet's; else it is asked which."""
    found = read(CURRENCIES, Mapping({}, currency="EUR"))
    assert [rate.code for rate in found.rates] == ["33", "35"]
    assert [(row.line, row.reason) for row in found.left_out] == [(3, "a price in USD, and not in EUR")]
    assert (found.currency, found.questions) == ("EUR", [])
    for known in ("", "GBP"):
        asked = read(CURRENCIES, Mapping({}, currency=known)).questions
        assert [(one.name, one.options) for one in asked] == [("currency", ("EUR", "USD"))]
    cells = read(b"Code,Rate\n33,0.01 EUR\n34,USD 0.02\n", Mapping({}, currency="USD"))
    assert [rate.code for rate in cells.rates] == ["34"]
