"""What is written once and meant for the rows below: a country's code, and its name."""

from __future__ import annotations

from ratebook.sheets.codes import country_of, first_digits
from ratebook.sheets.columns import Field
from ratebook.sheets.grid import Cell, text_of

Places = dict[Field, int]
"""The index of each column."""


def cell_of(row: list[Cell], at: int | None) -> Cell:
    """Empty where the row ends before it, or there is no such column."""
    return "" if at is None or at >= len(row) else row[at]


def fill_codes(rows: list[list[Cell]], places: Places) -> None:
    """A country's code, for the rows of its other areas."""
    at = places.get(Field.COUNTRY_CODE)
    if at is None:
        return
    code: Cell = ""
    name: Cell = ""
    for row in rows:
        own = cell_of(row, places.get(Field.COUNTRY))
        if cell_of(row, at) != "":
            code, name = cell_of(row, at), own
        elif at < len(row) and own in {"", name} and _is_rate(row, places):
            row[at] = code


def fill_names(rows: list[list[Cell]], places: Places) -> None:
    """A country's name, for rows whose codes are the same country's."""
    at = places.get(Field.COUNTRY)
    if at is None:
        return
    named: list[Cell] = []
    for row in rows:
        if cell_of(row, at) != "":
            named = row
        elif named and at < len(row) and (own := _country(row, places)) and own == _country(named, places):
            row[at] = named[at]


def _country(row: list[Cell], places: Places) -> str:
    return country_of(first_digits(text_of(cell_of(row, places.get(Field.COUNTRY_CODE)) or _code(row, places))))


def _code(row: list[Cell], places: Places) -> Cell:
    return cell_of(row, places.get(Field.AREA_CODE, places.get(Field.CODE)))


def _is_rate(row: list[Cell], places: Places) -> bool:
    return _code(row, places) != "" and cell_of(row, places[Field.RATE]) != ""
