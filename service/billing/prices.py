"""What a minute of a line of calls costs, where that is one price."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ratebook.compiled.layout import UnknownLayout, decode_terms
from ratebook.exchange import exchanged, parse_factor


def price_nanos_of(row: Row[Any]) -> int | None:
    """In the invoice's currency; None: its calls had several, or prices that change."""
    if not row.terms:
        return None
    try:
        terms = decode_terms(bytes.fromhex(row.terms))
    except (UnknownLayout, ValueError):
        return None
    if len(terms.intervals) != 1 or terms.timetable is not None:
        return None
    return exchanged(terms.intervals[0].rate_nanos, parse_factor(row.exchange))
