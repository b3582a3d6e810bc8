"""Numbers, times, durations and amounts as partners write them. Every parser raises ValueError with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from ratebook.sheets.grid import Cell, text_of
from ratebook.sheets.values import DateOrder, parse_date

DURATION_MS_MAX = 48 * 3_600_000
AMOUNT_MAX_MICROS = 10**15
DIGITS_MAX = 40
UNITS_MS = {"s": 1_000, "ms": 1, "min": 60_000}
_NUMBER = re.compile(r"(?:sips?:|tel:)?(?:[0-9]*#)?([+0-9][0-9 ().-]*)(?:[@;].*)?", re.IGNORECASE)
_BLANKS = str.maketrans("", "", " ().-+")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{2})(?:[.,](\d{1,6}))?")
_PLAIN = re.compile(r"(\d{1,12})(?:[.,](\d{1,9}))?\s*(?:s|sec|secs|seconds|ms|min)?", re.IGNORECASE)
_MONEY = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([.,' ])\d{3})+(?:[.,]\d+)?")
_AROUND = re.compile(r"^[A-Z]{3}\s*|\s*[A-Z]{3}$|[$€£¥]")
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d{1,9}))?|(\d{13})")
_TIMED = re.compile(
    r"(?P<date>\S(?:.*?\S)?)(?:[T ]\s*)(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<frac>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
)


def parse_number(text: str, prefixes: tuple[str, ...] = ()) -> str:
    """Digits alone: no `+`, no `00` of an international call, no tech prefix, nothing of a SIP address."""
    for prefix in prefixes:
        if text.startswith(prefix):
            text = text[len(prefix) :]
            break
    if not (text.isascii() and text.isdigit()):
        match = _NUMBER.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text[:40]!r} is no number")
        text = match[1].translate(_BLANKS)
    digits = text[2:] if text.startswith("00") else text
    if not 0 < len(digits) <= DIGITS_MAX:
        raise ValueError(f"a number has 1 to {DIGITS_MAX} digits")
    return digits


def parse_caller(text: str) -> str:
    """As `parse_number`; empty: withheld, or a name."""
    try:
        return parse_number(text)
    except ValueError:
        return ""


def parse_duration(text: str, unit: str) -> int:
    """Milliseconds of `75`, `75.5`, `1:15`, `0:01:15`. `unit`: of plain numbers, s, ms or min."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        found = int(text) * UNITS_MS[unit]
    elif ":" in text:
        found = _clocked(text)
    else:
        match = _PLAIN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is no duration")
        exact = Decimal(f"{match[1]}.{match[2] or 0}") * UNITS_MS[unit]
        found = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    if found > DURATION_MS_MAX:
        raise ValueError(f"a call of {found // 3_600_000} hours: is the unit right?")
    return found


def _clocked(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None or int(match[3]) > 59 or (match[1] is not None and int(match[2]) > 59):
        raise ValueError(f"{text[:40]!r} is no duration")
    seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    return seconds * 1000 + int((match[4] or "").ljust(3, "0")[:3])


def parse_amount(text: str) -> int:
    """Micro-units of `0.0123`, `0,0123`, `1.234,50`, `EUR 1`. Of two marks the last one is the decimal one."""
    if not _MONEY.fullmatch(text):
        text = _plain_amount(text)
    micros = (Decimal(text.replace(",", ".")) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP)
    if abs(micros) > AMOUNT_MAX_MICROS:
        raise ValueError(f"the amount {text} is too large")
    return int(micros)


def _plain_amount(text: str) -> str:
    bare = _AROUND.sub("", text.strip()).strip()
    match = _GROUPED.fullmatch(bare)
    if match is not None and not _MONEY.fullmatch(bare):
        bare = bare.replace(match[1], "")
    if not _MONEY.fullmatch(bare):
        raise ValueError(f"{text[:40]!r} is no amount")
    return bare


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else text_of(cell)


class Clock:
    """Reads moments of one file: milliseconds, UTC. Days are looked at once, since a file has few of them."""

    def __init__(self, zone: str, order: DateOrder) -> None:
        self._zone = ZoneInfo(zone)
        self._order = order
        self._days: dict[str, datetime] = {}
        self._hours: dict[tuple[str, int], int] = {}

    def read(self, cell: Cell) -> int:
        """Of a moment with date and time; seconds since 1970 are known by their length."""
        if isinstance(cell, datetime):
            rest = cell.microsecond // 1000
            return int(cell.replace(tzinfo=self._zone).timestamp()) * 1000 + rest
        text = _text(cell)
        match = _TIMED.fullmatch(text)
        if match is None:
            return _epoch(text)
        hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"] or 0)
        if match["half"]:
            hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{text[:40]!r} is no time")
        rest = int((match["frac"] or "").ljust(3, "0")[:3])
        offset = match["zone"]
        whole = self._hour(match["date"], hour) if offset is None else self._utc(match["date"], hour, offset)
        return (whole + minute * 60 + second) * 1000 + rest

    def _hour(self, date: str, hour: int) -> int:
        key = (date, hour)
        found = self._hours.get(key)
        if found is None:
            found = int(self._day(date).replace(hour=hour, tzinfo=self._zone).timestamp())
            self._hours[key] = found
        return found

    def _utc(self, date: str, hour: int, offset: str) -> int:
        east_s = 0
        if offset[0] in "+-":
            digits = offset[1:].replace(":", "").ljust(4, "0")
            east_s = (int(digits[:2]) * 60 + int(digits[2:])) * (60 if offset[0] == "+" else -60)
        return int(self._day(date).replace(hour=hour, tzinfo=UTC).timestamp()) - east_s

    def _day(self, date: str) -> datetime:
        found = self._days.get(date)
        if found is None:
            iso = parse_date(date, self._order)
            if iso is None:
                raise ValueError(f"{date[:40]!r} is no date")
            found = datetime.fromisoformat(iso).replace(hour=0, minute=0, second=0)
            self._days[date] = found
        return found


def _epoch(text: str) -> int:
    match = _EPOCH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no date and time")
    if match[3]:
        return int(match[3])
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0")[:3])


Reader = Callable[[Cell], int]
