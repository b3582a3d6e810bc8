"""A partner's file as a column each of numbers, moments, durations and amounts, or every reason why it is none.

CSV of any separator, plain or packed (gzip), and workbooks. What can't be read is not guessed: the file is refused with
the lines and the reasons, since a row that is left out would be a difference.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import NamedTuple

from ratebook.sheets.grid import (
    DELIMITERS,
    EXACT_DIGITS,
    WORKBOOKS,
    Cell,
    UnreadableSheet,
    grids_of,
    text_of,
    wide_encoding,
)
from ratebook.sheets.values import DateOrder, is_ambiguous, order_named, order_of
from service.interconnect.reconcile import columns as at
from service.interconnect.reconcile.cells import Clock, parse_amount, parse_caller, parse_duration, parse_number
from service.interconnect.reconcile.columns import Columns, find_columns, missing_in, unit_of
from service.interconnect.reconcile.sides import Answers, Fault, Theirs

PACKED = b"\x1f\x8b"
"""How gzip begins."""
BYTES_MAX = 400 << 20
"""Of a CSV, unpacked: some three million calls."""
ROWS_MAX = 3_000_000
FAULTS_MAX = 20
"""More of them help nobody."""
LINE_CHARACTERS_MAX = 1 << 16
LOOKED_AT = 20_000
"""Rows by which the order of dates and the unit of durations are found."""
MS_MEDIAN, MS_ROWS = 20_000, 10
"""Plain durations whose middle one is so large are milliseconds, if there are some: as seconds it would be hours."""
EXACT_BELOW = 10**EXACT_DIGITS
_FOOTER = re.compile(r"\s*(?:(?:grand |sub-?)?total[se]?|sums?|summe)\b", re.IGNORECASE)
"""How a row of totals begins: by one of these words, and no name that only begins like it."""
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?")

Numbered = Iterable[tuple[int, list[Cell]]]
"""Rows with their lines."""


class Refused(Exception):
    """The file can't be compared; each fault says where and why."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults

    def __reduce__(self) -> tuple[type[Refused], tuple[list[Fault]]]:
        return Refused, (self.faults,)


def refuse(reason: str, line: int = 0) -> Refused:
    """For one fault."""
    return Refused([Fault(line, reason)])


class FoundFile(NamedTuple):
    """What a file holds, and what it was read by."""

    theirs: Theirs
    answers: Answers
    """Those that were given, and what was found out."""


def read_file(raw: bytes, known: Answers) -> FoundFile:
    """Raises Refused."""
    try:
        raw = _unpacked(raw)
        if raw.startswith(WORKBOOKS):
            rows: Iterator[tuple[int, list[Cell]]] = _workbook(raw, known.sheet)
        else:
            rows = _csv(raw)
        return _table(rows, known)
    except UnreadableSheet as fault:
        raise refuse(str(fault)) from None


def _unpacked(raw: bytes) -> bytes:
    """Never more than the limit: a few bytes may hold very many."""
    if not raw.startswith(PACKED):
        return raw
    parts, size = [], 0
    while raw.startswith(PACKED):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            parts.append(unpacker.decompress(raw, BYTES_MAX + 1 - size))
        except zlib.error as fault:
            raise refuse(f"the packed file is damaged ({fault})") from None
        size += len(parts[-1])
        if size > BYTES_MAX:
            raise refuse(f"the file unpacks to more than {BYTES_MAX} bytes")
        if not unpacker.eof:
            raise refuse("the packed file ends too early")
        raw = unpacker.unused_data
    return b"".join(parts)


def _workbook(raw: bytes, sheet: str) -> Iterator[tuple[int, list[Cell]]]:
    grids = grids_of(raw)
    named = [grid for grid in grids if grid.name == sheet]
    if sheet and not named:
        raise refuse(f"there is no sheet {sheet!r}: it has {', '.join(repr(grid.name) for grid in grids)}")
    grid = (named or sorted(grids, key=lambda one: -len(one.rows)))[0]
    return zip(grid.lines, grid.rows, strict=True)


def _csv(raw: bytes) -> Iterator[tuple[int, list[Cell]]]:
    if len(raw) > BYTES_MAX:
        raise refuse(f"the file has more than {BYTES_MAX} bytes")
    encoding = _encoding(raw)
    text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, newline="")
    first = list(islice(_lines(text), 200))
    reader = csv.reader(chain(first, _lines(text)), delimiter=_delimiter(first))
    return _rows(reader)


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[Cell]]]:
    line = 1
    try:
        for row in reader:
            yield line, row  # type: ignore[misc]  # texts are cells
            line = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as fault:
        raise refuse(f"this is no CSV ({fault})", line) from None


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(text, 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise refuse(f"a line of {len(line)} characters: {LINE_CHARACTERS_MAX} at most", number)
        yield line


def _encoding(raw: bytes) -> str:
    """UTF-8, UTF-16, or the one-byte letters of the West. Raises Refused."""
    wide = wide_encoding(raw)
    if wide:
        try:
            raw.decode(wide)
        except UnicodeDecodeError:
            raise refuse("it begins as UTF-16 does, and is none") from None
        return wide
    zero = raw.find(b"\0")
    if zero >= 0:
        raise refuse("a zero byte: this is neither UTF-8 nor a workbook", raw.count(b"\n", 0, zero) + 1)
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError as fault:
            where = fault.start
            continue
        return encoding
    raise refuse("letters that are neither UTF-8 nor Windows-1252: save it as UTF-8", raw.count(b"\n", 0, where) + 1)


def _delimiter(lines: list[str]) -> str:
    """The one that most lines have equally often."""

    def weight(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) if usual > 1 else 0), usual

    return max(DELIMITERS, key=weight)


def _table(rows: Iterator[tuple[int, list[Cell]]], known: Answers) -> FoundFile:
    head = list(islice(rows, at.HEADER_ROWS_MAX))
    found = find_columns([[_stripped(cell) for cell in row] for _, row in head], known.columns)
    if found is None:
        raise _headless(head, known)
    table = chain(head[found.row + 1 :], rows)
    sample = list(islice(table, LOOKED_AT))
    read = _How.of(found, sample, known)
    theirs = _read(chain(sample, table), found, read, known)
    names = {field: found.names[field] for field in found.at}
    answers = known._replace(columns=names, date_order=read.order.value if read.order_counts else known.date_order)
    return FoundFile(theirs, answers)


def _headless(head: list[tuple[int, list[Cell]]], known: Answers) -> Refused:
    """Says what is missing in the row that names most."""
    best: set[str] = set()
    where = 0
    for line, row in head:
        fields = {field for field in (at.field_of(text_of(_stripped(cell))) for cell in row) if field}
        if len(fields) > len(best):
            best, where = fields, line
    if known.columns:
        return refuse(f"no row names the columns {', '.join(map(repr, known.columns.values()))}")
    if not best:
        return refuse("no row names the columns: say which is which (called, start, duration)")
    return refuse(f"no column is known as {missing_in(best) or 'a table of calls'}: say which it is", where)


def _stripped(cell: Cell) -> Cell:
    return cell.strip() if isinstance(cell, str) else cell


class _How(NamedTuple):
    """How the cells of a file are read."""

    order: DateOrder
    order_counts: bool
    """Whether the file has dates whose order matters."""
    unit: str
    moment: Callable[[list[Cell]], Cell]
    notices: tuple[str, ...]

    @classmethod
    def of(cls, found: Columns, sample: list[tuple[int, list[Cell]]], known: Answers) -> _How:
        """By the answers, else by the header and the first rows. Raises Refused."""
        moment = _moment(found, sample)
        texts = [(line, text_of(_stripped(moment(row)))) for line, row in sample if _is_row(row, found)]
        order, counts = _order(found, texts, known)
        unit, notices = _unit(found, sample, known)
        return cls(order, counts, unit, moment, notices)


def _moment(found: Columns, sample: list[tuple[int, list[Cell]]]) -> Callable[[list[Cell]], Cell]:
    """The cell of a row that says when; date and time of day are put together where they stand apart."""
    whole = next((found.at[field] for field in (at.START, at.ANSWER) if field in found.at), None)
    date, time = found.at.get(at.DATE), found.at.get(at.TIME)
    first = next((row for _, row in sample if _is_row(row, found)), [])
    if date is not None and whole is not None and first and _is_clock(text_of(first[whole])):
        time, whole = whole, None
    if whole is not None:
        index: int = whole
        return lambda row: row[index]
    assert date is not None
    if time is None or (first and ":" in text_of(first[date])):
        day: int = date
        return lambda row: row[day]
    both = (date, time)
    return lambda row: f"{text_of(row[both[0]])[:20].strip()} {text_of(row[both[1]]).strip()}"


def _is_clock(text: str) -> bool:
    return _TIME_OF_DAY.fullmatch(text.strip()) is not None


def _order(found: Columns, texts: list[tuple[int, str]], known: Answers) -> tuple[DateOrder, bool]:
    """Of day and month. Raises Refused where nothing tells."""
    unsure = next(((line, text) for line, text in texts if is_ambiguous(_date_of(text))), None)
    if known.date_order is not None:
        return DateOrder(known.date_order), unsure is not None
    dates = {_date_of(text) for _, text in texts}
    headers = {order for field in (at.START, at.ANSWER, at.DATE) for order in order_named(found.names.get(field, ""))}
    told = order_of(dates) or headers
    if len(told) > 1:
        raise refuse("some dates have the day first, others the month: say date_order, dmy or mdy")
    if unsure is not None and not told:
        line, text = unsure
        raise refuse(f"{text[:30]!r} may be day or month first, and no row tells: say date_order, dmy or mdy", line)
    return (told.pop() if told else DateOrder.DAY_FIRST), unsure is not None


def _date_of(text: str) -> str:
    return text.replace("T", " ").split(" ")[0]


def _unit(found: Columns, sample: list[tuple[int, list[Cell]]], known: Answers) -> tuple[str, tuple[str, ...]]:
    """Of plain durations: what was said, the header's, else by their size."""
    named = known.duration_unit or unit_of(found.names[at.DURATION])
    if named is not None:
        return named, ()
    texts = [text_of(row[found.at[at.DURATION]]).strip() for _, row in sample if _is_row(row, found)]
    counts = sorted(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 12 and int(text))
    if len(counts) >= MS_ROWS and len(counts) * 2 > len(texts) and counts[len(counts) // 2] >= MS_MEDIAN:
        notices = ("durations are taken for milliseconds, by their size",)
        return "ms", notices
    return "s", ()


def _is_row(row: list[Cell], found: Columns) -> bool:
    return len(row) >= found.width and any(cell != "" for cell in row)


class _Rows:
    """A file's rows on their way into columns."""

    def __init__(self, found: Columns, how: _How, known: Answers) -> None:
        self.faults: list[Fault] = []
        self._how, self._width, self._prefixes = how, found.width, known.tech_prefixes
        self._clock = Clock(known.zone, how.order)
        self._called, self._duration = found.at[at.CALLED], found.at[at.DURATION]
        self._caller, self._amount = found.at.get(at.CALLER), found.at.get(at.AMOUNT)
        self._numbers: list[str] = []
        self._callers: list[str] = []
        self._at_ms, self._durations, self._amounts, self._lines = (array("q") for _ in range(4))
        self._unanswered = self._footers = 0

    def add(self, line: int, row: list[Cell]) -> None:
        """The next one. Raises Refused for too many, of rows or of faults."""
        try:
            if len(row) == self._width or _fits(row, self._width):
                self._take(line, row)
        except ValueError as fault:
            if _is_footer(row):
                self._footers += 1
                return
            self.faults.append(Fault(line, str(fault)))
            if len(self.faults) == FAULTS_MAX:
                raise Refused(self.faults) from None
        if len(self._lines) > ROWS_MAX:
            raise refuse(f"more than {ROWS_MAX} rows: cut the file in two", line)

    def _take(self, line: int, row: list[Cell]) -> None:
        """All of a row, or nothing of it. Raises ValueError."""
        duration = parse_duration(_text(row[self._duration]) or "0", self._how.unit)
        amount = 0 if self._amount is None else parse_amount(_text(row[self._amount]) or "0")
        if not duration and not amount:
            self._unanswered += 1
            return
        called = row[self._called]
        if isinstance(called, Decimal) and called >= EXACT_BELOW:
            raise ValueError(f"of {text_of(called)} the workbook has {EXACT_DIGITS} digits only: write it as text")
        number = parse_number(_text(called), self._prefixes)
        self._at_ms.append(self._clock.read(_stripped(self._how.moment(row))))
        self._numbers.append(number)
        if self._caller is not None:
            self._callers.append(parse_caller(_text(row[self._caller])))
        self._durations.append(duration)
        self._amounts.append(amount)
        self._lines.append(line)

    def read(self) -> Theirs:
        """All of them. Raises Refused."""
        if self.faults:
            raise Refused(self.faults)
        if not self._lines:
            raise refuse("no row is an answered call")
        notices = self._how.notices
        if self._footers:
            notices = (*notices, f"{self._footers} rows of totals are left out")
        amounts = array("q") if self._amount is None else self._amounts
        return Theirs(
            self._numbers, self._callers, self._at_ms, self._durations, amounts, self._lines, self._unanswered, notices
        )


def _text(cell: Cell) -> str:
    return cell.strip() if isinstance(cell, str) else text_of(cell)


def _read(rows: Numbered, found: Columns, how: _How, known: Answers) -> Theirs:
    table = _Rows(found, how, known)
    for line, row in rows:
        table.add(line, row)
    return table.read()


def _fits(row: list[Cell], width: int) -> bool:
    """Whether a row of another length is one all the same; False: it is empty. Raises ValueError for a ragged one."""
    if not any(cell != "" for cell in row):
        return False
    if len(row) < width or any(cell != "" for cell in row[width:]):
        raise ValueError(f"{len(row)} cells, and the header has {width}")
    return True


def _is_footer(row: list[Cell]) -> bool:
    """Whether one that can't be read is no call."""
    return _FOOTER.match(next((text_of(cell) for cell in row if cell != ""), "")) is not None
