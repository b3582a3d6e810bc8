"""Widths of a printed table's columns, and which of its rows surely take one line. Pure.

The typesetter could find both itself; told, it needs half of the time for a long table. Lengths are micrometres.
"""

from __future__ import annotations

from typing import NamedTuple

from service.billing.paper.fonts import width_of
from service.billing.paper.rows import Column, Row, Table

TABLE_UM = 170_000
INSET_UM = 1_800
"""Left and right of what stands in a cell."""
ROW_UM = 5_300
"""A row of one line."""
TEXT_UM_MIN = 40_000
"""Narrower, descriptions would be broken into words: then the typesetter finds the widths."""
_POINTS, _LABEL_POINTS = 9, 8
_EM_UM = _POINTS * 25_400 // 72
_BOLD_PERCENT = 112
_SPARE_UM = 400
_OTHER_FONT = 700
"""Thousandths of an em of a character in one of the other fonts: more than most have."""


class Fit(NamedTuple):
    """How a table is set. 0: as it comes."""

    widths_um: tuple[int, ...]
    heights_um: tuple[int, ...]


def fit_of(table: Table) -> Fit:
    """The widths and heights of a table."""
    needed = [0 if column.is_text else _needed(at, column, table) for at, column in enumerate(table.columns)]
    room_um = TABLE_UM - sum(needed)
    if room_um < TEXT_UM_MIN:
        return Fit((0,) * len(needed), (0,) * len(table.rows))
    text_at = next(at for at, column in enumerate(table.columns) if column.is_text)
    inside_um = room_um - 2 * INSET_UM - _SPARE_UM
    return Fit(tuple(needed), tuple(_height(row, text_at, inside_um) for row in table.rows))


def _needed(at: int, column: Column, table: Table) -> int:
    cells = [_width(row.cells[at]) for row in table.rows if row.kind == "line"]
    is_last = at == len(table.columns) - 1
    sums = [_width(row.cells[-1]) for row in table.rows if row.kind == "subtotal" and is_last]
    label = _width(column.label) * _LABEL_POINTS // _POINTS
    bold = max(label, *sums, 0) * _BOLD_PERCENT // 100
    return max(*cells, bold) + 2 * INSET_UM + _SPARE_UM


def _width(text: str) -> int:
    known = width_of(text)
    return (known if known is not None else _OTHER_FONT * len(text)) * _EM_UM // 1000


def _height(row: Row, text_at: int, inside_um: int) -> int:
    if row.kind != "line" or row.note or "\n" in row.cells[text_at]:
        return 0
    width = width_of(row.cells[text_at])
    return ROW_UM if width is not None and width * _EM_UM // 1000 <= inside_um else 0
