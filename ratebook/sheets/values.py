"""Prices, dates, increments and words of a sheet's cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from enum import StrEnum

from ratebook.money import NANOS
from ratebook.sheets.grid import Cell, text_of

ONE = Decimal(1)
HUNDREDTH = Decimal("0.01")
PRICE_MAX = 10**6
PRICE_CHARS_MAX = 100
SECONDS_MAX = 86_400
EXCEL_BEGAN = datetime(1899, 12, 30)  # noqa: DTZ001 -- days are counted, whoever's
SERIALS = range(20_000, 80_000)
"""Excel's days from 1954 to 2119."""
YEARS = range(1990, 2100)

_CURRENCY = re.compile(r"^[^\d,.\-+]*|[^\d,.]*$")
_NOISE = Decimal("1e-12")
_NANO = Decimal("1e-9")
_UNIT = r"\s*(?P<{}>s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|\")?\.?"
_INCREMENTS = re.compile(
    rf"(?P<first>\d{{1,5}}){_UNIT.format('first_unit')}\s*(?:[/+:\\\-\u2013xX]|,|then)\s*"
    rf"(?P<next>\d{{1,5}}){_UNIT.format('next_unit')}",
    re.IGNORECASE,
)
_SECONDS = re.compile(r"(?P<count>\d{1,5})\s*(?:s|sec|secs|seconds|m|min|mins|minutes?)?\.?", re.IGNORECASE)
_DATE_PARTS = re.compile(r"(?P<a>\d{1,4})[-/. ]+(?P<b>\d{1,2}|[A-Za-z]{3,10})[-/. ,]+(?P<c>\d{1,4})(?:[T ].*)?")
_MONTH_FIRST = re.compile(
    r"(?P<month>[A-Za-z]{3,10})[-/. ]+(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/. ,]+(?P<year>\d{2,4})(?:[T ].*)?"
)
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[., ]+(?=\S)", re.IGNORECASE)
_BEFORE_DATE = re.compile(r"^(?:effective|from|starting|valid|as of|w\.?e\.?f\.?|ab|[: ])+(?=\d)", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"(\d{1,2})([A-Za-z]{3,9})(\d{4}|\d{2})(?!\d)")
"""`01DEC2026`."""
_MONTHS = (
    ("jan", "ene", "gen"), ("feb", "fev"), ("mar",), ("apr", "avr", "abr"), ("may", "mai", "mag"),
    ("jun", "juin", "giu"), ("jul", "juil", "lug"), ("aug", "aou", "ago"), ("sep", "set"), ("oct", "okt", "ott", "out"),
    ("nov",), ("dec", "dez", "dic"),
)  # fmt: skip
"""How their names begin, without accents: English, German, French, Spanish, Italian, Portuguese."""
_TIME = re.compile(
    r"[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\.\d+)?(?: ?(?P<half>[AP])\.?M)?", re.IGNORECASE
)
ASAP = re.compile(r"\b(?:a\.?s\.?a\.?p|immediate(?:ly)?|now|today|at once|(?:up)?on receipt|sofort)\b", re.IGNORECASE)
_HUNDREDTHS = re.compile(r"¢|\b(?:us|euro|eur|usd)?-?(?:cents?|centimes|cts?|pence|cpm)\b", re.IGNORECASE)
_PER_THOUSAND = re.compile(r"(?:\bper|/)\s*(?:1[., ]?000|thousand)\b", re.IGNORECASE)
_PER_SECOND = re.compile(r"(?:\bper|\ba|/)\s*s(?:ec(?:ond)?)?s?\b", re.IGNORECASE)
_BELOW_ZERO = re.compile(
    r"[^\d(]*\(\s*[^\d)]*[\d.,]+\s*[^\d]*\)[^\d]*"  # ($0.01)
    r"|[^\d]*[-\u2212]\s*[$€£¥]?\s*[\d.,].*"
    r"|.*\d-[^\d]*"
)
_NUMBER = re.compile(r"[+]?[0-9]*[.]?[0-9]+(?:[eE][-+]?[0-9]{1,3})?|[+]?[0-9]+[.]")


class EndOfDays(ValueError):
    """A date so far ahead that `for ever` is meant."""


class DateOrder(StrEnum):
    """Which of 03/04/2026 is the day."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class Status(StrEnum):
    """What a carrier says becomes of a code."""

    NEW = "new"
    INCREASE = "increase"
    DECREASE = "decrease"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


_STATUS_WORDS = {
    Status.NEW: ("new", "added", "add", "addition", "code addition", "new code", "insert", "newly added"),
    Status.INCREASE: ("increase", "increased", "up", "inc", "price increase", "rate increase"),
    Status.DECREASE: ("decrease", "decreased", "down", "dec", "price decrease", "rate decrease", "reduction"),
    Status.UNCHANGED: ("unchanged", "no change", "same", "current", "unaltered", "no changes", "stable", "active"),
    Status.WITHDRAWN: (
        "closed", "close", "deleted", "delete", "removed", "remove", "removal", "code removal", "discontinued",
        "withdrawn", "withdraw", "terminated", "cancelled", "canceled", "expired", "end", "ended", "discontinue",
        "code deletion", "deletion", "no longer offered", "suspended",
    ),
    Status.BLOCKED: ("blocked", "forbidden", "barred", "block", "not supported", "not available", "no service"),
}  # fmt: skip
_STATUS = {word: status for status, words in _STATUS_WORDS.items() for word in words}
_ENDING = frozenset(
    ("closed", "deleted", "delete", "deletion", "removed", "removal", "discontinued", "withdrawn", "terminated")
)
_BARRING = frozenset(("blocked", "forbidden", "barred", "unavailable"))
_NAMES_MAX = 4
"""Words of a status such as `code to be deleted`; more are a comment."""
_YES = {"yes", "y", "true", "1", "x", "blocked", "forbidden", "discontinued", "closed"}
_NO = {"", "no", "n", "false", "0", "-", "none"}


def scale_of(header: str) -> Decimal:
    """By what a column's numbers become units of the currency a minute: its header names cents, or seconds."""
    scale = HUNDREDTH if _HUNDREDTHS.search(header) else ONE
    if _PER_THOUSAND.search(header):
        return scale / 1000
    return scale * 60 if _PER_SECOND.search(header) and "min" not in header.lower() else scale


def parse_price(cell: Cell, scale: Decimal = ONE) -> int:
    """Nano-units. Raises ValueError: no number, below zero, too large. More than nine decimals are rounded up.

    `scale`: what the column's header says; a cell that names cents itself is of hundredths too.
    """
    if isinstance(cell, Decimal):
        return _nanos(cell * scale, text_of(cell))
    if isinstance(cell, datetime):
        raise ValueError("the price is a date")  # noqa: TRY004 -- a cell's, like the others
    if len(cell) > PRICE_CHARS_MAX:
        raise ValueError("a text, and no price")
    text = _CURRENCY.sub("", cell.strip()) if not re.search(r"\d[eE][-+]?\d", cell) else cell.strip()
    if not text:
        raise ValueError(f"{cell!r} is no price" if cell else "no price")
    if _BELOW_ZERO.fullmatch(cell.strip()) and not re.search(r"\d[eE]-\d", cell):
        raise ValueError(f"the price {cell} is below zero")
    number = _point(text)
    if "%" in cell or _NUMBER.fullmatch(number) is None:
        raise ValueError(f"{cell!r} is no price")
    if _HUNDREDTHS.search(cell):
        scale = scale if scale < ONE else scale * HUNDREDTH
    return _nanos(Decimal(number) * scale, cell)


def _point(text: str) -> str:
    """The decimal mark as a point: the last of both marks is the decimal one, and a lone comma is."""
    text = re.sub(r"[\s'\u2019]+", "", text)
    if "," in text and "." in text:
        thousands = "," if text.rfind(".") > text.rfind(",") else "."
        text = text.replace(thousands, "")
    return text.replace(",", ".")


def _nanos(price: Decimal, said: str) -> int:
    if price < 0:
        raise ValueError(f"the price {said} is below zero")
    if price >= PRICE_MAX:
        raise ValueError(f"the price {said} is too large")
    quiet = price.quantize(_NOISE, ROUND_HALF_EVEN)
    return int(quiet.quantize(_NANO, ROUND_UP) * NANOS)


def parse_increments(cell: Cell) -> tuple[int, int] | None:
    """First and next of `60/1`, `60+1`, `60`; None: an empty cell. Raises ValueError."""
    text = text_of(cell).strip()
    if not text:
        return None
    match = _INCREMENTS.fullmatch(text)
    first, following = _pair(match) if match else (parse_seconds(text),) * 2
    if not 1 <= first <= SECONDS_MAX or not 1 <= following <= SECONDS_MAX:
        raise ValueError(f"increments {text} are below a second")
    return first, following


def _pair(match: re.Match[str]) -> tuple[int, int]:
    first, following = (
        int(match[name]) * (60 if (match[f"{name}_unit"] or "").lower().startswith("m") else 1)
        for name in ("first", "next")
    )
    return first, following


def is_single(text: str) -> bool:
    """Whether an increment is one number of seconds, and no pair."""
    return _SECONDS.fullmatch(text.strip()) is not None


def parse_seconds(text: str) -> int:
    """Of `60`, `60 sec`, `1 min`. Raises ValueError."""
    match = _SECONDS.fullmatch(text.strip())
    if match is None:
        if text.strip().lower() in {"per minute", "minute", "full minute", "per min"}:
            return 60
        if text.strip().lower() in {"per second", "second", "per sec", "1 second"}:
            return 1
        raise ValueError(f"{text!r} is no increment")
    minutes = match[0].lower().rstrip(".").rstrip("s").endswith(("m", "min", "minute"))
    return int(match["count"]) * (60 if minutes else 1)


def increments_in(text: str) -> tuple[int, int] | None:
    """Those named in a sentence; None: none."""
    match = re.search(r"(?<![\d/.])(\d{1,3})\s*[/+]\s*(\d{1,3})(?!\d|/|\.\d)", text)
    if match is None or not 1 <= int(match[1]) <= SECONDS_MAX or not int(match[2]) >= 1:
        return None
    return int(match[1]), int(match[2])


def parse_status(text: str) -> Status | None:
    """What a word says; None: nothing that we know."""
    word = " ".join(re.sub(r"[^a-z ]+", " ", text.lower()).split())
    if word in _STATUS:
        return _STATUS[word]
    begun = next((status for known, status in _STATUS.items() if len(known) > 4 and word.startswith(known)), None)
    words = set(word.split())
    if begun is not None or len(words) > _NAMES_MAX or words & {"no", "not", "never"}:
        return begun
    if words & _ENDING:
        return Status.WITHDRAWN
    return Status.BLOCKED if words & _BARRING else None


def parse_yes(text: str) -> bool:
    """A flag. Raises ValueError."""
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ValueError(f"{text!r} is neither yes nor no")
    return word in _YES


def order_of(texts: Iterable[str]) -> set[DateOrder]:
    """Which orders the dates of a column can only have; both: they contradict each other; none: nothing tells."""
    found = set()
    for text in texts:
        match = _DATE_PARTS.fullmatch(text.strip())
        if match is None or len(match["a"]) == 4 or not match["b"].isdecimal():
            continue
        if int(match["a"]) > 12:
            found.add(DateOrder.DAY_FIRST)
        elif int(match["b"]) > 12:
            found.add(DateOrder.MONTH_FIRST)
    return found


def order_named(header: str) -> set[DateOrder]:
    """By a header such as `Effective (DD/MM/YYYY)`."""
    name = header.lower()
    named = {
        DateOrder.DAY_FIRST: re.search(r"dd?[-/. ]m", name),
        DateOrder.MONTH_FIRST: re.search(r"mm?[-/. ]d", name),
    }
    return {order for order, found in named.items() if found}


def is_ambiguous(text: str) -> bool:
    """Whether day and month could change places, and it would be another day."""
    match = _DATE_PARTS.fullmatch(text.strip())
    if match is None or len(match["a"]) == 4 or not match["b"].isdecimal():
        return False
    return int(match["a"]) <= 12 and int(match["b"]) <= 12 and int(match["a"]) != int(match["b"])


def parse_date(cell: Cell, order: DateOrder) -> str | None:
    """An ISO date, or date and time; None: as soon as possible. Raises ValueError."""
    if isinstance(cell, datetime):
        return iso_of(cell)
    if isinstance(cell, Decimal):
        return _serial(cell)
    text = _BEFORE_DATE.sub("", " ".join(plain_letters(cell).replace("'", "").split()).strip(" ."))
    if not text or (ASAP.search(text) and not re.search(r"\d", text)):
        return None
    if text.isdecimal() and len(text) == 8 and int(text[:4]) in YEARS:
        return _made(int(text[:4]), int(text[4:6]), int(text[6:]), text)
    if text.replace(".", "", 1).isdecimal() and int(Decimal(text)) in SERIALS:
        return _serial(Decimal(text))
    return _written(_RUN_TOGETHER.sub(r"\1-\2-\3", _WEEKDAY.sub("", text, count=1)), order)


def _written(text: str, order: DateOrder) -> str:
    """A date of three parts, in numbers or with the month's name."""
    match = _MONTH_FIRST.fullmatch(text)
    if match is not None and (month := _month(match["month"])):
        return _made(_year(match["year"]), month, int(match["day"]), text)
    match = _DATE_PARTS.fullmatch(re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text))
    if match is None:
        raise ValueError(f"{text!r} is no date")
    first, second, third = match["a"], match["b"], match["c"]
    year, day = (first, third) if len(first) == 4 else (third, first)
    if not second.isdecimal():
        return _made(_year(year), _month(second), int(day), text)
    if len(first) == 4 or order is DateOrder.DAY_FIRST:
        return _made(_year(year), int(second), int(day), text)
    return _made(_year(year), int(first), int(second), text)


def _serial(number: Decimal) -> str:
    if int(number) not in SERIALS:
        raise ValueError(f"{number} is no date")
    return iso_of(EXCEL_BEGAN + timedelta(seconds=round(number * 86_400)))


def _month(word: str) -> int:
    """From 1; 0: none."""
    return next((at for at, begins in enumerate(_MONTHS, start=1) if word.lower().startswith(begins)), 0)


def plain_letters(text: str) -> str:
    """A text without accents."""
    if text.isascii():
        return text
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)


def _made(year: int, month: int, day: int, text: str) -> str:
    time = _TIME.search(text)
    clock = (_hour(time), int(time["minute"]), int(time["second"] or 0)) if time else (0, 0, 0)
    try:
        found = datetime(year, month, day, *clock)  # noqa: DTZ001 -- in the tariff's zone
    except ValueError:
        raise ValueError(f"{text!r} is no date") from None
    if year >= YEARS.stop:
        raise EndOfDays(f"{text!r} is a date of the year {year}")
    if year not in YEARS:
        raise ValueError(f"{text!r} is a date of the year {year}")
    return iso_of(found)


def end_of(moment: str) -> str:
    """The moment from which something holds no more that is said to hold until this one: a date, or midnight as many
    programs write one, is that whole day, and so is its last minute. Raises EndOfDays.
    """
    found = datetime.fromisoformat(moment)
    if (found.hour, found.minute) == (23, 59):
        found = found.replace(hour=0, minute=0, second=0)
    elif (found.hour, found.minute, found.second) != (0, 0, 0):
        return moment
    found += timedelta(days=1)
    if found.year >= YEARS.stop:
        raise EndOfDays(f"{moment} is the last day of all")
    return iso_of(found)


def day_before(moment: str | None) -> str | None:
    """Of a date; None: it is none, or has a time."""
    if moment is None or ":" in moment:
        return None
    return iso_of(datetime.fromisoformat(moment) - timedelta(days=1))


def _hour(time: re.Match[str]) -> int:
    """Twelve o'clock in America is the first hour of the night, or of the afternoon."""
    hour = int(time["hour"])
    if time["half"] is None or hour > 12:
        return hour
    return hour % 12 + (12 if time["half"] in "pP" else 0)


def iso_of(moment: datetime) -> str:
    """As decks have it: a date, or date and time."""
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.date().isoformat() if midnight else moment.replace(microsecond=0).isoformat(" ")
