"""Whatever a file holds: rates, reasons or questions come of it, and nothing else does."""

from __future__ import annotations

import contextlib
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.sheets.deck import read_deck_rows, write_deck_rows
from ratebook.sheets.grid import UnreadableSheet, grids_of
from ratebook.sheets.mapping import Kind, Mapping
from ratebook.sheets.merge import merge_sheet
from ratebook.sheets.read import NoTable, read_sheet

cells = st.sampled_from(
    [
        "", "33", "+44 20", "93-76", "447400-447409", "4.47E+11", "0.01", "0,02", "-1", "n/a", "60/1", "30+6", "1",
        "ASAP", "03/04/2026", "31/12/26", "2026-13-01", "Closed", "Blocked", "New", "France", '"a, b"', "1e400",
        "²", "٣",
    ]
) | st.text(st.characters(exclude_characters="\0"), max_size=8)  # fmt: skip
headers = st.permutations(["Code", "Destination", "Rate", "Billing", "Effective", "Status", "Valid To", "Country Code"])


@settings(max_examples=300, deadline=None)
@given(headers, st.lists(st.lists(cells, min_size=8, max_size=8), max_size=12), st.sampled_from(Kind))
def test_tables_of_anything(names: list[str], rows: list[list[str]], kind: Kind) -> None:
    """Every row with something in it is a rate or has a reason; the deck that comes of it can be read."""
    raw = "\n".join([";".join(names), *(";".join(row) for row in rows)]).encode(errors="replace")
    try:
        reading = read_sheet(grids_of(raw), Mapping({}))
    except (UnreadableSheet, NoTable):
        return  # quotes that make one cell of many lines
    told = {rate.line for rate in reading.rates} | {row.line for row in reading.left_out}
    grid = grids_of(raw)[0]
    filled = [line for row, line in zip(grid.rows, grid.lines, strict=True) if any(cell != "" for cell in row)]
    if grid.delimiter == ";":
        assert set(filled[1:]) <= told | {reading.header_line, reading.header_line + 1}
    merged = merge_sheet([], reading.rates, Mapping({}, kind=kind), date(2026, 9, 15))
    assert read_deck_rows(write_deck_rows(merged.rows)) == sorted(merged.rows, key=lambda row: (row.prefix, row.begins))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode(errors="replace")))
def test_bytes_of_anything(raw: bytes) -> None:
    """No table, unreadable, or read."""
    with contextlib.suppress(UnreadableSheet, NoTable):
        read_sheet(grids_of(raw))
