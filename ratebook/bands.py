"""Which terms hold at a moment, and until when: time bands on the clocks of a zone. Pure; runs inside Kamailio."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ratebook.clocks import DAY_S, changed_s, offset_s
from ratebook.model import Band, Hours, Terms, Timetable, Window

THURSDAY = 3
"""1970-01-01 was one."""
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
YEARS = 10_000
"""A date without its year is what is left of YYYYMMDD by this."""

NO_BAND = -1
"""The index of the time outside all bands."""
CLOSED_S = 3_600
"""How long a call may ring, and longer: one that is answered while its band is blocked began before that, by so much at
most."""


class Stretch(NamedTuple):
    """A time in which the same band holds."""

    until_s: int
    """Wall-clock second at which the next one may begin."""
    terms: Terms
    band: str
    """Empty: none of the bands."""


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def terms_at(terms: Terms, at_s: int) -> Terms:
    """The terms of a wall-clock second: the first band's that fits it, else those outside all bands."""
    timetable = terms.timetable
    if timetable is None:
        return terms
    index = _band_at(timetable, at_s + offset_s(_zone(timetable.zone), at_s))
    return terms if index is None else timetable.bands[index][1]


def charged_at(terms: Terms, answered_s: int) -> Terms:
    """The terms that price a call from its answer on: as `terms_at`, but those that held before a blocked band, in
    which no call begins and which so has no price.
    """
    held = terms_at(terms, answered_s)
    if terms.timetable is None or not held.blocked:
        return held
    return _terms_of(terms, terms.timetable, _open_at(terms, terms.timetable, answered_s))


def band_of(hours: Hours, at_s: int) -> int:
    """Which of its bands a wall-clock second lies in, the first one that fits; NO_BAND: in none."""
    local_s = at_s + offset_s(_zone(hours.zone), at_s)
    return next((index for index, band in enumerate(hours.bands) if _fits(band, local_s)), NO_BAND)


def stretches(terms: Terms, timetable: Timetable, from_s: int, to_s: int) -> Iterator[Stretch]:
    """The stretches of a call from one wall-clock second to another; the last one may reach beyond. A blocked band ends
    none: what held before it goes on.
    """
    zone = _zone(timetable.zone)
    at_s = from_s
    index = _open_at(terms, timetable, at_s)
    while at_s < to_s:
        following = index
        while (following == index or _terms_of(terms, timetable, following).blocked) and at_s < to_s:
            at_s = _next_look_s(timetable, zone, at_s)
            following = _band_at(timetable, at_s + offset_s(zone, at_s))
        yield Stretch(at_s, _terms_of(terms, timetable, index), "" if index is None else timetable.bands[index][0].name)
        index = following


def _terms_of(terms: Terms, timetable: Timetable, index: int | None) -> Terms:
    return terms if index is None else timetable.bands[index][1]


def _open_at(terms: Terms, timetable: Timetable, at_s: int) -> int | None:
    """The band of a moment, or the last one before it that was not blocked, CLOSED_S before at most."""
    zone = _zone(timetable.zone)
    index = found = _band_at(timetable, at_s + offset_s(zone, at_s))
    if not _terms_of(terms, timetable, index).blocked:
        return index
    look_s = at_s - CLOSED_S
    while look_s < at_s:
        before = _band_at(timetable, look_s + offset_s(zone, look_s))
        if not _terms_of(terms, timetable, before).blocked:
            found = before
        look_s = _next_look_s(timetable, zone, look_s)
    return found


def _next_look_s(timetable: Timetable, zone: ZoneInfo, at_s: int) -> int:
    """The next second at which another band may hold: an edge of a window, a midnight, or the clocks' change."""
    ahead_s = offset_s(zone, at_s)
    second = (at_s + ahead_s) % DAY_S
    edge = min(one for one in _edges(timetable) if one > second)
    next_s = at_s + edge - second
    return next_s if offset_s(zone, next_s) == ahead_s else changed_s(zone, at_s, next_s)


@lru_cache(maxsize=1024)
def _edges(timetable: Timetable) -> tuple[int, ...]:
    """Seconds of a day at which a window begins or ends; its end among them."""
    found = {DAY_S}
    for band, _ in timetable.bands:
        for window in band.windows:
            found |= {window.from_s, window.to_s, window.to_s - DAY_S}
    return tuple(sorted(one for one in found if 0 < one <= DAY_S))


def _band_at(timetable: Timetable, local_s: int) -> int | None:
    for index, (band, _) in enumerate(timetable.bands):
        if _fits(band, local_s):
            return index
    return None


def _fits(band: Band, local_s: int) -> bool:
    """`local_s`: what the zone's clocks show, as seconds since 1970 on them."""
    day, second = divmod(local_s, DAY_S)
    for window in band.windows:
        if window.from_s <= second < window.to_s and _has_day(window, day):
            return True
        if second + DAY_S < window.to_s and _has_day(window, day - 1):
            return True
    return False


def _has_day(window: Window, day: int) -> bool:
    if window.weekdays >> (day + THURSDAY) % 7 & 1:
        return True
    if not window.dates:
        return False
    found = date.fromordinal(day + EPOCH_ORDINAL)
    number = (found.year * 100 + found.month) * 100 + found.day
    return number in window.dates or number % YEARS in window.dates
