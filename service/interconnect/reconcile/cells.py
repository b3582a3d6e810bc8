"""Numbers, times, durations and amounts as partners write them. Every parser raises ValueError with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from ratebook.sheets.grid import Cell, text_of
from ratebook.sheets.values import EXCEL_BEGAN, DateOrder, parse_date

DURATION_MS_MAX = 48 * 3_600_000
AMOUNT_MAX_MICROS = 10**15
DIGITS_MAX = 40
UNITS_MS = {"s": 1_000, "ms": 1, "min": 60_000}
_NUMBER = re.compile(r"(?:sips?:|tel:)?(?:[0-9]*#)?([+0-9][0-9 ()./-]*)(?:[@;].*)?", re.IGNORECASE)
_BLANKS = str.maketrans("", "", " ().-+/")
_WRAPPED = re.compile(r"=\"(.*)\"|'(.*)|[^<]*<([^<>]*)>")
"""What spreadsheets put about a text (`="0044"`, `'+44`), and SIP about an address."""
_TRUNK_ZERO = re.compile(r"(?<=\d)\s*\(0\)")
"""`+44 (0)20`: dialled within the country only."""
_FRACTION = re.compile(r"(\d+)\.0")
"""A number that somebody's program took for a quantity."""
_LOST = re.compile(r"\d+[.,]?\d*[eE]\+?\d+")
_HARD_BLANKS = str.maketrans("\u00a0\u202f\u2009\u2212\u2019", "   -'")
"""Blanks that don't break, minus and apostrophe as they are set in print."""
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{2})(?:[.,](\d{1,6}))?")
_PLAIN = re.compile(
    r"(\d{1,12})(?:[.,](\d{1,9}))?\s*(?:(s|secs?|seconds?)|(ms|msecs?)|(mins?|minutes?))?", re.IGNORECASE
)
_NAMED_UNITS = (None, None, None, "s", "ms", "min")
"""By the groups of `_PLAIN`."""
_MONEY = re.compile(r"[-+]?(?:\d{1,20}(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d{1,2})?")
_GROUPED = re.compile(r"[-+]?\d{1,3}([.,' ])\d{3}(?:\1\d{3}){0,4}(?:(?!\1)[.,]\d+)?")
_AROUND = re.compile(r"^[A-Z]{3}\s*|\s*[A-Z]{3}$|[$€£¥]")
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d{1,9}))?|(\d{13})")
_SERIAL = re.compile(r"[2-7]\d{4}\.\d+")
"""Excel's days since 1899, with their part that has gone."""
_RUN_TOGETHER = re.compile(r"((?:19|20)\d{6})[ T]?(\d{2})(\d{2})(\d{2})(.*)")
_TIMED = re.compile(
    r"(?P<date>\S(?:.*?\S)?)(?:[T ]\s*)(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<frac>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|(?:UTC|GMT)?[+-](?:0\d|1[0-4]):?[0-5]\d|(?:UTC|GMT)?[+-](?:1[0-4]|0?\d)|UTC|GMT)?"
)


def parse_number(text: str, prefixes: tuple[str, ...] = ()) -> str:
    """Digits alone: no `+`, no `00` of an international call, no tech prefix, nothing of a SIP address."""
    for prefix in prefixes:
        if text.startswith(prefix):
            text = text[len(prefix) :]
            break
    if not (text.isascii() and text.isdigit()):
        text = _digits(text)
    digits = text[2:] if text.startswith("00") else text
    if not 0 < len(digits) <= DIGITS_MAX:
        raise ValueError(f"a number has 1 to {DIGITS_MAX} digits")
    return digits


def _digits(text: str) -> str:
    """Of a number as it may be written. Raises ValueError."""
    bare = text.translate(_HARD_BLANKS).strip()
    wrapped = _WRAPPED.fullmatch(bare)
    if wrapped is not None:
        bare = next(one for one in wrapped.groups() if one is not None)
    whole = _FRACTION.fullmatch(bare)
    if whole is not None:
        return whole[1]
    match = _NUMBER.fullmatch(bare)
    if match is None:
        if _LOST.fullmatch(bare):
            raise ValueError(f"{text[:40]!r} has lost its digits: let the spreadsheet take the column for text")
        raise ValueError(f"{text[:40]!r} is no number")
    return _TRUNK_ZERO.sub("", match[1]).translate(_BLANKS)


def parse_caller(text: str) -> str:
    """As `parse_number`; empty: withheld, or a name."""
    try:
        return parse_number(text)
    except ValueError:
        return ""


def parse_duration(text: str, unit: str) -> int:
    """Milliseconds of `75`, `75.5`, `1:15`, `0:01:15`, `75 sec`. `unit`: of plain numbers, s, ms or min."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        found = int(text) * UNITS_MS[unit]
    elif ":" in text:
        found = _clocked(text)
    else:
        match = _PLAIN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is no duration")
        unit = _NAMED_UNITS[match.lastindex or 0] or unit
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
    """Micro-units of `0.0123`, `0,0123`, `1.234,50`, `1.2E-05`, `EUR 1`. Of two marks the last is the decimal one."""
    if not _MONEY.fullmatch(text):
        text = _plain_amount(text)
    exact = Decimal(text.replace(",", ".")) * 1_000_000
    if abs(exact) > AMOUNT_MAX_MICROS:
        raise ValueError(f"the amount {text[:40]} is too large")
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _plain_amount(text: str) -> str:
    bare = _AROUND.sub("", text.translate(_HARD_BLANKS).strip()).strip()
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
        match = _TIMED.fullmatch(text) or _TIMED.fullmatch(_RUN_TOGETHER.sub(r"\1 \2:\3:\4\5", text))
        if match is None:
            return self._serial(text) if _SERIAL.fullmatch(text) else _epoch(text)
        hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"] or 0)
        if match["half"]:
            hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{text[:40]!r} is no time")
        rest = int((match["frac"] or "").ljust(3, "0")[:3])
        offset = match["zone"]
        whole = self._hour(match["date"], hour) if offset is None else self._utc(match["date"], hour, offset)
        return (whole + minute * 60 + second) * 1000 + rest

    def _serial(self, text: str) -> int:
        """To the second: Excel knows a day's part to some microseconds."""
        return self.read(EXCEL_BEGAN + timedelta(seconds=round(Decimal(text) * 86_400)))

    def _hour(self, date: str, hour: int) -> int:
        key = (date, hour)
        found = self._hours.get(key)
        if found is None:
            found = int(self._day(date).replace(hour=hour, tzinfo=self._zone).timestamp())
            self._hours[key] = found
        return found

    def _utc(self, date: str, hour: int, offset: str) -> int:
        east_s = 0
        offset = offset.removeprefix("UTC").removeprefix("GMT")
        if offset and offset != "Z":
            digits = offset[1:].replace(":", "")
            hours, minutes = (digits[:-2], digits[-2:]) if len(digits) == 4 else (digits, "0")
            east_s = (int(hours) * 60 + int(minutes)) * (60 if offset[0] == "+" else -60)
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
