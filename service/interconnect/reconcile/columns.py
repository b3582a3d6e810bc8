"""Which column of a partner's file is what: the names that switches give them."""

from __future__ import annotations

import re
from typing import NamedTuple

from ratebook.sheets.columns import plain
from ratebook.sheets.grid import Cell, text_of

HEADER_ROWS_MAX = 50
"""Looked through for a header."""
CALLED, CALLER, START, ANSWER, DATE, TIME, DURATION, AMOUNT = (
    "called", "caller", "start", "answer", "date", "time", "duration", "amount",
)  # fmt: skip

ALIASES: dict[str, tuple[str, ...]] = {
    CALLED: (
        "called", "called number", "callee", "callee number", "destination number", "dst", "dst number", "b number",
        "bnumber", "dialed number", "dialled number", "called party", "called party number", "called station id",
        "number dialed", "cld", "cld out", "cld in", "dnis", "to number", "to", "destination", "number", "b party",
        "b party number", "term number", "callee id", "called id", "rufnummer", "zielrufnummer", "numero appele",
    ),
    CALLER: (
        "caller", "caller number", "calling", "calling number", "source", "src", "src number", "a number", "anumber",
        "calling party", "calling party number", "calling station id", "cli", "clid", "ani", "from number", "from",
        "source number", "a party", "a party number", "caller id", "callerid", "origination number", "orig number",
    ),
    START: (
        "start", "start time", "call start", "call start time", "started", "setup time", "call date", "calldate",
        "date time", "datetime", "timestamp", "call time", "start date time", "start datetime", "start utc",
        "begin", "begin time", "seizure time", "setup", "invite time", "call date time", "start stamp", "beginn",
        "time stamp", "event time", "date heure",
    ),
    ANSWER: (
        "answer", "answer time", "answered", "connect time", "connected", "connection time", "answer date", "connect",
        "answered at", "connect date", "answer stamp", "answer date time", "answer timestamp", "charge start",
    ),
    DATE: ("date", "day", "call day", "datum", "start date"),
    TIME: ("time", "hour", "call hour", "uhrzeit", "start hour"),
    DURATION: (
        "billsec", "bill sec", "billed duration", "billed seconds", "duration", "call duration", "seconds",
        "duration sec",
        "duration s", "duration ms", "duration seconds", "bill seconds", "billed sec", "talk time",
        "charged duration", "billable seconds", "billable duration", "billed s", "length", "session time", "bill time",
        "charged seconds", "conversation time", "call length", "usage", "effective duration", "dauer", "duree",
        "billed time", "charged time", "quantity", "billed quantity", "connect duration", "rounded duration",
        "duration msec", "billmsec", "bill msec", "duration min", "duration minutes", "minutes",
    ),
    AMOUNT: (
        "amount", "cost", "charge", "charged amount", "call cost", "call charge", "total", "total cost", "total charge",
        "total amount", "charge amount", "revenue", "net amount", "debit", "fee", "value", "call price",
        "call amount", "sum", "betrag", "kosten", "montant", "net price", "amount charged", "billed amount",
        "price",
    ),
}  # fmt: skip
_NAMES = {alias: field for field, aliases in ALIASES.items() for alias in aliases}
_OTHERS = re.compile(r"[^a-z0-9]+")
_UNITS = (("ms", re.compile(r"\b(?:ms|msecs?|billmsec|milliseconds?)\b")), ("min", re.compile(r"\bmin(?:ute)?s?\b")))


class Columns(NamedTuple):
    """A header that was found."""

    row: int
    """Its index."""
    width: int
    """Cells of the header: rows have as many."""
    at: dict[str, int]
    """Index by what it is."""
    names: dict[str, str]
    """As the header writes them."""


def missing_in(fields: set[str]) -> str | None:
    """What a table of calls needs and these columns don't tell; None: nothing."""
    if CALLED not in fields:
        return "the called number"
    if not fields & {START, ANSWER, DATE}:
        return "the moment of the call"
    return None if DURATION in fields else "the duration"


def field_of(header: str) -> str | None:
    """What a name says that its column is; None: nothing that is compared."""
    exactly = _OTHERS.sub(" ", header.lower()).strip()
    bare = plain(header) if header else ""
    return _NAMES.get(exactly) or _NAMES.get(bare)


def unit_of(header: str) -> str | None:
    """The unit that a duration's header names; None: it names none, or seconds."""
    name = _OTHERS.sub(" ", header.lower())
    return next((unit for unit, pattern in _UNITS if pattern.search(name)), None)


def find_columns(rows: list[list[Cell]], known: dict[str, str]) -> Columns | None:
    """The first row that names what a table of calls needs; None: there is none. `known` goes before guesses."""
    wanted = {plain(name): field for field, name in known.items()}
    for index, row in enumerate(rows[:HEADER_ROWS_MAX]):
        texts = [text_of(cell) for cell in row]
        names: dict[str, int] = {}
        for at, text in enumerate(texts):
            field = wanted.get(plain(text)) if text else None
            if field is not None:
                names.setdefault(field, at)
        if len(names) < len(wanted):
            continue
        _guess(texts, names)
        if missing_in(set(names)) is None:
            return Columns(index, _width(texts), names, {field: texts[at] for field, at in names.items()})
    return None


def _guess(texts: list[str], names: dict[str, int]) -> None:
    """What nobody has said; of two columns for the same the one with the earlier alias."""
    told, ranks = set(names), dict.fromkeys(names, -1)
    taken = set(names.values())
    for at, text in enumerate(texts):
        field = field_of(text) if text and at not in taken else None
        if field is None or field in told:
            continue
        rank = _rank(field, text)
        if rank < ranks.get(field, len(_NAMES)):
            names[field], ranks[field] = at, rank


def _rank(field: str, text: str) -> int:
    exactly, aliases = _OTHERS.sub(" ", text.lower()).strip(), ALIASES[field]
    return aliases.index(exactly) if exactly in aliases else aliases.index(plain(text))


def _width(texts: list[str]) -> int:
    """Without the empty cells behind the last name."""
    return max((at for at, text in enumerate(texts, 1) if text), default=0)
