"""Single values as operators write them. Each parser raises ValueError with what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ratebook.document.problems import suggestion
from ratebook.money import NANOS, parse_nanos

PREFIX_DIGITS_MAX = 18
RANGE_MAX = 10_000
PREFIXES_MAX = 100_000
"""In one value, and in one rate."""
PERCENT_MAX = 10_000
SECONDS_MAX = 86_400
PRICE_MAX = 10**9
"""Exclusive, in units of the currency: nano-units of it fit 64 bits."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_MIN = 1900
"""Earlier ones are misspelt."""
LATEST_S = int(datetime(9999, 12, 30, tzinfo=UTC).timestamp())
NAME_MAX = 128

_SEPARATORS = re.compile(r"[,;|]")
_PREFIX = re.compile(rf"[0-9*#]{{0,{PREFIX_DIGITS_MAX}}}", re.ASCII)
_INCREMENTS = re.compile(r"(?P<first>[0-9]{1,5})(?:/(?P<next>[0-9]{1,5}))?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_TARIFF = re.compile(rf"\w[\w.-]{{0,{NAME_MAX - 1}}}")
_YES, _NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n", ""})


def prefix(text: str) -> str:
    """Digits; a `+` before them is dropped. Empty: every number."""
    digits = text.strip().removeprefix("+")
    if not _PREFIX.fullmatch(digits):
        raise ValueError(f"up to {PREFIX_DIGITS_MAX} digits were expected")
    return digits


def prefixes(text: str) -> list[str]:
    """The prefixes of `44`, `44, 45`, `447400-447409`. Of a range each one, in digits of the same length."""
    found: list[str] = []
    parts = _SEPARATORS.split(text)
    if len(parts) > 1 and not all(part.strip() for part in parts):
        raise ValueError("digits between all separators were expected: an empty prefix is every number")
    for part in parts:
        first, dash, last = part.partition("-")
        found += _range(prefix(first), prefix(last)) if dash else [prefix(part)]
        if len(found) > PREFIXES_MAX:
            raise ValueError(f"{PREFIXES_MAX} prefixes at most were expected")
    return found


def _range(first: str, last: str) -> list[str]:
    if not (first.isdecimal() and last.isdecimal() and len(first) == len(last) and first <= last):
        raise ValueError("a range of digits of one length such as 447400-447409 was expected")
    size = int(last) - int(first) + 1
    if size > RANGE_MAX:
        raise ValueError(f"a range of {RANGE_MAX} prefixes at most was expected")
    width = len(first)
    return [f"{number:0{width}}" for number in range(int(first), int(last) + 1)]


def price(text: str) -> int:
    """Nano-units of an amount or rate that is not negative."""
    nanos = parse_nanos(text.strip())
    if not 0 <= nanos < PRICE_MAX * NANOS:
        raise ValueError(f"an amount from zero to below {PRICE_MAX} was expected")
    return nanos


def signed_price(text: str) -> int:
    """Nano-units of an amount that may be negative."""
    text = text.strip()
    nanos = price(text.removeprefix("-"))
    return -nanos if text.startswith("-") else nanos


def percent(text: str) -> int:
    """Billionths of a percent of `20%`, `20` or `-5%`; not below minus a hundred."""
    try:
        found = parse_nanos(text.strip().removesuffix("%").rstrip())
    except ValueError:
        raise ValueError("a percentage such as 20% or -5% was expected") from None
    if not -100 * NANOS <= found <= PERCENT_MAX * NANOS:
        raise ValueError(f"a percentage from -100% to {PERCENT_MAX}% was expected")
    return found


def exchange(text: str) -> int:
    """Nano-units of one currency for one unit of another; above zero."""
    found = price(text)
    if not found:
        raise ValueError("a rate above zero was expected")
    return found


def seconds(text: str) -> int:
    """Whole seconds up to a day."""
    if not _WHOLE.fullmatch(text) or int(text) > SECONDS_MAX:
        raise ValueError(f"whole seconds from 0 to {SECONDS_MAX} were expected")
    return int(text)


def positive_seconds(text: str) -> int:
    """Whole seconds from 1 up to a day."""
    found = seconds(text)
    if not found:
        raise ValueError("at least one second was expected")
    return found


def increments(text: str) -> tuple[int, int]:
    """First and next increment of `30/6`; `60` is 60/60."""
    match = _INCREMENTS.fullmatch(text.strip())
    if match is None:
        raise ValueError("increments such as 30/6 were expected")
    first, following = int(match["first"]), int(match["next"] or match["first"])
    if not 1 <= first <= SECONDS_MAX or not 1 <= following <= SECONDS_MAX:
        raise ValueError("increments of at least one second were expected")
    return first, following


def currency(text: str) -> str:
    """Three capital letters (ISO 4217)."""
    if not _CURRENCY.fullmatch(text):
        raise ValueError("three capital letters such as EUR were expected")
    return text


def zone(text: str) -> str:
    """The name of a time zone."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin or UTC was expected") from None
    return text


def yes(text: str) -> bool:
    """Yes or no, true or false, 1 or 0."""
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ValueError("yes or no was expected")
    return word in _YES


def name(text: str) -> str:
    """A name that fits on a line."""
    if not 0 < len(text) <= NAME_MAX or not text.isprintable():
        raise ValueError(f"a name of 1 to {NAME_MAX} characters was expected")
    return text


def label(text: str) -> str:
    """A name that may be empty."""
    return text and name(text)


def tariff_name(text: str) -> str:
    """A name of letters, digits, dots, dashes and underscores."""
    if not _TARIFF.fullmatch(text):
        raise ValueError(f"up to {NAME_MAX} letters, digits, dots, dashes or underscores were expected")
    return text


def moment(text: str, timezone: str) -> int:
    """Wall-clock seconds of an ISO 8601 date or date-time; without an offset it is meant in `timezone`.

    An hour that the clocks go through twice is meant the first time; one that they skip, as if they had not. The last
    day of the year 9999 is the one before it: its end is beyond what the clocks of all zones can show.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a date such as 2026-12-01 or 2026-12-01 08:00 was expected") from None
    if found.year < YEAR_MIN:
        raise ValueError(f"a date of the year {YEAR_MIN} or later was expected")
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(timezone))
    return min((found - EPOCH) // timedelta(seconds=1), LATEST_S)


E = TypeVar("E", bound=StrEnum)


def one_of(kind: type[E]) -> Callable[[str], E]:
    """A parser of the words of an enumeration."""

    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            words = [member.value for member in kind]
            raise ValueError(f"one of {', '.join(words)} was expected{suggestion(text, words)}") from None

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers within bounds, both included."""

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most} was expected")
        return int(text)

    return parse
