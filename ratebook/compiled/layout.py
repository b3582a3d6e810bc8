"""The rows' layout: bytes in, values out. Pure.

Key: 8 bytes of the tariff's version, then the prefix's digits. Value: one or more dated entries, each with the
encoded terms. The header's key is the version and a byte that no number has.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from ratebook.model import DurationMode, FreeMode, Interval, Rate, Terms
from ratebook.money import Rounding, RoundingMode

LAYOUT = 1
"""First byte of encoded terms and of every value. Raised when a layout changes."""
VERSION_BYTES = 8
HEADER_MARK = b"\xff"
"""No ASCII: sorts behind every prefix and is the beginning of no number."""

_MODES = list(RoundingMode)
_DURATIONS = list(DurationMode)
_FREE = list(FreeMode)
_TERMS = struct.Struct("<BBBBBB3sxqqqqII")
_INTERVAL = struct.Struct("<IIq")
_ENTRY = struct.Struct("<qqHH")
_ALWAYS = -(2**63)
FOR_EVER = 2**63 - 1
"""A moment that doesn't come."""
NO_MAXIMUM = -1


class UnknownLayout(Exception):
    """The rates were compiled by another release."""

    def __init__(self, found: int) -> None:
        super().__init__(f"rates of layout {found}, this release reads {LAYOUT}: publish the ratebook again")


def encode_terms(terms: Terms) -> bytes:
    """Terms as bytes: equal terms, equal bytes."""
    head = _TERMS.pack(
        LAYOUT,
        terms.blocked,
        _MODES.index(terms.rounding.mode),
        terms.rounding.decimals,
        _DURATIONS.index(terms.duration_mode),
        _FREE.index(terms.free_mode),
        terms.currency.encode("ascii"),
        terms.connect_fee_nanos,
        terms.minimum_nanos,
        NO_MAXIMUM if terms.maximum_nanos is None else terms.maximum_nanos,
        terms.attempt_fee_nanos,
        terms.grace_s,
        terms.free_s,
    )
    return head + b"".join(_INTERVAL.pack(step.from_s, step.increment_s, step.rate_nanos) for step in terms.intervals)


@lru_cache(maxsize=16384)
def decode_terms(raw: bytes) -> Terms:
    """The terms of `encode_terms`. Raises UnknownLayout."""
    layout, blocked, mode, decimals, duration, free, currency, connect, least, most, attempt, grace, free_s = (
        _TERMS.unpack_from(raw)
    )
    if layout != LAYOUT:
        raise UnknownLayout(layout)
    rows = _INTERVAL.iter_unpack(raw[_TERMS.size :])
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
        blocked=bool(blocked),
        rounding=Rounding(_MODES[mode], decimals),
        duration_mode=_DURATIONS[duration],
    )


def encode_entries(rates: list[Rate]) -> bytes:
    """The value of a prefix: its rates, the one that takes effect last first."""
    parts = [bytes((LAYOUT,))]
    for rate in sorted(rates, key=_effective_s, reverse=True):
        name, raw = rate.destination.encode(), encode_terms(rate.terms)
        until_s = FOR_EVER if rate.until_s is None else rate.until_s
        parts += (_ENTRY.pack(_effective_s(rate), until_s, len(name), len(raw)), name, raw)
    return b"".join(parts)


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
