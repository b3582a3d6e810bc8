"""Decks: tables of rates as CSV, with a header that names the columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeVar

from ratebook.document import values
from ratebook.document.problems import Place, Problems, shorten, suggestion
from ratebook.document.terms import Defaults, make_terms, plain_intervals
from ratebook.model import Rate, Terms

ROWS_MAX = 2_000_000
BYTES_MAX = 512 * 1024 * 1024

_TERMS: dict[str, Callable[[str], Any]] = {
    "increments": values.increments,
    "connect_fee": values.price,
    "minimum": values.price,
    "maximum": values.price,
    "grace": values.seconds,
    "attempt_fee": values.price,
}
"""Columns that are the tariff's fields of the same name; an empty cell is the tariff's value."""
COLUMNS = ("prefix", "destination", "rate", *_TERMS, "effective", "until", "blocked")

T = TypeVar("T")


class Placed(NamedTuple):
    """A rate and where it was written."""

    rate: Rate
    place: Place


class _Lines:
    """The lines of a file, with the last one at hand: a fault is placed in it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.last = next(self._file)
        return self.last


def read_deck(path: Path, file: str, defaults: Defaults, columns: dict[str, str], problems: Problems) -> list[Placed]:
    """The rates of a deck in the order of the file; faults are noted.

    `columns`: our name to the header's, and all other columns are left out; empty: the header has our names.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            problems.add(Place(file, 1, 1), "the deck is too large", f"{BYTES_MAX} bytes at most")
            return []
        with path.open(encoding="utf-8-sig", newline="") as text:
            return _read(text, file, defaults, columns, problems)
    except UnicodeDecodeError:
        problems.add(Place(file, 1, 1), "the deck is not UTF-8", "CSV saved as UTF-8")
    except OSError as fault:
        problems.add(Place(file, 1, 1), f"the deck can't be read ({fault.strerror})", "a readable file")
    return []


def _read(text: TextIO, file: str, defaults: Defaults, columns: dict[str, str], problems: Problems) -> list[Placed]:
    lines = _Lines(text)
    first = text.readline()
    text.seek(0)
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        places = [Place(file, 1, _column(lines.last, delimiter, at)) for at in range(len(header))]
        found = _mapped(header, columns, file, problems) if columns else _ours(header, places, file, problems)
        if not {"prefix", "rate"} <= found.keys():
            return []
        return list(_Deck(file, len(header), found, defaults, problems).rates(reader, lines, delimiter))
    except csv.Error as fault:
        problems.add(Place(file, max(1, reader.line_num), 1), f"no CSV ({fault})", "one rate a line")
        return []


def _column(line: str, delimiter: str, index: int) -> int:
    """Where the cell of this index begins in its line, from 1."""
    quoted = False
    for at, character in enumerate(line):
        if not index:
            return at + 1
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            index -= 1
    return len(line.rstrip("\r\n")) + 1 if not index else 1


def _ours(header: list[str], places: list[Place], file: str, problems: Problems) -> dict[str, int]:
    """Column by name, of a header that has our names."""
    found: dict[str, int] = {}
    for at, cell in enumerate(header):
        name = cell.lower().replace(" ", "_")
        if name not in COLUMNS:
            expected = f"one of {', '.join(COLUMNS)}{suggestion(name, COLUMNS)}, or columns: in the tariff"
            problems.add(places[at], f"unknown column {shorten(cell)}", expected)
        elif name in found:
            problems.add(places[at], f"column {name!r} stands twice", "once")
        else:
            found[name] = at
    missing = [name for name in ("prefix", "rate") if name not in found]
    if missing:
        problems.add(Place(file, 1, 1), f"no column {' and '.join(missing)}", "a header with prefix and rate")
    return found


def _mapped(header: list[str], columns: dict[str, str], file: str, problems: Problems) -> dict[str, int]:
    """Column by our name, of a header that has the names in `columns`."""
    known = {cell.lower(): at for at, cell in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for name, theirs in columns.items():
        at = known.get(theirs.strip().lower())
        if at is None:
            expected = f"a header with it{suggestion(theirs, header)}"
            problems.add(Place(file, 1, 1), f"no column {shorten(theirs)} for {name}", expected)
        else:
            found[name] = at
    return found


class _Deck:
    """One deck being read."""

    def __init__(self, file: str, width: int, columns: dict[str, int], defaults: Defaults, problems: Problems) -> None:
        self._file = file
        self._width = width
        self._columns = columns
        self._defaults = defaults
        self._problems = problems
        self._moment = lru_cache(maxsize=1024)(values.moment)
        self._faults: list[tuple[int, str, str]] = []
        """Of the row being read: index of the cell, what is wrong, what was expected."""
        self._terms: dict[Any, Terms] = {}
        """By the cells that make them: thousands of rows share their terms."""
        priced = ("rate", "blocked", *_TERMS)
        self._priced = itemgetter(*[at for name, at in columns.items() if name in priced])

    def rates(self, reader: Any, lines: _Lines, delimiter: str) -> Iterator[Placed]:
        """Row after row; those with a fault are left out."""
        for row in reader:
            line = reader.line_num
            if line > ROWS_MAX:
                self._problems.add(Place(self._file, line, 1), "too many rows", f"{ROWS_MAX} at most")
                return
            if not any(row) or not "".join(row).strip():
                continue
            rate = self._rate(row)
            if rate is not None:
                yield Placed(rate, Place(self._file, line, 1))
            while self._faults:
                index, message, expected = self._faults.pop(0)
                self._problems.add(Place(self._file, line, _column(lines.last, delimiter, index)), message, expected)

    def _rate(self, row: list[str]) -> Rate | None:
        if len(row) != self._width:
            self._faults.append((0, f"{len(row)} cells", f"{self._width}, as the header has"))
            return None
        defaults = self._defaults
        prefix = self._cell(row, "prefix", values.prefix, "")
        if not prefix and not self._faults:
            self._wrong("prefix", "an empty prefix", "digits; a rate for every number stands in the tariff itself")
        destination = self._cell(row, "destination", values.name, "")
        effective_s = self._cell(row, "effective", self._date, defaults.effective_s)
        until_s = self._cell(row, "until", self._date, defaults.until_s)
        if effective_s is not None and until_s is not None and until_s <= effective_s:
            name = "until" if "until" in self._columns else "effective"
            self._wrong(name, "until is not after effective", "a later date")
        terms = self._terms.get(self._priced(row)) or self._read_terms(row)
        return None if self._faults else Rate(prefix, destination, effective_s, until_s, terms)

    def _read_terms(self, row: list[str]) -> Terms:
        blocked = self._cell(row, "blocked", values.yes, default=False)
        cost = self._cell(row, "rate", values.price, 0)
        if not row[self._columns["rate"]].strip() and not blocked:
            self._wrong("rate", "an empty rate", "a price per minute, or yes in a column blocked")
        changed = {name: self._cell(row, name, _TERMS[name], getattr(self._defaults, name)) for name in _TERMS}
        defaults = self._defaults._replace(**changed)
        if defaults.maximum is not None and defaults.maximum < defaults.minimum:
            name = "maximum" if "maximum" in self._columns else "minimum"
            self._wrong(name, "the maximum is below the minimum", "at least the minimum")
        terms = make_terms(defaults, plain_intervals(cost, defaults.increments), blocked=blocked)
        if not self._faults:
            self._terms[self._priced(row)] = terms
        return terms

    def _cell(self, row: list[str], name: str, parse: Callable[[str], T], default: T) -> T:
        """The value of a cell; the default if it is empty, absent or wrong, which is noted."""
        at = self._columns.get(name)
        text = "" if at is None else row[at].strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as fault:
            self._wrong(name, f"{name} {shorten(text)}", str(fault))
            return default

    def _wrong(self, name: str, message: str, expected: str) -> None:
        self._faults.append((self._columns[name], message, expected))

    def _date(self, text: str) -> int | None:
        return self._moment(text, self._defaults.timezone)
