"""Decks: tables of rates as CSV, with a header that names the columns of ours."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ratebook.document import values
from ratebook.document.problems import Place, Problems, suggestion
from ratebook.document.terms import Defaults, make_terms, plain_intervals
from ratebook.model import Rate, Terms

COLUMNS = (
    "prefix",
    "destination",
    "rate",
    "increments",
    "connect_fee",
    "minimum",
    "maximum",
    "grace",
    "attempt_fee",
    "effective",
    "until",
    "blocked",
)
ROWS_MAX = 2_000_000
BYTES_MAX = 512 * 1024 * 1024

_PARSERS: dict[str, Callable[[str], Any]] = {
    "increments": values.increments,
    "connect_fee": values.price,
    "minimum": values.price,
    "maximum": values.price,
    "grace": values.seconds,
    "attempt_fee": values.price,
}
"""Columns that are the tariff's fields of the same name; an empty cell is the tariff's value."""


class Placed(NamedTuple):
    """A rate and where it was written."""

    rate: Rate
    place: Place


def read_deck(path: Path, file: str, defaults: Defaults, problems: Problems) -> list[Placed]:
    """The rates of a deck in the order of the file; faults are noted."""
    if path.stat().st_size > BYTES_MAX:
        problems.add(Place(file, 1, 1), "the deck is too large", f"{BYTES_MAX} bytes at most")
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
            lines.seek(0)
            reader = csv.reader(lines, delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
            header = _header(next(reader, []), file, problems)
            return [] if header is None else list(_Deck(file, header, defaults, problems).rates(reader))
    except UnicodeDecodeError:
        problems.add(Place(file, 1, 1), "the deck is not UTF-8", "save it as CSV in UTF-8")
    except csv.Error as fault:
        problems.add(Place(file, reader.line_num, 1), f"no CSV ({fault})", "one rate a line")
    return []


def _header(cells: list[str], file: str, problems: Problems) -> list[str] | None:
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    before = len(problems.found)
    for at, name in enumerate(names, start=1):
        if name not in COLUMNS:
            expected = f"one of {', '.join(COLUMNS)}{suggestion(name, COLUMNS)}"
            problems.add(Place(file, 1, at), f"unknown column {name!r}", expected)
        elif name in names[: at - 1]:
            problems.add(Place(file, 1, at), f"column {name!r} stands twice", "once")
    problems_of = [name for name in ("prefix", "rate") if name not in names]
    if problems_of:
        problems.add(Place(file, 1, 1), f"no column {' and '.join(problems_of)}", "a header with prefix and rate")
    return names if len(problems.found) == before else None


class _Deck:
    """One deck being read."""

    def __init__(self, file: str, header: list[str], defaults: Defaults, problems: Problems) -> None:
        self._file = file
        self._header = header
        self._defaults = defaults
        self._problems = problems
        self._terms = lru_cache(maxsize=65536)(self._make_terms)
        self._moment = lru_cache(maxsize=1024)(values.moment)

    def rates(self, reader: Any) -> Iterator[Placed]:
        """Row after row."""
        for row in reader:
            if reader.line_num > ROWS_MAX:
                self._problems.add(Place(self._file, reader.line_num, 1), "too many rows", f"{ROWS_MAX} at most")
                return
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(self._header):
                place = Place(self._file, reader.line_num, 1)
                self._problems.add(place, f"{len(row)} cells", f"{len(self._header)}, as the header has")
                continue
            rate = self._rate(reader.line_num, dict(zip(self._header, row, strict=True)))
            if rate is not None:
                yield Placed(rate, Place(self._file, reader.line_num, 1))

    def _rate(self, line: int, cells: dict[str, str]) -> Rate | None:
        column = ""
        try:
            column = "prefix"
            prefix = values.prefix(cells["prefix"])
            column = "destination"
            destination = values.label(cells.get("destination", "").strip())
            column = "blocked"
            blocked = values.yes(cells.get("blocked", ""))
            column = "effective"
            effective_s = self._date(cells.get(column, ""), self._defaults.effective_s)
            column = "until"
            until_s = self._date(cells.get(column, ""), self._defaults.until_s)
            column = "rate"
            cost = "0" if blocked and not cells["rate"].strip() else cells["rate"]
            column = ""
            more = tuple((name, cells[name]) for name in self._header if name in _PARSERS and cells[name].strip())
            terms = self._terms(cost, more, blocked=blocked)
        except _CellFault as fault:
            self._wrong(line, fault.column, cells, fault.expected)
            return None
        except ValueError as fault:
            self._wrong(line, column, cells, str(fault))
            return None
        return Rate(prefix, destination, effective_s, until_s, terms)

    def _date(self, text: str, default: int | None) -> int | None:
        return self._moment(text, self._defaults.timezone) if text.strip() else default

    def _make_terms(self, cost: str, more: tuple[tuple[str, str], ...], *, blocked: bool) -> Terms:
        defaults = self._defaults
        for name, text in more:
            try:
                defaults = defaults._replace(**{name: _PARSERS[name](text.strip())})
            except ValueError as fault:
                raise _CellFault(name, str(fault)) from fault
        try:
            nanos = values.price(cost)
        except ValueError as fault:
            raise _CellFault("rate", str(fault)) from fault
        return make_terms(defaults, plain_intervals(nanos, defaults.increments), blocked=blocked)

    def _wrong(self, line: int, column: str, cells: dict[str, str], expected: str) -> None:
        at = self._header.index(column) + 1
        self._problems.add(Place(self._file, line, at), f"{column} {cells[column]!r}", expected)


class _CellFault(ValueError):
    """A cell that can't be read."""

    def __init__(self, column: str, expected: str) -> None:
        self.column = column
        self.expected = expected
        super().__init__(expected)
