"""The rows' layout: bytes in, values out. Pure.

Key: 8 bytes of the tariff's version, then the prefix's digits. Value: one or more dated entries, each with the
encoded terms. The header's key is the version and a byte that no number has.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from ratebook.model import Band, Border, DurationMode, FreeMode, Interval, Rate, Terms, Timetable, Window
from ratebook.money import Rounding, RoundingMode

LAYOUT = 2
"""First byte of encoded terms and of every value. Raised when a layout changes."""
VERSION_BYTES = 8
HEADER_MARK = b"\xff"
"""No ASCII: sorts behind every prefix and is the beginning of no number."""

SHARED_MAX = 65_536
"""Terms whose bytes are kept while a tariff is encoded."""

_MODES = list(RoundingMode)
_DURATIONS = list(DurationMode)
_FREE = list(FreeMode)
_BORDERS = list(Border)
_NUMBERS = {id(one): number for members in (_MODES, _DURATIONS, _FREE) for number, one in enumerate(members)}
"""By identity: an enumeration's own hash is Python's, and slow."""
_BLOCKED, _TIMED = 1, 2
_TERMS = struct.Struct("<BBBBBB3sBqqqqII")
_TIMETABLE = struct.Struct("<BBB")
_BAND = struct.Struct("<BBH")
_WINDOW = struct.Struct("<BBII")
_DATE = struct.Struct("<I")
_INTERVAL = struct.Struct("<IIq")
_ENTRY = struct.Struct("<qqHH")
_ALWAYS = -(2**63)
_HEAD = bytes((LAYOUT,))
FOR_EVER = 2**63 - 1
"""A moment that doesn't come."""
NO_MAXIMUM = -1


class UnknownLayout(Exception):
    """The rates were compiled by another release."""

    def __init__(self, found: int) -> None:
        super().__init__(f"rates of layout {found}, this release reads {LAYOUT}: publish the ratebook again")


def encode_terms(terms: Terms) -> bytes:
    """Terms as bytes: equal terms, equal bytes."""
    (
        currency, intervals, connect, least, most, grace_s, free_s, free_mode, attempt, blocked, rounding, duration,
        timetable,
    ) = terms  # fmt: skip
    head = _TERMS.pack(
        LAYOUT,
        (_BLOCKED if blocked else 0) | (_TIMED if timetable else 0),
        _NUMBERS[id(rounding[0])],
        rounding[1],
        _NUMBERS[id(duration)],
        _NUMBERS[id(free_mode)],
        currency.encode("ascii"),
        len(intervals),
        connect,
        least,
        NO_MAXIMUM if most is None else most,
        attempt,
        grace_s,
        free_s,
    )
    for from_s, rate_nanos, increment_s in intervals:
        head += _INTERVAL.pack(from_s, increment_s, rate_nanos)
    return head + _encode_timetable(timetable) if timetable else head


def _encode_timetable(timetable: Timetable) -> bytes:
    zone = timetable.zone.encode("ascii")
    parts = [_TIMETABLE.pack(_BORDERS.index(timetable.border), len(zone), len(timetable.bands)), zone]
    for band, terms in timetable.bands:
        name, raw = band.name.encode(), encode_terms(terms)
        parts += (_BAND.pack(len(name), len(band.windows), len(raw)), name)
        for window in band.windows:
            parts.append(_WINDOW.pack(window.weekdays, len(window.dates), window.from_s, window.to_s))
            parts += (_DATE.pack(one) for one in window.dates)
        parts.append(raw)
    return b"".join(parts)


def is_timed(raw: bytes) -> bool:
    """Whether encoded terms ask for the moment of the answer."""
    return bool(raw[1] & _TIMED)


@lru_cache(maxsize=16384)
def decode_terms(raw: bytes) -> Terms:
    """The terms of `encode_terms`. Raises UnknownLayout."""
    layout, flags, mode, decimals, duration, free, currency, count, connect, least, most, attempt, grace, free_s = (
        _TERMS.unpack_from(raw)
    )
    if layout != LAYOUT:
        raise UnknownLayout(layout)
    end = _TERMS.size + count * _INTERVAL.size
    rows = _INTERVAL.iter_unpack(raw[_TERMS.size : end])
    return Terms(
        currency=currency.decode("ascii"),
        intervals=tuple(Interval(from_s, rate, increment) for from_s, increment, rate in rows),
        connect_fee_nanos=connect,
        minimum_nanos=least,
        maximum_nanos=None if most == NO_MAXIMUM else most,
        grace_s=grace,
        free_s=free_s,
        free_mode=_FREE[free],
        attempt_fee_nanos=attempt,
        blocked=bool(flags & _BLOCKED),
        rounding=Rounding(_MODES[mode], decimals),
        duration_mode=_DURATIONS[duration],
        timetable=_decode_timetable(raw[end:]) if flags & _TIMED else None,
    )


def _decode_timetable(raw: bytes) -> Timetable:
    border, zone_bytes, count = _TIMETABLE.unpack_from(raw)
    at = _TIMETABLE.size + zone_bytes
    zone = raw[_TIMETABLE.size : at].decode("ascii")
    bands = []
    for _ in range(count):
        name_bytes, windows, terms_bytes = _BAND.unpack_from(raw, at)
        name = raw[at + _BAND.size : at + _BAND.size + name_bytes].decode()
        at += _BAND.size + name_bytes
        found = []
        for _ in range(windows):
            weekdays, dates, from_s, to_s = _WINDOW.unpack_from(raw, at)
            at += _WINDOW.size
            days = struct.unpack_from(f"<{dates}I", raw, at)
            at += dates * _DATE.size
            found.append(Window(weekdays, days, from_s, to_s))
        bands.append((Band(name, tuple(found)), decode_terms(raw[at : at + terms_bytes])))
        at += terms_bytes
    return Timetable(zone, _BORDERS[border], tuple(bands))


class Encoder:
    """Values of prefixes; what many rates share is encoded once."""

    def __init__(self) -> None:
        self._raws: dict[int, tuple[Terms, bytes]] = {}
        """By the identity of the terms, which are kept with it: a tuple of tuples takes longer to hash than to find."""

    def entries(self, rates: list[Rate]) -> bytes:
        """The value of a prefix: its rates, the one that takes effect last first."""
        if len(rates) == 1:
            return _HEAD + self._entry(rates[0])
        return _HEAD + b"".join(map(self._entry, sorted(rates, key=_effective_s, reverse=True)))

    def _entry(self, rate: Rate) -> bytes:
        _, destination, effective_s, until_s, terms = rate
        known = self._raws.get(id(terms))
        if known is None:
            if len(self._raws) >= SHARED_MAX:
                self._raws.clear()
            known = self._raws[id(terms)] = (terms, encode_terms(terms))
        raw, name = known[1], destination.encode()
        effective_s = _ALWAYS if effective_s is None else effective_s
        until_s = FOR_EVER if until_s is None else until_s
        return _ENTRY.pack(effective_s, until_s, len(name), len(raw)) + name + raw


def _effective_s(rate: Rate) -> int:
    return _ALWAYS if rate.effective_s is None else rate.effective_s


def entry_at(value: bytes, at_s: int) -> tuple[str, bytes | None, int]:
    """The entry in effect at a moment, of those the one that took effect last: its destination, its terms (encoded;
    None: there is no such entry), and when that changes. Raises UnknownLayout.

    Read from the bytes each time: a cache of prefixes would make the first call to each one dearer.
    """
    if value[0] != LAYOUT:
        raise UnknownLayout(value[0])
    changes_s = FOR_EVER
    start = 1
    while start < len(value):
        effective_s, until_s, name_bytes, raw_bytes = _ENTRY.unpack_from(value, start)
        name_at = start + _ENTRY.size
        raw_at = name_at + name_bytes
        start = raw_at + raw_bytes
        if effective_s > at_s:
            changes_s = min(changes_s, effective_s)
        elif at_s < until_s:
            return value[name_at:raw_at].decode(), value[raw_at:start], min(changes_s, until_s)
    return "", None, changes_s
