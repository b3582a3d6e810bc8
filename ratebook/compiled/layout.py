"""The rows' layout: bytes in, values out. Pure.

Three kinds of rows, each key beginning with the 8 bytes of the tariff's version. Then a prefix's digits: which rate
holds for it, or which ones by their dates, each by its number. BODY_MARK and a number: what that rate says, destination
and encoded terms, which many prefixes share. HEADER_MARK: the header, behind all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from ratebook.model import Band, Border, DurationMode, FreeMode, Interval, Rate, Terms, Timetable, Window
from ratebook.money import Rounding, RoundingMode

LAYOUT = 3
"""First byte of encoded terms and of every value. Raised when a layout changes."""
VERSION_BYTES = 8
BODY_MARK, HEADER_MARK = b"\xfe", b"\xff"
"""No ASCII: sort behind every prefix and are the beginning of no number."""
NUMBER_BYTES = 4
ALWAYS_BYTES = 1 + NUMBER_BYTES
"""Of a prefix's value with one rate and no dates."""

SHARED_MAX = 65_536
"""Terms whose bytes are kept while a tariff is encoded."""

_MODES = list(RoundingMode)
_DURATIONS = list(DurationMode)
_FREE = list(FreeMode)
_BORDERS = list(Border)
_NUMBERS = {id(one): number for members in (_MODES, _DURATIONS, _FREE) for number, one in enumerate(members)}
"""By identity: an enumeration's own hash is Python's, and slow."""
BLOCKED, TIMED, _MESSAGES = 1, 2, 4
"""Flags in the second byte of encoded terms; TIMED: they ask for the moment of the answer."""
_TERMS = struct.Struct("<BBBBBB3sBqqqqII")
_TIMETABLE = struct.Struct("<BBB")
_BAND = struct.Struct("<BBH")
_WINDOW = struct.Struct("<BBII")
_DATE = struct.Struct("<I")
_INTERVAL = struct.Struct("<IIq")
_FEE = struct.Struct("<q")
_ENTRY = struct.Struct(">qqI")
_BODY = struct.Struct(">H")
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
        message, timetable,
    ) = terms  # fmt: skip
    head = _TERMS.pack(
        LAYOUT,
        (BLOCKED if blocked else 0) | (TIMED if timetable else 0) | (0 if message is None else _MESSAGES),
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
    if message is not None:
        head += _FEE.pack(message)
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
    return bool(raw[1] & TIMED)


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
    message = None
    if flags & _MESSAGES:
        (message,) = _FEE.unpack_from(raw, end)
        end += _FEE.size
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
        blocked=bool(flags & BLOCKED),
        rounding=Rounding(_MODES[mode], decimals),
        duration_mode=_DURATIONS[duration],
        message_fee_nanos=message,
        timetable=_decode_timetable(raw[end:]) if flags & TIMED else None,
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
    """Values of prefixes, and the bodies that they name: what many rates share is encoded once."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        """By their numbers."""
        self._numbers: dict[bytes, int] = {}
        self._known: dict[tuple[int, str], tuple[Terms, int]] = {}
        """By the identity of the terms, which are kept with it: a tuple of tuples takes longer to hash than to find."""

    def entries(self, rates: list[Rate]) -> bytes:
        """The value of a prefix: its rates, the one that takes effect last first."""
        if len(rates) == 1 and rates[0][2] is None and rates[0][3] is None:
            return _HEAD + self._number(rates[0]).to_bytes(NUMBER_BYTES, "big")
        return _HEAD + b"".join(map(self._entry, sorted(rates, key=_effective_s, reverse=True)))

    def _entry(self, rate: Rate) -> bytes:
        until_s = FOR_EVER if rate.until_s is None else rate.until_s
        return _ENTRY.pack(_effective_s(rate), until_s, self._number(rate))

    def _number(self, rate: Rate) -> int:
        _, destination, _, _, terms = rate
        key = (id(terms), destination)
        known = self._known.get(key)
        if known is None:
            name = destination.encode()
            body = _BODY.pack(len(name)) + name + encode_terms(terms)
            number = self._numbers.setdefault(body, len(self.bodies))
            if number == len(self.bodies):
                self.bodies.append(body)
            if len(self._known) >= SHARED_MAX:
                self._known.clear()
            known = self._known[key] = (terms, number)
        return known[1]


def _effective_s(rate: Rate) -> int:
    return _ALWAYS if rate.effective_s is None else rate.effective_s


def number_at(value: bytes, at_s: int) -> tuple[bytes | None, int]:
    """The value that a prefix would have if it had no dates but the rate in effect at a moment, of those the one that
    took effect last (None: there is none), and when that changes. Raises UnknownLayout.
    """
    if value[0] != LAYOUT:
        raise UnknownLayout(value[0])
    changes_s = FOR_EVER
    start = 1
    while start < len(value):
        effective_s, until_s, _ = _ENTRY.unpack_from(value, start)
        start += _ENTRY.size
        if effective_s > at_s:
            changes_s = min(changes_s, effective_s)
        elif at_s < until_s:
            return _HEAD + value[start - NUMBER_BYTES : start], min(changes_s, until_s)
    return None, changes_s


def entries_in(value: bytes) -> Iterator[tuple[int | None, int | None, int]]:
    """What a prefix's value says: from when, until when (as in `Rate`), and the number of the body."""
    if len(value) == ALWAYS_BYTES:
        yield None, None, int.from_bytes(value[1:], "big")
        return
    for effective_s, until_s, number in _ENTRY.iter_unpack(value[1:]):
        yield None if effective_s == _ALWAYS else effective_s, None if until_s == FOR_EVER else until_s, number


def split_body(body: bytes) -> tuple[str, bytes]:
    """Destination and encoded terms."""
    (length,) = _BODY.unpack_from(body)
    end = _BODY.size + length
    return body[_BODY.size : end].decode(), body[end:]
