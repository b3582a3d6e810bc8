"""The rows' layout: bytes in, values out. Pure.

Key: 8 bytes of the tariff's version, then the prefix's digits. Value: one or more dated entries, each with the
encoded terms. The header's key is the version and a byte above every digit.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from ratebook.model import DurationMode, FreeMode, Interval, Rate, Terms
from ratebook.money import Rounding, RoundingMode

LAYOUT = 1
"""First byte of encoded terms and of every value. Raised when a layout changes."""
VERSION_BYTES = 8
HEADER_MARK = b"~"
"""Sorts behind digits, `*` and `#`."""

_MODES = list(RoundingMode)
_DURATIONS = list(DurationMode)
_FREE = list(FreeMode)
_TERMS = struct.Struct("<BBBBBB3sxqqqqII")
_INTERVAL = struct.Struct("<IIq")
_ENTRY = struct.Struct("<qqHH")
_ALWAYS = -(2**63)
_FOR_EVER = 2**63 - 1
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


class Entry(NamedTuple):
    """One dated rate of a prefix."""

    effective_s: int
    until_s: int
    destination: str
    raw: bytes
    """Encoded terms."""
    terms: Terms


def encode_entries(rates: list[Rate]) -> bytes:
    """The value of a prefix: its rates by date."""
    parts = [bytes((LAYOUT,))]
    for rate in sorted(rates, key=lambda rate: _ALWAYS if rate.effective_s is None else rate.effective_s):
        name, raw = rate.destination.encode(), encode_terms(rate.terms)
        effective = _ALWAYS if rate.effective_s is None else rate.effective_s
        until = _FOR_EVER if rate.until_s is None else rate.until_s
        parts += (_ENTRY.pack(effective, until, len(name), len(raw)), name, raw)
    return b"".join(parts)


@lru_cache(maxsize=16384)
def decode_entries(value: bytes) -> tuple[Entry, ...]:
    """The rates of a prefix, the one that takes effect last first. Raises UnknownLayout."""
    if value[0] != LAYOUT:
        raise UnknownLayout(value[0])
    entries = []
    at = 1
    while at < len(value):
        effective, until, name_bytes, raw_bytes = _ENTRY.unpack_from(value, at)
        at += _ENTRY.size
        name, raw = value[at : at + name_bytes], value[at + name_bytes : at + name_bytes + raw_bytes]
        at += name_bytes + raw_bytes
        entries.append(Entry(effective, until, name.decode(), raw, decode_terms(raw)))
    return tuple(reversed(entries))
