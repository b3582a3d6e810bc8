"""Lines as rows of CSV and XLSX: what was told comes back, and nothing is a formula."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.sheets.write import inert
from service.api.lines import LINE, NUMBER, TEXT, LineColumn, Lines
from service.portal.components import written
from service.portal.components.book import _writable
from service.portal.components.written import CELL_CHARACTERS_MAX, csv_rows, line, sheet_rows

COLUMNS = [LineColumn("a", "text"), LineColumn("b", "number"), LineColumn("c", "text"), LineColumn("d", "flag")]
MARKS = "ab=+-@,\"'\t\r\n <>&_x0041\x1b\x1d\x1e\x1f\x01ä€"
ROWS = st.tuples(st.text(MARKS), st.integers() | st.none(), st.text(MARKS), st.booleans() | st.none())


def _lines(rows: list[tuple[object, ...]], *, is_plain: bool = False) -> Lines:
    if not is_plain:
        return Lines("".join([line(COLUMNS, row) for row in rows]), len(rows), None, is_escaped=True)
    flags = {None: "", True: "yes", False: "no"}
    told = [(a, "" if b is None else b, c, flags[d]) for a, b, c, d in rows]  # type: ignore[index]
    text = "".join(f"{LINE}{TEXT}{a}{NUMBER}{b}{TEXT}{c}{NUMBER}{d}" for a, b, c, d in told)
    return Lines(text, len(rows), None)


def _ways(rows: list[tuple[object, ...]]) -> list[Lines]:
    """Escaped, and as the database tells them where no text holds a mark."""
    has_marks = any(re.search("[\x1b\x1d-\x1f]", str(cell)) for row in rows for cell in row)
    return [_lines(rows)] if has_marks else [_lines(rows), _lines(rows, is_plain=True)]


@given(st.lists(ROWS, max_size=4))
def test_a_csv_says_what_was_told(rows: list[tuple[object, ...]]) -> None:
    """Text inert, numbers untouched; read by Python's own reader."""
    flags = {None: "", True: "yes", False: "no"}
    expected = [[inert(a), "" if b is None else str(b), inert(c), flags[d]] for a, b, c, d in rows]  # type: ignore[index,arg-type]
    for lines in _ways(rows):
        assert list(csv.reader(io.StringIO(csv_rows(lines), newline=""))) == expected


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_a_sheet_says_what_was_told(rows: list[tuple[object, ...]]) -> None:
    """Text as text, numbers as numbers, flags as flags; read as XML, and Excel's escapes undone."""
    for lines in _ways(rows):
        ((told, count),) = sheet_rows(lines, COLUMNS)
        assert count == len(rows)
        found = ElementTree.fromstring(b"<rows>" + _writable(told) + b"</rows>")
        assert [[_read(cell) for cell in row] for row in found] == [[_expected(cell) for cell in row] for row in rows]


def _read(cell: ElementTree.Element) -> object:
    text = "".join(cell.itertext())
    if not text:
        return None
    if cell.get("t") is None:
        return int(text)
    if cell.get("t") == "b":
        return text == "1"
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _expected(cell: object) -> object:
    return None if cell == "" else cell


def test_nothing_is_no_row() -> None:
    """A batch may be empty."""
    assert csv_rows(Lines("", 0, None)) == ""
    assert list(sheet_rows(Lines("", 0, None), COLUMNS)) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(text: str) -> None:
    """Text is made inert, numbers are not touched."""
    told = csv_rows(_lines([(text, -1, "a", None)], is_plain=True))
    assert list(csv.reader(io.StringIO(told, newline=""))) == [[f"'{text}", "-1", "a", ""]]


@pytest.mark.parametrize("text", ["a;=1+1;b", 'a;"=1+1&";b', ",@x,", "a\t-1\tb", "a\n=1+1\nb", "a;;+1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_part_of_a_cell_is_a_formula(text: str, delimiter: str) -> None:
    """Where a spreadsheet's language has another separator, a cell ends within the text, and a line with its line."""
    told = csv_rows(_lines([("first", 1, text, None), (text, 1, "last", None)], is_plain=True))
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for row in csv.reader(io.StringIO(told, newline=""), delimiter=delimiter, quoting=quoting):
            assert not any(cell.strip('"').startswith(("=", "+", "-", "@")) for cell in row), row


def test_an_amount_is_written_exactly() -> None:
    """With 2 to 6 decimals."""
    columns = [LineColumn("a", "amount")]
    assert line(columns, [Decimal("-12.3")]) == f"{LINE}{NUMBER}-12.30"
    assert line(columns, [Decimal("0.000001")]) == f"{LINE}{NUMBER}0.000001"


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_text_that_no_sheet_holds_is_cut(is_plain: bool) -> None:
    """After as many characters as it may have, whatever they are; the others are whole."""
    text = "&" * (CELL_CHARACTERS_MAX + 5)
    ((told, _),) = sheet_rows(_lines([(text, 7, "b", None)], is_plain=is_plain), COLUMNS)
    cells = [_read(cell) for cell in ElementTree.fromstring(told)]
    assert cells == [text[:CELL_CHARACTERS_MAX], 7, "b", None]


def test_many_lines_are_written_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is lost, or there twice."""
    monkeypatch.setattr(written, "AT_ONCE", 2)
    pieces = list(sheet_rows(_lines([("a", number, "", None) for number in range(5)]), COLUMNS))
    assert [count for _, count in pieces] == [2, 2, 1]
    found = [ElementTree.fromstring(f"<rows>{told}</rows>") for told, _ in pieces]
    assert [_read(row[1]) for rows in found for row in rows] == [0, 1, 2, 3, 4]
