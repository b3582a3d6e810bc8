"""Workbooks as carriers make them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import xlwt

Row = list[Any]


def xlsx(*rows: Row, change: Callable[[Any], None] | None = None, more: dict[str, list[Row]] | None = None) -> bytes:
    """A workbook of one sheet, and of `more`. `change`: what is done to the first before it is saved."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Rates"
    for row in rows:
        sheet.append(row)
    if change is not None:
        change(sheet)
    for other, lines in (more or {}).items():
        second = book.create_sheet(other)
        for row in lines:
            second.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xls(*rows: Row) -> bytes:
    """The format of 1997."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Rates")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(at, column, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(lines: str, encoding: str = "utf-8") -> bytes:
    """A CSV as it stands there, without the indentation and the first line's end."""
    rows = lines.strip("\n").split("\n")
    indent = min(len(row) - len(row.lstrip(" ")) for row in rows if row.strip())
    return "\n".join(row[indent:] for row in rows).encode(encoding)
