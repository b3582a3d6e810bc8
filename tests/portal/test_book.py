"""Workbooks that are written by hand: read by others, whole, and without formulas."""

from __future__ import annotations

import io
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import python_calamine

from service.api.lines import Kind, LineColumn, Lines
from service.portal.components import book
from service.portal.components.book import Book
from service.portal.components.written import line, sheet_rows

ROWS: list[list[Any]] = [
    ["0044", 7, Decimal("12.345678"), True, None, " a ", "=1+1", "<&>", "\x01\x0b", "_x0041_", "ä\n€", ""],
    ["", -7, Decimal("-0.5"), False, "x", "", "", "", "", "", "", "last"],
]


def _rows(rows: list[list[Any]]) -> str:
    """XML of rows that are alike."""
    columns = [LineColumn("a", _kind([row[at] for row in rows])) for at in range(len(rows[0]))]
    told = "".join([line(columns, row) for row in rows])
    return "".join(part for part, _ in sheet_rows(Lines(told, len(rows), None, is_escaped=True), columns))


def _kind(values: list[Any]) -> Kind:
    value = next(one for one in [*values, ""] if one is not None)
    kinds: dict[type, Kind] = {bool: "flag", int: "number", Decimal: "amount", str: "text"}
    return kinds[type(value)]


def _written(batches: list[list[list[Any]]]) -> io.BytesIO:
    file = io.BytesIO()
    made = Book(file, _rows([["a", "b"]]))
    for rows in batches:
        made.add(_rows(rows), len(rows))
    made.close()
    file.seek(0)
    return file


def test_values_come_back_as_they_were() -> None:
    """Numbers as numbers, text as text with its zeros and blanks; what XML can't say, as Excel says it."""
    sheet = openpyxl.load_workbook(_written([ROWS])).active
    assert sheet.freeze_panes == "A2"
    names, first, second = ([cell.value for cell in cells] for cells in sheet.rows)
    assert names[:2] == ["a", "b"]
    assert first[:5] == ["0044", 7, 12.345678, True, None]
    assert first[5:8] == [" a ", "=1+1", "<&>"]
    assert [cell.data_type for cell in sheet[2]][6] == "s"
    assert first[8:] == ["_x0001__x000B_", "_x005F_x0041_", "ä\n€", None]
    assert second == [None, -7, -0.5, False, "x", *[None] * 6, "last"]


def test_others_read_it_too() -> None:
    """A reader of another kind says the same."""
    read = python_calamine.CalamineWorkbook.from_filelike(_written([ROWS])).get_sheet_by_index(0).to_python()
    assert read[1][:3] == ["0044", 7.0, 12.345678]
    assert len(read) == 3


def test_a_full_sheet_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each begins with the names; no row is lost, or there twice, wherever a batch ends."""
    monkeypatch.setattr(book, "SHEET_ROWS_MAX", 3)
    rows = [[number, f"</row>{number}"] for number in range(8)]
    for batches in ([rows], [rows[:3], rows[3:]], [rows[:2], rows[2:4], rows[4:]], [[one] for one in rows]):
        sheets = openpyxl.load_workbook(_written(batches)).worksheets
        assert [[cell.value for cell in sheet[1]] for sheet in sheets] == [["a", "b"]] * 3
        told = [[cell.value for cell in cells] for sheet in sheets for cells in list(sheet.rows)[1:]]
        assert told == rows


def test_a_sheet_ends_where_its_text_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before an archive would need a form that not every program reads."""
    monkeypatch.setattr(book, "SHEET_BYTES_MAX", 100)
    sheets = openpyxl.load_workbook(_written([[["x" * 50]], [["y" * 50]]])).worksheets
    assert [sheet["A2"].value for sheet in sheets] == ["x" * 50, "y" * 50]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_it(tmp_path: Path) -> None:
    """As CSV it gives what was written."""
    (tmp_path / "x.xlsx").write_bytes(_written([[["0044", 7]]]).getvalue())
    subprocess.run(
        ["soffice", "--headless", "--convert-to", "csv", "--outdir", tmp_path, tmp_path / "x.xlsx"], check=True
    )
    assert (tmp_path / "x.csv").read_text().splitlines() == ["a,b", "0044,7"]
