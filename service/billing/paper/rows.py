"""The table of a document's lines, as text: computed here, so that templates only print. Pure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from ratebook.money import MICRO_DECIMALS, MICROS, NANO_DECIMALS
from service.billing.document import Document
from service.billing.lines import Line, Unit
from service.billing.paper.language import Language, decimals_of
from service.billing.taxes import to_minor

NAMES = ("position", "description", "calls", "talked", "quantity", "price", "tax", "amount")
"""Of the columns, in their order."""
_IN_USE: dict[str, Callable[[Line], bool]] = {
    "calls": lambda line: line.calls is not None,
    "talked": lambda line: line.duration_s is not None,
    "quantity": lambda line: line.unit is not Unit.ONE or line.quantity_micros != MICROS,
    "price": lambda line: line.price_nanos is not None,
    "tax": lambda line: line.tax is not None,
}
"""Columns that are there only if some line needs them."""
_MINUTE_DECIMALS = 2


class Column(NamedTuple):
    """One that some line has something in."""

    name: str
    label: str

    @property
    def is_text(self) -> bool:
        """Whether words stand in it; numbers stand at its end, and run from left to right everywhere."""
        return self.name == "description"


class Row(NamedTuple):
    """A line, the heading of a group, or its subtotal."""

    kind: str
    """line, group or subtotal; the latter two have a label and an amount only."""
    cells: tuple[str, ...]
    note: str = ""
    running: str = ""
    """The sum down to here: what is carried forward if the page ends behind it."""


class Table(NamedTuple):
    """All lines of a document."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class _Places(NamedTuple):
    """Decimals of each column: those that its longest number needs, so that points stand below each other."""

    amount: int
    quantity: int
    price: int


def table_of(document: Document, language: Language) -> Table:
    """The table, with the columns that are needed."""
    used = [name for name in NAMES if name not in _IN_USE or any(map(_IN_USE[name], document.lines))]
    columns = tuple(Column(name, _label(name, document, language)) for name in used)
    return Table(columns, tuple(_rows(document, language, columns)))


def _label(name: str, document: Document, language: Language) -> str:
    label = language.words[name]
    return f"{label} ({document.currency})" if name in {"price", "amount"} else label


def _rows(document: Document, language: Language, columns: tuple[Column, ...]) -> list[Row]:
    places = _places(document)
    groups = [(name, list(lines)) for name, lines in groupby(document.lines, key=lambda line: line.group)]
    rows, running, position = [], 0, 0
    for name, lines in groups:
        if name:
            rows.append(Row("group", (name,), running=language.micros(running, places.amount)))
        for line in lines:
            running, position = running + line.net_micros, position + 1
            cells = _cells(line, position, language, places)
            note = language.micros(running, places.amount)
            rows.append(Row("line", tuple(cells[column.name] for column in columns), line.note, note))
        if name and len(groups) > 1:
            sum_micros = sum(line.net_micros for line in lines)
            cells_of_sum = (f"{language.words['subtotal']}: {name}", language.micros(sum_micros, places.amount))
            rows.append(Row("subtotal", cells_of_sum, running=language.micros(running, places.amount)))
    return rows


def _places(document: Document) -> _Places:
    lines = document.lines
    return _Places(
        max(document.decimals, *(decimals_of(line.net_micros, MICRO_DECIMALS) for line in lines)),
        max(decimals_of(_minutes(line), MICRO_DECIMALS) for line in lines),
        max(document.decimals, *(decimals_of(line.price_nanos or 0, NANO_DECIMALS) for line in lines)),
    )


def _minutes(line: Line) -> int:
    """Minutes to the hundredth: seconds of them have no end of decimals. 0: something else is counted."""
    return to_minor(line.quantity_micros, _MINUTE_DECIMALS) if line.unit is Unit.MINUTE else 0


def _cells(line: Line, position: int, language: Language, places: _Places) -> dict[str, str]:
    timed = line.unit is Unit.MINUTE
    quantity = language.micros(*((_minutes(line), places.quantity) if timed else (line.quantity_micros, 0)))
    return {
        "position": str(position),
        "description": line.description,
        "calls": "" if line.calls is None else language.number(line.calls),
        "talked": "" if line.duration_s is None else language.duration(line.duration_s),
        "quantity": f"{quantity}\u00a0{language.words[line.unit]}".strip(),
        "price": "" if line.price_nanos is None else language.nanos(line.price_nanos, places.price),
        "tax": "" if line.tax is None else language.percent(line.tax.percent_micros),
        "amount": language.micros(line.net_micros, places.amount),
    }
