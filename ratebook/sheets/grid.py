"""A file as a grid of cells: CSV in the encodings and with the separators that occur, XLSX, XLS, XLSB, ODS."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

import python_calamine

BYTES_MAX = 64 * 1024 * 1024
UNPACKED_BYTES_MAX = 512 * 1024 * 1024
"""Of a workbook, which is an archive: a small file may hold a very large one."""
ROWS_MAX = 1_200_000
COLUMNS_MAX = 200
DELIMITERS = ",;\t|"
LOOKED_AT = 200
"""Lines by which the delimiter is found."""
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How archives (XLSX, XLSB, ODS) and XLS begin."""
EXACT_DIGITS = 15
"""Of a workbook's number: more are not there."""

Cell = str | Decimal | datetime
"""Text (stripped; empty: nothing), a number, or a moment, of which carriers mean the day."""


class UnreadableSheet(Exception):
    """The file is no table; the text says why."""


class Grid(NamedTuple):
    """One sheet."""

    name: str
    """Of the workbook's sheet; empty: a CSV."""
    rows: list[list[Cell]]
    lines: list[int]
    """Where each row stands in the file, from 1."""
    delimiter: str = ""


def grids_of(raw: bytes) -> list[Grid]:
    """The sheets of a file. Raises UnreadableSheet."""
    if len(raw) > BYTES_MAX:
        raise UnreadableSheet(f"the file has {len(raw)} bytes: {BYTES_MAX} at most")
    if raw.startswith(WORKBOOKS):
        return _workbook(raw)
    return [_csv(_decoded(raw))]


def _decoded(raw: bytes) -> str:
    for encoding in _encodings(raw):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableSheet("the file is neither a workbook nor text")


def _encodings(raw: bytes) -> list[str]:
    """Those to try. Wide letters without a mark have a zero in every other byte."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    begin = raw[:LOOKED_AT]
    for encoding, zeros in (("utf-16-le", begin[1::2]), ("utf-16-be", begin[::2])):
        if zeros.count(0) * 4 > len(zeros) * 3:
            return [encoding]
    return ["utf-8-sig", "cp1252"]


def _csv(text: str) -> Grid:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[Cell]] = []
    lines = []
    try:
        for row in reader:
            rows.append([cell.replace("\xa0", " ").strip() for cell in row[:COLUMNS_MAX]])
            lines.append(reader.line_num)
            if len(rows) > ROWS_MAX:
                raise UnreadableSheet(f"more than {ROWS_MAX} rows")
    except csv.Error as fault:
        raise UnreadableSheet(f"line {reader.line_num} is no CSV ({fault})") from None
    return Grid("", rows, lines, delimiter)


def _delimiter(text: str) -> str:
    """The one by which most lines have the same number of cells, of several."""
    lines = [line for line in text[: 64 * 1024].splitlines()[:LOOKED_AT] if line.strip()]

    def weight(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        width, lines_of_it = max(
            ((one, many) for one, many in counts.items() if one > 1), default=(0, 0), key=_by_count
        )
        return lines_of_it, width

    return max(DELIMITERS, key=weight)


def _by_count(found: tuple[int, int]) -> tuple[int, int]:
    return found[1], found[0]


def _workbook(raw: bytes) -> list[Grid]:
    if raw.startswith(WORKBOOKS[0]):
        _check_archive(raw)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw))
        return [_sheet(book.get_sheet_by_name(name)) for name in book.sheet_names]
    except (python_calamine.CalamineError, zipfile.BadZipFile, ValueError, OSError) as fault:
        raise UnreadableSheet(f"the workbook can't be read ({fault})") from None


def _check_archive(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except zipfile.BadZipFile as fault:
        raise UnreadableSheet(f"the workbook can't be read ({fault})") from None
    if size > UNPACKED_BYTES_MAX:
        raise UnreadableSheet(f"the workbook unpacks to {size} bytes: {UNPACKED_BYTES_MAX} at most")


def _sheet(sheet: python_calamine.CalamineSheet) -> Grid:
    if sheet.height > ROWS_MAX:
        raise UnreadableSheet(f"sheet {sheet.name} has {sheet.height} rows: {ROWS_MAX} at most")
    rows = [[_cell(value) for value in row[:COLUMNS_MAX]] for row in sheet.to_python(skip_empty_area=False)]
    _fill(rows, sheet.merged_cell_ranges or [])
    return Grid(sheet.name, rows, list(range(1, len(rows) + 1)))


def _fill(rows: list[list[Cell]], merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """A cell that goes over several rows stands in each of them."""
    for (top, left), (bottom, right) in merged:
        if left != right or left >= COLUMNS_MAX:
            continue  # a title
        for row in rows[top + 1 : bottom + 1]:
            if left < len(row) and row[left] == "":
                row[left] = rows[top][left]


def _cell(value: object) -> Cell:
    if type(value) is str:  # most of them
        return value.replace("\xa0", " ").strip() if value and not value.isalnum() else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(f"{value:.{EXACT_DIGITS}g}")
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 -- a day, whoever's
    if isinstance(value, time | timedelta):
        return str(value)
    return str(value).replace("\xa0", " ").strip()


def text_of(cell: Cell) -> str:
    """A cell as text: whole numbers without a point, never with an exponent; a moment as ISO 8601."""
    if isinstance(cell, Decimal):
        return (
            f"{cell:f}".rstrip("0").rstrip(".") if cell != cell.to_integral_value() else f"{cell.to_integral_value():f}"
        )
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return cell
