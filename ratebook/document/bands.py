"""Time bands of a tariff: their days, hours and holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import yaml

from ratebook.clocks import DAY_S
from ratebook.document import values
from ratebook.document.nodes import Document
from ratebook.document.problems import shorten, suggestion
from ratebook.model import Band, Border, Window

FIELDS = ("bands", "holidays", "border")
WINDOW_FIELDS = ("days", "hours")
BANDS_MAX = 16
HOLIDAYS_MAX = 120
DATES_MAX = 250
"""In all windows of a tariff together: every running call carries them."""
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = 0b111_1111
HOLIDAYS = "holidays"
LEAP_YEAR = 2024

_DATE = re.compile(r"(?:(?P<year>[0-9]{4})-)?(?P<month>[0-9]{2})-(?P<day>[0-9]{2})", re.ASCII)
_TIME = re.compile(r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?", re.ASCII)


class Bands(NamedTuple):
    """What a tariff says about time."""

    border: Border = Border.START
    bands: tuple[Band, ...] = ()
    """In the order in which they are asked."""

    @property
    def names(self) -> list[str]:
        """Of all bands."""
        return [band.name for band in self.bands]


class Days(NamedTuple):
    """Days of a window."""

    weekdays: int
    dates: tuple[int, ...]


def read_bands(document: Document, fields: dict[str, yaml.Node]) -> Bands:
    """The fields of a tariff that are about time. Faults are noted."""
    border = document.value(fields, "border", values.one_of(Border), Border.START)
    nodes = _list(fields.get("holidays"))
    if len(nodes) > HOLIDAYS_MAX:
        document.fault(fields["holidays"], f"{len(nodes)} holidays", f"{HOLIDAYS_MAX} at most")
    read = [document.value({"a holiday": node}, "a holiday", _date, 0) for node in nodes[:HOLIDAYS_MAX]]
    holidays = tuple(day for day in read if day)
    named = document.mapping(fields["bands"], (), "bands") if "bands" in fields else {}
    if len(named) > BANDS_MAX:
        document.fault(fields["bands"], f"{len(named)} bands", f"{BANDS_MAX} at most")
    bands = tuple(
        Band(_name(document, name, node), tuple(_windows(document, node, holidays)))
        for name, node in list(named.items())[:BANDS_MAX]
    )
    dates = sum(len(window.dates) for band in bands for window in band.windows)
    if dates > DATES_MAX:
        document.fault(fields["bands"], f"the windows name {dates} dates in all", f"{DATES_MAX} at most")
    return Bands(border, bands)


def _name(document: Document, name: str, node: yaml.Node) -> str:
    try:
        return values.name(name)
    except ValueError as fault:
        document.fault(node, f"a band called {shorten(name)}", str(fault))
        return ""


def _list(node: yaml.Node | None) -> list[yaml.Node]:
    if node is None:
        return []
    if isinstance(node, yaml.SequenceNode):
        found: list[yaml.Node] = node.value
        return found
    return [node]


def _windows(document: Document, node: yaml.Node, holidays: tuple[int, ...]) -> Iterator[Window]:
    """Of one band: a table of days and hours, or a list of such."""
    for one in _list(node) or [node]:
        fields = document.mapping(one, WINDOW_FIELDS, "a window of a band")
        days = Days(EVERY_DAY, ()) if "days" not in fields else _days(document, fields["days"], holidays)
        hours = _hours_of(fields)
        for hour in hours:
            times = document.value({"hours": hour}, "hours", _hours, None)
            if times is not None:
                yield Window(days.weekdays, days.dates, *times)
        if fields and "hours" not in fields:
            yield Window(days.weekdays, days.dates, 0, DAY_S)


def _hours_of(fields: dict[str, yaml.Node]) -> list[yaml.Node]:
    """An empty list is told as a fault of its own: it could mean never, or always."""
    node = fields.get("hours")
    return [] if node is None else _list(node) or [node]


def _days(document: Document, node: yaml.Node, holidays: tuple[int, ...]) -> Days:
    def parse(text: str) -> Days:
        return _parse_days(text, holidays)

    found = Days(0, ())
    for one in _list(node) or [node]:
        weekdays, dates = document.value({"days": one}, "days", parse, found)
        found = Days(found.weekdays | weekdays, tuple(sorted({*found.dates, *dates})))
    return found


def _parse_days(text: str, holidays: tuple[int, ...]) -> Days:
    """`mon-fri`, `sat, sun`, `holidays`, `12-25`."""
    weekdays = 0
    dates: set[int] = set()
    for word in (part.strip() for part in text.split(",")):
        if word == HOLIDAYS:
            dates |= set(holidays)
        elif _DATE.fullmatch(word):
            dates.add(_date(word))
        else:
            weekdays |= _weekdays(word.lower())
    return Days(weekdays, tuple(dates))


def _weekdays(word: str) -> int:
    """Bits of `mon` or `mon-fri`; `sat-mon` goes over the week's end."""
    first, dash, last = (part.strip()[:3] for part in word.partition("-"))
    for one in (first, last) if dash else (first,):
        if one not in WEEK:
            near = suggestion(one, WEEK)
            raise ValueError(f"mon to sun, a range such as mon-fri, a date or {HOLIDAYS} was expected{near}")
    at = WEEK.index(first)
    count = (WEEK.index(last) - at) % 7 + 1 if dash else 1
    return sum(1 << (at + more) % 7 for more in range(count))


def _date(text: str) -> int:
    """YYYYMMDD of a date; `12-25`, of each year, has a year of 0."""
    match = _DATE.fullmatch(text.strip())
    expected = "a date such as 2026-12-25, or 12-25 for each year, was expected"
    if match is None:
        raise ValueError(expected)
    try:
        found = date(int(match["year"] or LEAP_YEAR), int(match["month"]), int(match["day"]))
    except ValueError:
        raise ValueError(expected) from None
    number = found.month * 100 + found.day
    return found.year * 10_000 + number if match["year"] else number


def _hours(text: str) -> tuple[int, int]:
    """Seconds of a day from and to; the end exclusive, beyond the day's end if it is not after the beginning."""
    first, dash, last = text.partition("-")
    from_s, to_s = _time(first), _time(last)
    if not dash or from_s is None or to_s is None or from_s in {DAY_S, to_s}:
        raise ValueError("hours such as 18:00-24:00, 22:00-06:00 or 00:00-24:00 were expected")
    return from_s, to_s if to_s > from_s else to_s + DAY_S


def _time(text: str) -> int | None:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    found = (hour * 60 + minute) * 60 + second
    return found if minute < 60 and second < 60 and found <= DAY_S else None
