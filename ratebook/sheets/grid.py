"""A file as a grid of cells: CSV in the encodings and with the separators that occur, XLSX, XLS, XLSB, ODS."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from ratebook.sheets.workbook import ARCHIVE, COLUMNS_MAX, ROWS_MAX, RawSheet, UnreadableSheet, read_workbook

__all__ = ["EXACT_DIGITS", "Cell", "Grid", "UnreadableSheet", "grids_of", "text_of", "wide_encoding"]

BYTES_MAX = 64 * 1024 * 1024
LINE_CHARACTERS_MAX = 1 << 20
"""Of a CSV: longer ones are no rows."""
DELIMITERS = ",;\t|"
LOOKED_AT = 200
"""Lines by which the delimiter is found."""
WORKBOOKS = (ARCHIVE, b"\xd0\xcf\x11\xe0")
"""How archives (XLSX, XLSB, ODS) and XLS begin."""
EXACT_DIGITS = 15
"""Of a workbook's number: more are not there."""

Cell = str | Decimal | datetime
"""Text (stripped; empty: nothing), a number, or a moment, of which carriers mean the day."""


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
        return [_sheet(one) for one in read_workbook(raw)]
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
    """Those to try."""
    wide = wide_encoding(raw)
    return [wide] if wide else ["utf-8-sig", "cp1252"]


def wide_encoding(raw: bytes) -> str:
    """UTF-16 by its mark, or since every other byte is zero; empty: it is something else."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    begin = raw[:LOOKED_AT]
    for encoding, zeros in (("utf-16-le", begin[1::2]), ("utf-16-be", begin[::2])):
        if zeros.count(0) * 4 > len(zeros) * 3:
            return encoding
    return ""


def _csv(text: str) -> Grid:
    delimiter = _delimiter(text)
    reader = csv.reader(_lines(text), delimiter=delimiter)
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


def _lines(text: str) -> Iterator[str]:
    """With their ends. Raises UnreadableSheet for what is none."""
    for line in io.StringIO(text, newline=""):
        if len(line) > LINE_CHARACTERS_MAX:
            raise UnreadableSheet(f"a line has {len(line)} characters: {LINE_CHARACTERS_MAX} at most")
        yield line


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


def _sheet(sheet: RawSheet) -> Grid:
    rows = [[_cell(value) for value in row] for row in sheet.rows]
    _fill(rows, sheet.merged)
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
    if isinstance(value, timedelta):
        return _elapsed(value)
    if isinstance(value, time):
        return str(value)
    return str(value).replace("\xa0", " ").strip()


def _elapsed(span: timedelta) -> str:
    """Hours, minutes and seconds; hours go on behind 24."""
    minutes, seconds = divmod(span.days * 86_400 + span.seconds, 60)
    rest = f".{span.microseconds:06}" if span.microseconds else ""
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}{rest}"


def text_of(cell: Cell) -> str:
    """A cell as text: whole numbers without a point, never with an exponent; a moment as ISO 8601."""
    if isinstance(cell, Decimal):
        return (
            f"{cell:f}".rstrip("0").rstrip(".") if cell != cell.to_integral_value() else f"{cell.to_integral_value():f}"
        )
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return cell
