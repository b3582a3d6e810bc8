"""Differences as a file for the partner: CSV or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import xlsxwriter
from sqlalchemy import Row

from ratebook.money import format_micros
from ratebook.sheets.write import inert
from service.api.values import moment_text

HEADER = (
    "Class", "Line", "Repeats Line", "Call", "Called", "Caller", "Our Answer (UTC)", "Their Time", "Our Duration (s)",
    "Their Duration (s)", "Our Amount", "Their Amount", "At Stake", "Shift (min)",
)  # fmt: skip


def _cells(row: Row[Any]) -> list[str]:
    return [
        row.kind, _counted(row.line), _counted(row.twin_line), row.call, inert(row.called), inert(row.caller),
        moment_text(row.our_ms) or "", moment_text(row.their_ms) or "", _seconds(row.our_duration_ms),
        _seconds(row.their_duration_ms), format_micros(row.our_micros), format_micros(row.their_micros),
        format_micros(row.their_micros - row.our_micros), str(row.shift_ms // 60_000) if row.shift_ms else "",
    ]  # fmt: skip


def _counted(number: int) -> str:
    return str(number) if number else ""


def _seconds(duration_ms: int | None) -> str:
    return "" if duration_ms is None else f"{duration_ms // 1000}.{duration_ms % 1000:03}"


def to_csv(rows: Iterable[Row[Any]]) -> str:
    """A line of names, then a line a difference (RFC 4180)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_cells(row) for row in rows)
    return out.getvalue()


def to_xlsx(rows: Iterable[Row[Any]]) -> bytes:
    """A workbook of texts, which show every digit."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False})
    sheet = book.add_worksheet("Differences")
    sheet.freeze_panes(1, 0)
    for at, cells in enumerate([list(HEADER), *(_cells(row) for row in rows)]):
        for column, text in enumerate(cells):
            sheet.write_string(at, column, text)
    book.close()
    return out.getvalue()
