"""Lines (`service.api.lines`) as a file's rows: many at once, since cell by cell takes several times as long. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from ratebook.money import format_micros
from ratebook.sheets.write import FORMULAS, SEPARATORS, WITHIN
from service.api.lines import LINE, NUMBER, TEXT, LineColumn, Lines, escaped, unescaped
from service.portal.formats import MICROS

AT_ONCE = 500
"""Lines whose rows are put together at once: their cells are few enough for the processor to have them at hand."""
CELL_CHARACTERS_MAX = 32_767
"""Of XLSX."""
_QUOTED = ',"\r\n'
"""A cell of CSV with one of these stands in quotation marks."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9a-fA-F]{4}_)")
"""Of a text in XLSX: what would be taken for a character."""
_TEXT = '<c t="inlineStr"><is><t>%s</t></is></c>'
_BLANK_TEXT = _TEXT.replace("<t>", '<t xml:space="preserve">')
_NUMBER, _FLAG = "<c><v>%s</v></c>", '<c t="b"><v>%s</v></c>'
_SAID = {
    **{one.replace("%s", ""): "<c/>" for one in (_TEXT, _BLANK_TEXT, _NUMBER, _FLAG)},
    _FLAG.replace("%s", "yes"): _FLAG.replace("%s", "1"),
    _FLAG.replace("%s", "no"): _FLAG.replace("%s", "0"),
}
"""What cells become that are empty, or flags."""


def line(columns: Iterable[LineColumn], values: Iterable[object]) -> str:
    """A line of values that no database has put together; escaped."""
    return LINE + "".join([column.mark + _told(value) for column, value in zip(columns, values, strict=True)])


def _told(value: object) -> str:
    if isinstance(value, Decimal):
        return format_micros(int(value * MICROS))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else escaped(str(value))


def csv_rows(lines: Lines) -> str:
    """RFC 4180. No text is what a spreadsheet takes for a formula (`inert`); numbers stay numbers."""
    text = lines.text
    for mark in FORMULAS:
        text = text.replace(TEXT + mark, f"{TEXT}'{mark}")
    if any(one in text for one in SEPARATORS):
        text = WITHIN.sub(r"\1'", text)
    if lines.is_escaped or _is_quoted(text):
        return "".join([_csv_row(one, is_escaped=lines.is_escaped) for one in text.split(LINE)[1:]])
    text = text.replace(NUMBER, TEXT).replace(LINE + TEXT, "\r\n").replace(TEXT, ",")
    return text[2:] + "\r\n" if text else ""


def _is_quoted(text: str) -> bool:
    return any(mark in text for mark in _QUOTED)


def _csv_row(told: str, *, is_escaped: bool) -> str:
    cells = _cells(told, is_escaped=is_escaped)
    if is_escaped or _is_quoted(told):
        cells = ['"' + one.replace('"', '""') + '"' if _is_quoted(one) else one for one in cells]
    return ",".join(cells) + "\r\n"


def _cells(told: str, *, is_escaped: bool) -> list[str]:
    cells = told.replace(NUMBER, TEXT).split(TEXT)[1:]
    return [unescaped(one) for one in cells] if is_escaped else cells


def sheet_rows(lines: Lines, columns: Sequence[LineColumn]) -> Iterator[tuple[str, int]]:
    """XML of rows, and how many they are. Text is never a formula, and of CELL_CHARACTERS_MAX at most."""
    told = lines.text.split(LINE)[1:]
    for at in range(0, len(told), AT_ONCE):
        part = told[at : at + AT_ONCE]
        if lines.is_escaped or max(map(len, part)) > CELL_CHARACTERS_MAX:
            part = [_cut(one, is_escaped=lines.is_escaped) for one in part]
        yield _sheet_rows(LINE.join(part), columns, is_escaped=lines.is_escaped), len(part)


def _cut(told: str, *, is_escaped: bool) -> str:
    """A line whose cells aren't too long."""
    cells = [one[:CELL_CHARACTERS_MAX] for one in _cells(told, is_escaped=is_escaped)]
    return TEXT + TEXT.join(map(escaped, cells) if is_escaped else cells)


def _sheet_rows(text: str, columns: Sequence[LineColumn], *, is_escaped: bool) -> str:
    for mark, entity in _ENTITIES.items():
        text = text.replace(mark, entity)
    if "_x" in text:
        text = _LOOKS_ESCAPED.sub("_x005F_", text)
    row, text = _row_of(columns, keeps_blanks=_has_blanks(text)), text.replace(NUMBER, TEXT)
    if is_escaped:
        made = "".join([row % ("", *_cells(one, is_escaped=True)) for one in text.split(LINE)])
    else:
        made = "".join([row % tuple(one.split(TEXT)) for one in text.split(LINE)])
    for cell, instead in _SAID.items():
        made = made.replace(cell, instead)
    return made


def _has_blanks(text: str) -> bool:
    """Whether blanks stand where XML's readers may leave them out."""
    at_ends = (f"{TEXT} ", *(f" {mark}" for mark in (TEXT, NUMBER, LINE)), "\n", "\t")
    return text.endswith(" ") or any(one in text for one in at_ends)


def _row_of(columns: Sequence[LineColumn], *, keeps_blanks: bool) -> str:
    """A row with places for its cells; the first one is for what stands before the first mark: nothing."""
    text = _BLANK_TEXT if keeps_blanks else _TEXT
    cells = [_FLAG if one.kind == "flag" else text if one.mark == TEXT else _NUMBER for one in columns]
    return "<row>%s" + "".join(cells) + "</row>"
