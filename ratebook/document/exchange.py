"""`exchange.yaml`: dated rates of exchange, written by hand or in decks of its own, with all faults at once."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import yaml

from ratebook.document import values
from ratebook.document.decks import column_of
from ratebook.document.nodes import BYTES_MAX, Document
from ratebook.document.problems import Place, Problems, shorten, suggestion
from ratebook.document.tariffs import DECKS_FOLDER, deck_path
from ratebook.exchange import ALWAYS_S, NO_EXCHANGE, Course, Exchange, Pair

EXCHANGE_FILE = "exchange.yaml"
FIELDS = ("base", "timezone", "rates", "decks")
RATE_FIELDS = ("from", "to", "rate", "effective")
RATES_MAX = 200_000
JUMP_MAX = 2
"""A rate more than so many times the one before it, or less than that part of it, is nearly always a slip."""

T = TypeVar("T")


class Given(NamedTuple):
    """A rate and where it was written."""

    pair: Pair
    from_s: int
    nanos: int
    place: Place


def read_exchange(document: Document, text: str, root: Path) -> Exchange:
    """The rates of the file and its decks. Faults are noted."""
    node = document.read(text)
    fields = {} if node is None else document.mapping(node, FIELDS, EXCHANGE_FILE)
    if not fields or node is None:
        return NO_EXCHANGE
    timezone = document.value(fields, "timezone", values.zone, "UTC")
    base = document.value(fields, "base", values.currency, "")
    rows = [row for item in document.items(fields.get("rates"), "rates") for row in _rate(document, item, timezone)]
    for item in document.items(fields.get("decks"), "decks"):
        rows += _deck(document, item, timezone, root)
    if not fields.keys() & {"rates", "decks"}:
        document.fault(node, "there are no rates", "a list `rates:` of {from, to, rate}, or `decks:`")
    if len(rows) > RATES_MAX:
        document.fault(node, f"{len(rows)} rates of exchange", f"{RATES_MAX} at most: leave out old ones")
        return NO_EXCHANGE
    courses = _courses(rows, document.problems)
    if base and courses and not any(base in pair for pair in courses):
        currencies = {currency for pair in courses for currency in pair}
        expected = f"one of {', '.join(sorted(currencies))}{suggestion(base, currencies)}"
        document.fault(fields["base"], f"no rate has {base}, over which all are exchanged", expected)
    return Exchange(base, courses)


def _rate(document: Document, node: yaml.Node, timezone: str) -> list[Given]:
    """The rate of an item; nothing: faults are noted."""
    before = document.problems.count
    fields = document.mapping(node, RATE_FIELDS, "a rate of exchange")
    missing = [name for name in ("from", "to", "rate") if name not in fields]
    if fields and missing:
        document.fault(node, f"a rate of exchange without {' and '.join(missing)}", "{from: USD, to: EUR, rate: 0.92}")
    have, want = (document.value(fields, name, values.currency, "") for name in ("from", "to"))
    nanos = document.value(fields, "rate", values.exchange, 0)
    from_s = document.value(fields, "effective", lambda text: values.moment(text, timezone), ALWAYS_S)
    if document.problems.count > before or missing:
        return []
    return [Given((have, want), from_s, nanos, document.place(node))]


# --- decks


def _deck(document: Document, node: yaml.Node, timezone: str, root: Path) -> list[Given]:
    name = document.value({"deck": node}, "deck", values.name, "")
    path = deck_path(document, node, name, root) if name else None
    if path is None:
        return []
    file = f"{DECKS_FOLDER}/{path.relative_to((root / DECKS_FOLDER).resolve())}"
    try:
        if path.stat().st_size > BYTES_MAX:
            document.problems.add(Place(file, 1, 1), "the deck is too large", f"{BYTES_MAX} bytes at most")
            return []
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        document.problems.add(Place(file, 1, 1), "the deck is not UTF-8", "CSV saved as UTF-8")
        return []
    except OSError as fault:
        document.problems.add(Place(file, 1, 1), f"the deck can't be read ({fault.strerror})", "a readable file")
        return []
    return _Table(file, lines, timezone, document.problems).rates()


class _Table:
    """One deck being read."""

    def __init__(self, file: str, lines: list[str], timezone: str, problems: Problems) -> None:
        self._file, self._lines, self._timezone, self._problems = file, lines, timezone, problems
        first = lines[0] if lines else ""
        self._delimiter = ";" if first.count(";") > first.count(",") else ","
        self._reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        self._columns: dict[str, int] = {}

    def rates(self) -> list[Given]:
        """In the order of the file; faults are noted."""
        try:
            self._read_header(next(self._reader, []))
            if not {"from", "to", "rate"} <= self._columns.keys():
                return []
            return [given for row in self._reader for given in self._row(row)]
        except csv.Error as fault:
            place = Place(self._file, max(1, self._reader.line_num), 1)
            self._problems.add(place, f"no CSV ({fault})", "one rate of exchange a line")
            return []

    def _read_header(self, header: list[str]) -> None:
        for at, cell in enumerate(header):
            name = cell.strip().lower()
            if name not in RATE_FIELDS:
                expected = f"one of {', '.join(RATE_FIELDS)}{suggestion(name, RATE_FIELDS)}"
                self._fault(at, f"unknown column {shorten(cell)}", expected)
            elif name in self._columns:
                self._fault(at, f"column {name!r} stands twice", "once")
            else:
                self._columns[name] = at
        missing = [name for name in ("from", "to", "rate") if name not in self._columns]
        if missing:
            self._problems.add(
                Place(self._file, 1, 1), f"no column {' and '.join(missing)}", "a header with from, to and rate"
            )

    def _row(self, row: list[str]) -> list[Given]:
        if not any(cell.strip() for cell in row):
            return []
        before = self._problems.count
        have, want = self._cell(row, "from"), self._cell(row, "to")
        for name, text in (("from", have), ("to", want)):
            self._parsed(name, text, values.currency, "")
        nanos = self._parsed("rate", self._cell(row, "rate"), values.exchange, 0)
        text = self._cell(row, "effective")
        from_s = self._parsed("effective", text, self._moment, ALWAYS_S) if text else ALWAYS_S
        if self._problems.count > before:
            return []
        return [Given((have, want), from_s, nanos, Place(self._file, self._reader.line_num, 1))]

    def _moment(self, text: str) -> int:
        return values.moment(text, self._timezone)

    def _cell(self, row: list[str], name: str) -> str:
        at = self._columns.get(name, len(row))
        return row[at].strip() if at < len(row) else ""

    def _parsed(self, name: str, text: str, parse: Callable[[str], T], default: T) -> T:
        try:
            return parse(text)
        except ValueError as fault:
            self._fault(self._columns[name], f"{name} {shorten(text)}", str(fault))
            return default

    def _fault(self, index: int, message: str, expected: str) -> None:
        line = self._reader.line_num
        column = column_of(self._lines[line - 1], self._delimiter, index)
        self._problems.add(Place(self._file, line, column), message, expected)


# --- all of them together


def _courses(rows: list[Given], problems: Problems) -> dict[Pair, Course]:
    """The rates by pair and date. What contradicts itself is noted."""
    by_pair: defaultdict[Pair, dict[int, Given]] = defaultdict(dict)
    first: dict[Pair, Given] = {}
    for row in rows:
        have, want = row.pair
        if have == want:
            problems.add(row.place, f"{have} is exchanged for itself", "two currencies")
            continue
        other = first.get((want, have))
        same = by_pair[row.pair].get(row.from_s) if row.pair in by_pair else None
        if other is not None:
            problems.add(
                row.place,
                f"{have} to {want} stands the other way round in {_where(other.place)}",
                "a pair one way: the other way it is the reciprocal",
            )
        elif same is not None:
            problems.add(row.place, f"{have} to {want} stands in {_where(same.place)} for the same date", "once a date")
        else:
            first.setdefault(row.pair, row)
            by_pair[row.pair][row.from_s] = row
    for rates in by_pair.values():
        _warn_of_jumps(sorted(rates.values()), problems)
    return {pair: tuple((row.from_s, row.nanos) for row in sorted(rates.values())) for pair, rates in by_pair.items()}


def _where(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _warn_of_jumps(rates: list[Given], problems: Problems) -> None:
    for before, after in pairwise(rates):
        if after.nanos > before.nanos * JUMP_MAX or after.nanos * JUMP_MAX < before.nanos:
            have, want = after.pair
            said = f"{have} to {want} is more than {JUMP_MAX} times the rate of {_where(before.place)}, or its part"
            problems.warn(after.place, said, "perhaps the decimal point, or the pair the other way round")
