"""Rate sheets for others: CSV and XLSX, all rates or only what changes, with the previous rate and a status."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter

from ratebook.compare import Change
from ratebook.model import Rate, Tariff
from ratebook.money import format_nanos

HEADER = (
    "Destination", "Prefix", "Rate/Min", "Increments", "Connect Fee", "Effective From",
    "Valid Until (exclusive)", "Previous Rate", "Status", "Time Band",
)  # fmt: skip
WIDTHS = (36, 16, 12, 12, 12, 20, 24, 14, 12, 12)
PRICES = frozenset({"Rate/Min", "Connect Fee", "Previous Rate"})
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take a text for a formula by."""
SEPARATORS = ",;\t\r\n"
"""What a spreadsheet may take for a cell's end in CSV, also within quotation marks: which one it looks for is its
language's, and where that isn't ours no cell begins with a mark.
"""
WITHIN = re.compile(r'([,;\t\r\n]"*)(?=[=+\-@\t\r])')
"""Where a formula would begin then."""


class SheetLine(NamedTuple):
    """One rate, as its buyer reads it."""

    rate: Rate
    previous: Rate | None
    change: Change | None
    """None: nothing is said about changes."""
    band: str = ""


def tariff_lines(tariff: Tariff) -> list[SheetLine]:
    """All rates of a tariff, those of its bands below each."""
    found = []
    for rate in tariff.rates:
        found.append(SheetLine(rate, None, None))
        timetable = rate.terms.timetable
        for band, terms in timetable.bands if timetable else ():
            found.append(SheetLine(rate._replace(terms=terms), None, None, band.name))
    return found


def _cells(line: SheetLine, zone: ZoneInfo) -> list[str]:
    rate, terms = line.rate, line.rate.terms
    steps = terms.intervals
    return [
        inert(rate.destination),
        rate.prefix,
        "blocked" if terms.blocked else " / ".join(dict.fromkeys(format_nanos(step.rate_nanos) for step in steps)),
        f"{steps[0].increment_s}/{steps[-1].increment_s}",
        format_nanos(terms.connect_fee_nanos) if terms.connect_fee_nanos else "",
        _moment(rate.effective_s, zone),
        _moment(rate.until_s, zone),
        "" if line.previous is None else format_nanos(line.previous.terms.intervals[0].rate_nanos),
        "" if line.change is None else line.change.value,
        inert(line.band),
    ]


def inert(name: str) -> str:
    """Text that no spreadsheet takes for a formula, nor a part of it, wherever it ends cells."""
    text = f"'{name}" if name.startswith(FORMULAS) else name
    return WITHIN.sub(r"\1'", text)


def _moment(at_s: int | None, zone: ZoneInfo) -> str:
    if at_s is None:
        return ""
    found = datetime.fromtimestamp(at_s, UTC).astimezone(zone)
    return found.strftime("%Y-%m-%d" if (found.hour, found.minute, found.second) == (0, 0, 0) else "%Y-%m-%d %H:%M:%S")


def to_csv(lines: Iterable[SheetLine], timezone: str) -> str:
    """With a header; times in the tariff's zone. An importer of ours reads it back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    zone = ZoneInfo(timezone)
    writer.writerows(_cells(line, zone) for line in lines)
    return out.getvalue()


def to_xlsx(lines: Iterable[SheetLine], tariff: Tariff, made_at: datetime) -> bytes:
    """A workbook: a title, its currency, the table with its header held fast and a filter."""
    zone = ZoneInfo(tariff.timezone)
    about = f"Currency: {tariff.currency} per minute; times in {tariff.timezone}"
    columns = [Column(name, width, name in PRICES) for name, width in zip(HEADER, WIDTHS, strict=True)]
    return workbook(Sheet("Rates", tariff.name, about, columns), (_cells(line, zone) for line in lines), made_at)


class Column(NamedTuple):
    """Of a sheet."""

    name: str
    width: int
    is_price: bool = False
    """Its cells are numbers where they can be."""


class Sheet(NamedTuple):
    """What a workbook's one sheet says above its rows."""

    name: str
    title: str
    about: str
    columns: Sequence[Column]


def workbook(told: Sheet, rows: Iterable[Sequence[str]], made_at: datetime) -> bytes:
    """With its header held fast and a filter. Cells are inert: what is no price is text."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False})
    book.set_properties({"title": told.title, "created": made_at.replace(tzinfo=None)})
    sheet = book.add_worksheet(told.name)
    bold, head = book.add_format({"bold": True, "font_size": 14}), book.add_format({"bold": True, "bottom": 1})
    price = book.add_format({"num_format": "0.000000###"})
    sheet.write_string(0, 0, told.title, bold)
    sheet.write_string(1, 0, told.about)
    for index, column in enumerate(told.columns):
        sheet.set_column(index, index, column.width)
        sheet.write_string(3, index, column.name, head)
    row = 3
    for row, cells in enumerate(rows, start=4):
        for index, text in enumerate(cells):
            if told.columns[index].is_price and text.removeprefix("-").replace(".", "", 1).isdecimal():
                sheet.write_number(row, index, float(text), price)
            else:
                sheet.write_string(row, index, text)
    sheet.freeze_panes(4, 0)
    sheet.autofilter(3, 0, row, len(told.columns) - 1)
    book.close()
    return out.getvalue()
