"""Decks: tables of rates as CSV, with a header that names the columns.

A million rows are read in seconds: a row costs a look at caches of its cells, and what is slow is done once for each
different text.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ratebook.document import values
from ratebook.document.problems import Place, Problems, shorten, suggestion
from ratebook.document.terms import Defaults, make_terms, plain_intervals
from ratebook.model import Interval, Rate, Terms

ROWS_MAX = 2_000_000
"""Lines of a deck, and rates of a tariff: a range is as many as it has prefixes."""
BYTES_MAX = 256 * 1024 * 1024
COLUMNS_MAX = 200
CHUNK_BYTES = 1 << 20
"""A line of a deck is shorter than two of these."""

_TERMS: dict[str, Callable[[str], Any]] = {
    "increments": values.increments,
    "connect_fee": values.price,
    "minimum": values.price,
    "maximum": values.price,
    "grace": values.seconds,
    "attempt_fee": values.price,
    "message_fee": values.price,
}
"""Columns that are the tariff's fields of the same name; an empty cell is the tariff's value."""
COLUMNS = ("prefix", "destination", "rate", "first_rate", *_TERMS, "effective", "until", "blocked", "band")

LONG = values.PREFIX_DIGITS_MAX

_new = tuple.__new__


class Placed(NamedTuple):
    """A rate and where it was written."""

    rate: Rate
    file: str
    line: int
    column: int
    band: str
    """Holds in this band only; empty: at all other times."""

    @property
    def place(self) -> Place:
        """Where it was written."""
        return Place(self.file, self.line, self.column)


class Reading(NamedTuple):
    """What a deck is read by."""

    file: str
    """As problems name it."""
    defaults: Defaults
    bands: tuple[str, ...]
    """The tariff's."""
    columns: dict[str, str]
    """Our name to the header's, and all other columns are left out; empty: the header has our names."""


def read_deck(path: Path, reading: Reading, problems: Problems) -> list[Placed]:
    """The rates of a deck in the order of the file; faults are noted."""
    file = reading.file
    try:
        if path.stat().st_size > BYTES_MAX:
            problems.add(Place(file, 1, 1), "the deck is too large", f"{BYTES_MAX} bytes at most")
            return []
        endless = _endless_line(path)
        if endless:
            problems.add(Place(file, endless, 1), "a line without an end", "one rate a line")
            return []
        with path.open(encoding="utf-8-sig", newline="") as text:
            return _read(text, reading, problems)
    except UnicodeDecodeError:
        problems.add(Place(file, 1, 1), "the deck is not UTF-8", "CSV saved as UTF-8")
    except OSError as fault:
        problems.add(Place(file, 1, 1), f"the deck can't be read ({fault.strerror})", "a readable file")
    return []


def _endless_line(path: Path) -> int:
    """The number of a line that is no row but fills the memory; 0: there is none."""
    line = 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            ends = chunk.count(b"\n") or chunk.count(b"\r")
            if not ends and len(chunk) == CHUNK_BYTES:
                return line
            line += ends
    return 0


def _read(text: TextIO, reading: Reading, problems: Problems) -> list[Placed]:
    file = reading.file
    first = text.readline()
    text.seek(0)
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    deck = None
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if len(header) > COLUMNS_MAX:
            problems.add(Place(file, 1, 1), f"a header of {len(header)} columns", f"{COLUMNS_MAX} at most")
            return []
        places = [Place(file, 1, column_of(first, delimiter, at)) for at in range(len(header))]
        if reading.columns:
            found = _mapped(header, reading.columns, file, problems)
        else:
            found = _ours(header, places, file, problems)
        if not {"prefix", "rate"} <= found.keys():
            return []
        deck = _Deck(reading, len(header), found)
        rates = deck.rates(reader)
    except csv.Error as fault:
        problems.add(Place(file, max(1, reader.line_num), 1), f"no CSV ({fault})", "one rate a line")
        rates = []
    if deck is not None:
        _note(deck, text, delimiter, problems)
    return rates


def _note(deck: _Deck, text: TextIO, delimiter: str, problems: Problems) -> None:
    """The deck's faults and warnings, each at its cell: their lines are read once more."""
    lines = sorted({found.line for found in [*deck.faults, *deck.warnings]})
    text.seek(0)
    at, said = 0, {}
    for line in lines:
        said[line] = next(islice(text, line - at - 1, None), "")
        at = line
    for notes, note in ((deck.faults, problems.add), (deck.warnings, problems.warn)):
        for line, index, message, expected in notes:
            note(Place(deck.file, line, column_of(said[line], delimiter, index)), message, expected)


def column_of(line: str, delimiter: str, index: int) -> int:
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


class _Note(NamedTuple):
    line: int
    cell: int
    """From 0."""
    message: str
    expected: str


class _Rest(NamedTuple):
    """What the cells of a row come to, but for prefix, destination and rate."""

    defaults: Defaults
    unpriced: Terms
    """With no rate yet."""
    first_nanos: int | None
    """The rate of the first increment, where it has one of its own."""
    effective_s: int | None
    until_s: int | None
    band: str
    terms: dict[str, Terms]
    """By the rate's text."""


def _intervals(rate_nanos: int, rest: _Rest) -> tuple[Interval, ...]:
    first_s, next_s = rest.defaults.increments
    if rest.first_nanos is None or rest.first_nanos == rate_nanos:
        return plain_intervals(rate_nanos, (first_s, next_s))
    return (Interval(0, rest.first_nanos, first_s), Interval(first_s, rate_nanos, next_s))


class _Deck:
    """One deck being read."""

    def __init__(self, reading: Reading, width: int, columns: dict[str, int]) -> None:
        self.file = reading.file
        self.faults: list[_Note] = []
        self.warnings: list[_Note] = []
        self._bands = reading.bands
        self._width = width
        self._columns = columns
        self._defaults = reading.defaults
        self._line = 0
        self._cells: dict[tuple[str, str], Any] = {}
        """What a text in a column of this name comes to."""
        self._rests: dict[Any, _Rest] = {}
        """By their cells: thousands of rows share them."""
        others = [at for name, at in columns.items() if name not in {"prefix", "destination", "rate"}]
        self._slow_terms: dict[Terms, Terms] = {}
        """Each made once, of rows that are read slowly."""
        self._others: Callable[[list[str]], Any] = itemgetter(*others) if others else lambda _: ()

    def rates(self, reader: Any) -> list[Placed]:
        """Row after row; those with a fault are left out."""
        file, width, others, rests = self.file, self._width, self._others, self._rests
        prefix_at, rate_at = self._columns["prefix"], self._columns["rate"]
        name_at = self._columns.get("destination", prefix_at)
        names: dict[str, str] = {}
        nameless = "destination" not in self._columns
        found: list[Placed] = []
        append = found.append
        for row in reader:
            line = reader.line_num
            if line > ROWS_MAX or len(found) > ROWS_MAX:
                self.faults.append(_Note(line, 0, "too many rates", f"{ROWS_MAX} at most"))
                break
            if len(row) == width and (rest := rests.get(others(row))) is not None:
                code = row[prefix_at]
                name = "" if nameless else names.get(row[name_at])
                terms = rest.terms.get(row[rate_at])
                if terms is None and name is not None:
                    terms = self._priced(rest, row[rate_at])
                if terms is not None and name is not None and code.isdecimal() and code.isascii() and len(code) <= LONG:
                    rate = _new(Rate, (code, name, rest[3], rest[4], terms))
                    append(_new(Placed, (rate, file, line, 1, rest[5])))
                    continue
            found += self._slowly(row, line, names)
        return found

    def _slowly(self, row: list[str], line: int, names: dict[str, str]) -> Iterator[Placed]:
        """A row with a text that was not met before, or with a fault."""
        if not any(row) or not "".join(row).strip():
            return
        self._line = line
        before = len(self.faults)
        if len(row) != self._width:
            self._wrong(0, f"{len(row)} cells", f"{self._width}, as the header has")
            return
        codes = self._cell(row, "prefix", values.prefixes, [""])
        if "" in codes and len(self.faults) == before:
            self._wrong("prefix", "an empty prefix", "digits; a rate for every number stands in the tariff itself")
        destination = self._cell(row, "destination", values.label, "")
        rest = self._rests.get(self._others(row)) or self._rest(row)
        cost = self._cell(row, "rate", values.price, 0)
        if not row[self._columns["rate"]].strip() and not rest.unpriced.blocked:
            self._wrong("rate", "an empty rate", "a price per minute, or yes in a column blocked")
        if len(self.faults) > before:
            return
        if "destination" in self._columns:
            names[row[self._columns["destination"]]] = destination
        self._rests[self._others(row)] = rest
        if not cost and not rest.first_nanos and not rest.unpriced.blocked:
            self.warnings.append(_Note(line, self._columns["rate"], "a rate of zero", "a price, or blocked: yes"))
        made = rest.unpriced._replace(intervals=_intervals(cost, rest))
        terms = self._slow_terms.setdefault(made, made)
        for code in codes:
            rate = Rate(code, destination, rest.effective_s, rest.until_s, terms)
            yield Placed(rate, self.file, line, 1, rest.band)

    def _priced(self, rest: _Rest, text: str) -> Terms | None:
        """Terms of a rate that was not met with this rest before; None: it has a fault, or is zero."""
        cost = self._cells.get(("rate", text))
        if cost is None:
            try:
                cost = self._cells["rate", text] = values.price(text)
            except ValueError:
                return None
        unpriced = rest.unpriced
        if not cost and not rest.first_nanos and not unpriced.blocked:
            return None
        terms = _new(Terms, (unpriced[0], _intervals(cost, rest), *unpriced[2:]))
        rest.terms[text] = terms
        return terms

    def _rest(self, row: list[str]) -> _Rest:
        defaults = self._defaults
        effective_s = self._cell(row, "effective", self._date, defaults.effective_s)
        until_s = self._cell(row, "until", self._date, defaults.until_s)
        if effective_s is not None and until_s is not None and until_s <= effective_s:
            name = "until" if "until" in self._columns else "effective"
            self._wrong(name, "until is not after effective", "a later date")
        band = self._cell(row, "band", self._band, "")
        first_nanos = self._cell(row, "first_rate", values.price, None)
        return _Rest(*self._template(row), first_nanos, effective_s, until_s, band, {})

    def _template(self, row: list[str]) -> tuple[Defaults, Terms]:
        """The terms of a row but for its rate."""
        blocked = self._cell(row, "blocked", values.yes, default=False)
        changed = {name: self._cell(row, name, _TERMS[name], getattr(self._defaults, name)) for name in _TERMS}
        defaults = self._defaults._replace(**changed)
        if defaults.maximum is not None and defaults.maximum < defaults.minimum:
            name = "maximum" if "maximum" in self._columns else "minimum"
            self._wrong(name, "the maximum is below the minimum", "at least the minimum")
        return defaults, make_terms(defaults, (Interval(0, 0, 1),), blocked=blocked)

    def _cell(self, row: list[str], name: str, parse: Callable[[str], Any], default: Any) -> Any:
        """The value of a cell; the default if it is empty, absent or wrong, which is noted."""
        at = self._columns.get(name)
        if at is None or not (text := row[at].strip()):
            return default
        found = self._cells.get((name, text))
        if found is not None:
            return found
        try:
            found = parse(text)
        except ValueError as fault:
            self._wrong(name, f"{name} {shorten(text)}", str(fault))
            return default
        if name != "prefix":
            self._cells[name, text] = found
        return found

    def _wrong(self, column: str | int, message: str, expected: str) -> None:
        index = self._columns[column] if isinstance(column, str) else column
        self.faults.append(_Note(self._line, index, message, expected))

    def _date(self, text: str) -> int | None:
        return values.moment(text, self._defaults.timezone)

    def _band(self, text: str) -> str:
        if text not in self._bands:
            expected = f"one of {', '.join(self._bands)}" if self._bands else "a table `bands:` in the tariff"
            raise ValueError(f"{expected} was expected{suggestion(text, self._bands)}")
        return text
