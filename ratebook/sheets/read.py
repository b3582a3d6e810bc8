"""A carrier's sheet as rates: what each row says, what was left out and why, and what has to be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from ratebook.sheets import codes, values
from ratebook.sheets.blanks import fill_codes, fill_names
from ratebook.sheets.codes import Dash, UnclearCode
from ratebook.sheets.columns import Field, Found, Header, find_header, known_header, plain
from ratebook.sheets.grid import Cell, Grid, text_of
from ratebook.sheets.mapping import NOTHING_KNOWN, Mapping, Twice
from ratebook.sheets.notices import EURO, Notices, currencies_in, read_notices
from ratebook.sheets.values import DateOrder, EndOfDays, Status

SAMPLE = 20_000
"""Rows by which a column's meaning is found."""
NO_PRICE = frozenset({Status.BLOCKED, Status.WITHDRAWN})
PRICES = (Field.RATE, Field.FIRST_RATE, Field.CONNECT_FEE)
WHOLE_COUNTRY = frozenset(("-", "\u2013", "all", "proper", "other", "others", "rest", "n/a", "*"))
"""What stands for a country's own code in a column of areas."""
COMMENTS = frozenset(("comment", "comments", "remarks", "notes"))
"""In the name of a column that may say anything."""
AMERICAN = frozenset(("npanxx", "npa nxx", "npa"))
"""Names of columns whose codes stand without the 1 of North America."""
EXCLUSIVE = ("exclusive", "discontinu")
"""In the name of a column of ends: the day that stands there is the first one without the rate."""
SHOWN_MAX = 120
SENTENCE = 12
"""Shorter texts are names."""
NAME_MAX = 128
RATES_MAX = 1_200_000
"""Of a sheet; a range is as many as it has codes."""

_new = tuple.__new__


class SheetRate(NamedTuple):
    """What a sheet says about a code."""

    line: int
    code: str
    destination: str
    rate_nanos: int
    """Per minute."""
    first_rate_nanos: int | None
    """Of the first increment; None: the same."""
    increments: tuple[int, int] | None
    """None: the sheet does not tell."""
    connect_fee_nanos: int | None
    effective: str | None
    """ISO date, or date and time, in the tariff's zone; None: at once."""
    until: str | None
    status: Status | None
    """WITHDRAWN and BLOCKED are obeyed; the others are the carrier's opinion."""


class LeftOut(NamedTuple):
    """A row that is no rate."""

    line: int
    text: str
    reason: str


class Question(NamedTuple):
    """What the sheet does not tell. Nothing is imported until it is answered."""

    name: str
    """A field of `Mapping`."""
    text: str
    options: tuple[str, ...]


class SheetReading(NamedTuple):
    """A sheet as it was understood."""

    sheet: str
    header_line: int
    columns: dict[Field, Found]
    unread: list[str]
    """Names of columns that are none of these."""
    mapping: Mapping
    """With what was found out."""
    currency: str
    """Empty: it does not tell."""
    rates: list[SheetRate]
    left_out: list[LeftOut]
    notices: list[str]
    """What somebody should look at."""
    questions: list[Question]


class NoTable(Exception):
    """The file is no table of codes and rates that can be read; the text says why."""


def read_sheet(grids: list[Grid], known: Mapping = NOTHING_KNOWN) -> SheetReading:
    """The rates of a carrier's file. Raises NoTable."""
    grid, header, others = _table(grids, known)
    return _Sheet(grid, header, known, others).read()


def _table(grids: list[Grid], known: Mapping) -> tuple[Grid, Header, list[str]]:
    """The sheet with the longest table, or the one that is known by name; and the names of other tables."""
    found: list[tuple[Grid, Header]] = []
    for grid in grids:
        if known.sheet and grid.name != known.sheet:
            continue
        header = known_header(grid.rows, known.columns) if known.columns else find_header(grid.rows)
        if header is not None:
            found.append((grid, header))
    if not found:
        wanted = " and ".join(known.columns.values()) if known.columns else "a code and a rate"
        where = f" in a sheet {known.sheet}" if known.sheet else ""
        raise NoTable(f"no row{where} has a column for {wanted}: is this a rate sheet, or should the columns be named?")
    found.sort(key=lambda one: len(one[0].rows) - one[1].row, reverse=True)
    (grid, header), *others = found
    return grid, header, [other.name for other, _ in others]


def _priced(scale: Decimal) -> Callable[[Cell], int]:
    return lru_cache(maxsize=65_536)(lambda cell: values.parse_price(cell, scale))


class _Sheet:
    """One sheet being read."""

    def __init__(self, grid: Grid, header: Header, known: Mapping, others: list[str]) -> None:
        self._grid = grid
        self._header = header
        self._columns = dict(header.columns)
        self._known = known
        self._first = header.row + header.rows
        self.left_out: list[LeftOut] = []
        self.notices = [f"sheet {name} has a table too, which was not read" for name in others]
        self.questions: list[Question] = []
        self._only_currency = ""
        """Rows of another one are left out; empty: the sheet has one."""
        self._place()
        self._rests: dict[Any, SheetRate] = {}
        """By all cells but code and rate: thousands of rows share them."""
        self._said: Notices = read_notices(self._texts())
        self._names = tuple(plain(text_of(cell)) for cell in grid.rows[header.row])
        self._rate_name = self._cell(grid.rows[header.row], Field.RATE)
        self._scales = {
            field: values.scale_of(self._header_texts()[self._columns[field].at])
            for field in PRICES
            if field in self._columns
        }
        self._prices = {field: _priced(scale) for field, scale in self._scales.items()}
        self._is_american = Field.CODE in self._columns and plain(self._columns[Field.CODE].header) in AMERICAN
        self._ends_inclusively = Field.UNTIL in self._columns and not any(
            word in self._header_texts()[self._columns[Field.UNTIL].at].lower() for word in EXCLUSIVE
        )
        self._increments_of = lru_cache(maxsize=1024)(values.parse_increments)
        self._status_of = lru_cache(maxsize=1024)(values.parse_status)

    def read(self) -> SheetReading:
        """All of it."""
        self._decide_split()
        self._place()
        fill_codes(self._grid.rows[self._first :], self._places)
        fill_names(self._grid.rows[self._first :], self._places)
        dash = self._decide_dash()
        order = self._decide_order()
        self._date = lru_cache(maxsize=1024)(lambda cell: values.parse_date(cell, order or DateOrder.DAY_FIRST))
        currency = self._currency()
        rates: list[SheetRate] = []
        for at in range(self._first, len(self._grid.rows)):
            rates += self._row(self._grid.rows[at], self._grid.lines[at], dash)
            if len(rates) > RATES_MAX:
                raise NoTable(f"line {self._grid.lines[at]}: the ranges up to it are more than {RATES_MAX} codes")
        rates = self._without_twice(self._with_notes(self._until_the_next(rates)))
        self._look_at(rates)
        if self._known.currency and currency and currency != self._known.currency:
            said = f"the sheet is in {currency}, those before it were in {self._known.currency}"
            self.questions.append(Question("currency", said, (self._known.currency, currency)))
        return SheetReading(
            sheet=self._grid.name,
            header_line=self._grid.lines[self._header.row],
            columns=self._columns,
            unread=[text for at, text in enumerate(self._header_texts()) if text and at not in self._places.values()],
            mapping=self._known._replace(dash=dash, date_order=order, currency=self._known.currency or currency),
            currency=currency,
            rates=rates,
            left_out=sorted(self.left_out),
            notices=self.notices,
            questions=self.questions,
        )

    # --- what the columns mean

    def _header_texts(self) -> list[str]:
        """Each column's name with what stands below it, such as its unit."""
        rows = self._grid.rows[self._header.row : self._first]
        return [" ".join(filter(None, map(text_of, cells))) for cells in zip_longest(*rows, fillvalue="")]

    def _place(self) -> None:
        self._places = {field: found.at for field, found in self._columns.items()}
        told = {Field.CODE, Field.AREA_CODE, Field.COUNTRY_CODE, Field.RATE}
        others = [at for field, at in self._places.items() if field not in told]
        self._others: Callable[[list[Cell]], Any] = itemgetter(*others) if others else lambda _: ()
        self._width = max(self._places.values()) + 1

    def _texts(self) -> list[str]:
        """The rows that are no table: what stands above the header, and sentences in and below it."""
        found = [" ".join(filter(None, map(text_of, row))) for row in self._grid.rows[: self._header.row]]
        for row in self._grid.rows[self._first :]:
            if self._cell(row, Field.RATE) == "" and any(row):
                told = ", ".join(filter(None, map(text_of, row)))
                found += [told] if len(told) > SENTENCE else []
        return found

    def _cells(self, field: Field) -> Iterator[Cell]:
        """What stands in a column, as far as it is sampled."""
        found = self._columns.get(field)
        if found is None:
            return
        for row in self._grid.rows[self._first : self._first + SAMPLE]:
            if found.at < len(row) and row[found.at] != "":
                yield row[found.at]

    def _decide_split(self) -> None:
        """A code beside a country's code: whole, if it begins with that; else what stands behind it."""
        if (
            Field.COUNTRY_CODE not in self._columns
            or Field.AREA_CODE in self._columns
            or Field.CODE not in self._columns
        ):
            return
        code, country = self._columns[Field.CODE].at, self._columns[Field.COUNTRY_CODE].at
        whole = total = 0
        for row in self._grid.rows[self._first : self._first + SAMPLE]:
            if max(code, country) < len(row) and row[code] != "" and row[country] != "":
                total += 1
                begin = text_of(row[country]).lstrip("+").strip()
                whole += text_of(row[code]).lstrip("+").replace(" ", "").startswith(begin)
        if whole * 2 >= total:
            del self._columns[Field.COUNTRY_CODE]
        else:
            self._columns[Field.AREA_CODE] = self._columns.pop(Field.CODE)

    def _decide_dash(self) -> Dash | None:
        if Field.CODE not in self._columns:
            return Dash.RANGE
        cells = [text_of(cell) for cell in self._cells(Field.CODE)]
        only = codes.dashes_of(cells)
        if len(only) == 1:
            return next(iter(only))
        if self._known.dash is not None or not codes.has_dashes(cells):
            return self._known.dash
        what = "both ranges and pairs" if only else "what may be ranges or pairs"
        self._ask("dash", f"column {self._columns[Field.CODE].header} has {what} of country and area code", Dash)
        return None

    def _decide_order(self) -> DateOrder | None:
        texts = [text_of(cell) for field in (Field.EFFECTIVE, Field.UNTIL) for cell in self._cells(field)]
        only = values.order_of(texts)
        if len(only) == 1:
            return next(iter(only))
        if len(only) == 2:
            self._ask("date_order", "some dates can only have the day first, others only the month", DateOrder)
            return self._known.date_order
        named = values.order_named(self._columns[Field.EFFECTIVE].header) if Field.EFFECTIVE in self._columns else set()
        told = named or values.order_of(self._said.dates)
        if self._known.date_order is not None:
            return self._known.date_order
        if len(told) == 1:
            return next(iter(told))
        unclear = next((text for text in texts or self._said.effective if values.is_ambiguous(text)), None)
        if unclear is not None:
            self._ask("date_order", f"nothing tells whether {unclear} has the day or the month first", DateOrder)
        return None

    def _ask(self, name: str, text: str, options: Any) -> None:
        if getattr(self._known, name) is None:
            self.questions.append(Question(name, text, tuple(one.value for one in options)))

    def _currency(self) -> str:
        """Of a column of its own, else of the prices, else of a sentence or the header."""
        header = self._grid.rows[self._header.row : self._first]
        for told in (
            {text_of(cell).strip().upper() for cell in self._cells(Field.CURRENCY)},
            set().union(*(currencies_in(cell) for cell in self._cells(Field.RATE) if isinstance(cell, str))),
        ):
            if len(told) == 1:
                return next(iter(told))
            if told:
                return self._of_several(sorted(told))
        titles = [text_of(cell) for row in header for cell in row]
        by_sign = "EUR" if any(EURO in title for title in titles) else ""
        return self._said.currency or read_notices(titles).currency or by_sign

    def _of_several(self, told: list[str]) -> str:
        """The deck's; rows of another one are left out. Where the deck has none yet, it is asked."""
        self.notices.append(f"several currencies: {', '.join(told)}")
        if self._known.currency in told:
            self._only_currency = self._known.currency
            return self._only_currency
        said = f"the sheet is in {', '.join(told)}: rows of one of them can be imported into a deck"
        self.questions.append(Question("currency", said, tuple(told)))
        return ""

    # --- rows

    def _row(self, row: list[Cell], line: int, dash: Dash | None) -> list[SheetRate]:
        if not any(cell != "" for cell in row):
            return []
        try:
            return self._rates(row, line, dash)
        except (UnclearCode, ValueError) as reason:
            text = " · ".join(filter(None, map(text_of, row)))
            self.left_out.append(LeftOut(line, text[:SHOWN_MAX], str(reason)))
            return []

    def _rates(self, row: list[Cell], line: int, dash: Dash | None) -> list[SheetRate]:
        """Raises UnclearCode or ValueError: the row is left out."""
        code_text, rate_cell = self._code_text(row), self._cell(row, Field.RATE)
        self._check_row(row, code_text, rate_cell)
        key = self._others(row) if len(row) >= self._width else None
        rest = self._rests.get(key)
        if rest is None:
            rest = self._rest(row)
            if key is not None:
                self._rests[key] = rest
        status = rest.status
        if isinstance(rate_cell, str) and status not in NO_PRICE:
            status = self._status_of(rate_cell) or status
        country = codes.country_code(text_of(self._cell(row, Field.COUNTRY_CODE)))
        found = self._parse_codes(code_text, dash, country)
        rate_nanos = 0 if status in NO_PRICE else self._prices[Field.RATE](rate_cell)
        first_nanos = None if rest.first_rate_nanos == rate_nanos or status in NO_PRICE else rest.first_rate_nanos
        _, _, destination, _, _, increments, fee, effective, until, _ = rest
        more = destination, rate_nanos, first_nanos, increments, fee, effective, until, status
        return [_new(SheetRate, (line, code, *more)) for code in found]

    def _check_row(self, row: list[Cell], code_text: str, rate_cell: Cell) -> None:
        """Raises ValueError: it is no rate, or none for this deck."""
        if rate_cell == "" and not code_text.strip():
            raise ValueError("a text: neither code nor price")
        if band := text_of(self._cell(row, Field.BAND)).strip():
            raise ValueError(f"a price of the time band {band}: sheets bring prices for all hours only")
        if self._only_currency and (told := self._currency_of(row)) not in {"", self._only_currency}:
            raise ValueError(f"a price in {told}, and not in {self._only_currency}")
        if rate_cell == self._rate_name and tuple(plain(text_of(cell)) for cell in row) == self._names:
            raise ValueError("the header again")
        if len(row) > self._width and self._is_split(row):
            raise ValueError("more cells than the header has names: a decimal comma without quotes")

    def _currency_of(self, row: list[Cell]) -> str:
        """By its own cells; empty: they don't tell."""
        told = text_of(self._cell(row, Field.CURRENCY)).strip().upper()
        rate_cell = self._cell(row, Field.RATE)
        found = currencies_in(rate_cell) if not told and isinstance(rate_cell, str) else {told}
        return next(iter(found)) if len(found) == 1 else ""

    def _is_split(self, row: list[Cell]) -> bool:
        """Whether the price, in the last column, has gone on into another cell."""
        at = self._places[Field.RATE] + 1
        cell = row[at] if at == len(self._names) < len(row) and self._grid.delimiter == "," else ""
        return isinstance(cell, str) and cell.isdecimal()

    def _rest(self, row: list[Cell]) -> SheetRate:
        """What all but code and rate of a row say; its words, as far as they don't stand in the place of the rate."""
        first_cell, fee_cell = self._cell(row, Field.FIRST_RATE), self._cell(row, Field.CONNECT_FEE)
        effective, until = self._effective(row), self._until(row)
        if effective and until and until <= effective:
            raise ValueError(f"it ends at {until}, before it begins")
        return SheetRate(
            line=0,
            code="",
            destination=self._destination(row),
            rate_nanos=0,
            first_rate_nanos=self._prices[Field.FIRST_RATE](first_cell) if first_cell != "" else None,
            increments=self._increments(row),
            connect_fee_nanos=self._prices[Field.CONNECT_FEE](fee_cell) if fee_cell != "" else None,
            effective=effective,
            until=until,
            status=self._status(row),
        )

    def _cell(self, row: list[Cell], field: Field) -> Cell:
        at = self._places.get(field)
        return "" if at is None or at >= len(row) else row[at]

    def _code_text(self, row: list[Cell]) -> str:
        return text_of(self._cell(row, Field.AREA_CODE if Field.AREA_CODE in self._columns else Field.CODE))

    def _parse_codes(self, text: str, dash: Dash | None, country: str) -> list[str]:
        if Field.COUNTRY_CODE in self._columns and not country:
            raise UnclearCode("no country code")
        if self._is_american:
            return [code if code.startswith("1") else f"1{code}" for code in codes.parse_codes(text, Dash.RANGE)]
        if not country and text.isdecimal() and text.isascii() and len(text) <= codes.DIGITS_MAX and text[:2] != "00":
            return [text]
        return codes.parse_codes("" if country and text.lower() in WHOLE_COUNTRY else text, dash or Dash.RANGE, country)

    def _status(self, row: list[Cell]) -> Status | None:
        """Flags go before words."""
        if self._flag(row, Field.WITHDRAWN):
            return Status.WITHDRAWN
        if self._flag(row, Field.BLOCKED):
            return Status.BLOCKED
        return self._status_of(text_of(self._cell(row, Field.STATUS)))

    def _flag(self, row: list[Cell], field: Field) -> bool:
        cell = self._cell(row, field)
        return cell != "" and values.parse_yes(text_of(cell))

    def _destination(self, row: list[Cell]) -> str:
        country, name = text_of(self._cell(row, Field.COUNTRY)), text_of(self._cell(row, Field.DESTINATION))
        both = name if name.lower().startswith(country.lower()) else f"{country} {name}"
        return " ".join((both or country).split())[:NAME_MAX]

    def _increments(self, row: list[Cell]) -> tuple[int, int] | None:
        cell = self._cell(row, Field.INCREMENTS)
        found = self._increments_of(cell)
        first, following = (text_of(self._cell(row, field)) for field in (Field.FIRST_INCREMENT, Field.NEXT_INCREMENT))
        if found is not None and not (first and values.is_single(text_of(cell))):
            return found
        following = following or text_of(cell)
        if not first and not following:
            return None
        both = values.increments_in(first) or values.increments_in(following)
        if both is not None:
            return both
        first_s = values.parse_seconds(first) if first else values.parse_seconds(following)
        next_s = values.parse_seconds(following) if following else 1
        return max(first_s or next_s, 1), max(next_s, 1)

    def _effective(self, row: list[Cell]) -> str | None:
        cell = self._cell(row, Field.EFFECTIVE)
        if cell != "":
            found: str | None = self._date(cell)
            return found
        told = self._said.effective
        return self._date(told[0]) if told and Field.EFFECTIVE not in self._columns else None

    def _until(self, row: list[Cell]) -> str | None:
        """Exclusive, as decks have it."""
        cell = self._cell(row, Field.UNTIL)
        try:
            found: str | None = self._date(cell) if cell != "" else None
            return values.end_of(found) if found is not None and self._ends_inclusively else found
        except EndOfDays:
            return None

    # --- the sheet as a whole

    def _with_notes(self, rates: list[SheetRate]) -> list[SheetRate]:
        """Increments that stand in a sentence, by the destinations' names; then those of all others."""
        said = self._said
        if not said.increments and said.default_increments is None:
            return rates
        met: set[str] = set()

        def increments(rate: SheetRate) -> tuple[int, int] | None:
            name = rate.destination.lower()
            for begin, found in said.increments.items():
                if name.startswith(begin):
                    met.add(begin)
                    return found
            return rate.increments or said.default_increments

        found = [rate if rate.increments else rate._replace(increments=increments(rate)) for rate in rates]
        unmet = [begin for begin in said.increments if begin not in met and not any(rate.increments for rate in rates)]
        self.notices += [f"the note on increments names {name}, which no row does" for name in unmet]
        return found

    def _until_the_next(self, rates: list[SheetRate]) -> list[SheetRate]:
        """A last day on which the code's next price begins already was meant exclusively."""
        if not self._ends_inclusively:
            return rates
        begins = {(rate.code, rate.effective) for rate in rates}
        last_days = [values.day_before(rate.until) for rate in rates]
        return [
            rate._replace(until=day) if day and day != rate.effective and (rate.code, day) in begins else rate
            for rate, day in zip(rates, last_days, strict=True)
        ]

    def _without_twice(self, rates: list[SheetRate]) -> list[SheetRate]:
        last: dict[tuple[str, str | None], int] = {}
        dropped: set[int] = set()
        for at, rate in enumerate(rates):
            key = (rate.code, rate.effective)
            before = last.setdefault(key, at)
            if before == at:
                continue
            other = rates[before]
            same = other._replace(line=0, status=None, destination="") == rate._replace(
                line=0, status=None, destination=""
            )
            gone, kept = (at, before) if same or self._known.twice is Twice.FIRST else (before, at)
            dropped.add(gone)
            last[key] = kept
            what = "the same stands in" if same else "another price for the same code and date stands in"
            reason = f"code {rate.code}: {what} line {rates[kept].line}"
            self.left_out.append(LeftOut(rates[gone].line, f"{rates[gone].code} {rates[gone].destination}", reason))
            if not same and self._known.twice is Twice.STOP:
                said = f"{reason}, and here in line {rates[gone].line}"
                self.questions.append(Question("twice", said, (Twice.LAST.value, Twice.FIRST.value)))
        return [rate for at, rate in enumerate(rates) if at not in dropped] if dropped else rates

    def _look_at(self, rates: list[SheetRate]) -> None:
        self._look_at_names(rates)
        priced = [rate for rate in rates if rate.status not in NO_PRICE]
        free = [rate for rate in priced if not rate.rate_nanos]
        if free:
            lines = ", ".join(str(rate.line) for rate in free[:5])
            self.notices.append(f"{len(free)} codes have a price of zero, the first ones in line {lines}")
        by_country: dict[str, list[SheetRate]] = {}
        for rate in priced:
            by_country.setdefault(codes.country_of(rate.code), []).append(rate)
        for country, found in by_country.items():
            middle = sorted(rate.rate_nanos for rate in found)[len(found) // 2]
            low = [rate for rate in found if 0 < rate.rate_nanos * 20 < middle]
            if len(found) >= 5 and low:
                said = f"code {low[0].code} in line {low[0].line} costs less than a twentieth of the usual in {country}"
                self.notices.append(said)

    def _look_at_names(self, rates: list[SheetRate]) -> None:
        """What the header says of its numbers, words that are not known, codes of no country."""
        for field, scale in self._scales.items():
            if scale != 1:
                self.notices.append(
                    f"the numbers of {self._header_texts()[self._places[field]]} count {scale:f} a minute each"
                )
        unknown = Counter(
            text
            for text in map(text_of, self._cells(Field.STATUS))
            if any(map(str.isalpha, text)) and len(text) <= SENTENCE and self._status_of(text) is None
        )
        if unknown and not COMMENTS & set(plain(self._columns[Field.STATUS].header).split()):
            words = ", ".join(f"{word} ({many})" for word, many in unknown.most_common(5))
            name = self._columns[Field.STATUS].header
            self.notices.append(f"column {name} has words that say nothing to us: {words}")
        nowhere = [rate for rate in rates if rate.code.startswith("0")]
        if nowhere:
            said = f"the first one is {nowhere[0].code} in line {nowhere[0].line}"
            self.notices.append(f"{len(nowhere)} codes begin with 0, which no country's code does: {said}")
