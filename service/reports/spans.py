"""Over which time a report reads what: days' sums, and of a cut day its records, or sums of its hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from service.api.call import Call
from service.calls.sums import BY_DAY, DAY_MS, OF_CUSTOMERS
from service.calls.traffic_api import AskedTraffic
from service.database.tables import cdrs


class Span(NamedTuple):
    """Some time."""

    since_ms: int
    until_ms: int
    """Exclusive."""

    def has(self, moment: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Whether a moment of a row lies in it."""
        return (moment >= self.since_ms) & (moment < self.until_ms)


class Part(NamedTuple):
    """Some time of a cut day."""

    span: Span
    times: int
    """-1: its calls are in the sums, and are taken out of them."""


class Spans(NamedTuple):
    """What is read where."""

    sums: Span | None
    records: list[Part]
    """Read call by call."""
    hours: Sequence[Part] = ()
    """Read from the sums of their hours."""


async def spans_of(call: Call, dimension: str, asked: AskedTraffic) -> Spans:
    """Sums, as far as they go."""
    whole = Span(asked.since_ms, asked.until_ms)
    if asked.account.kind == "customer" and dimension not in OF_CUSTOMERS:
        return Spans(None, [Part(whole, 1)])
    if dimension not in BY_DAY:
        return Spans(whole, [])
    sums, parts = _by_days(await _widened(call, whole))
    return Spans(sums, [], parts) if asked.account.depth == 0 else Spans(sums, parts)


def hours_of(dimension: str, asked: AskedTraffic) -> Spans:
    """Of one thing's hours: sums of them as far as there are such, else its records."""
    whole = Span(asked.since_ms, asked.until_ms)
    has_sums = dimension in OF_CUSTOMERS or asked.account.kind != "customer"
    if dimension not in BY_DAY:
        return Spans(whole, []) if has_sums else Spans(None, [Part(whole, 1)])
    return Spans(None, [], [Part(whole, 1)]) if asked.account.depth == 0 else Spans(None, [Part(whole, 1)])


async def _widened(call: Call, span: Span) -> Span:
    """To whole days where nobody called in what is added: most reports go to now."""
    first_ms, last_ms = span.since_ms // DAY_MS * DAY_MS, -(-span.until_ms // DAY_MS) * DAY_MS
    since_ms = span.since_ms if await _is_busy(call, Span(first_ms, span.since_ms)) else first_ms
    until_ms = span.until_ms if await _is_busy(call, Span(span.until_ms, last_ms)) else last_ms
    return Span(since_ms, until_ms)


async def _is_busy(call: Call, span: Span) -> bool:
    """The first one is a step on the index of times, however many there are."""
    found = sa.select(cdrs.c.id).where(span.has(cdrs.c.start_ms)).order_by(cdrs.c.start_ms).limit(1)
    return span.since_ms < span.until_ms and (await call.conn.execute(found)).first() is not None


def _by_days(span: Span) -> tuple[Span | None, list[Part]]:
    """The sums of days, and of each day that is cut its shorter part: added, or taken out of its sums."""
    since_ms, first = _cut(span.since_ms, is_end=False)
    until_ms, last = _cut(span.until_ms, is_end=True)
    if since_ms >= until_ms:
        return None, [Part(span, 1)]
    return Span(since_ms, until_ms), [*first, *last]


def _cut(edge_ms: int, *, is_end: bool) -> tuple[int, list[Part]]:
    """The nearest beginning of a day, and what lies between."""
    day_ms = (edge_ms + DAY_MS // 2) // DAY_MS * DAY_MS
    between = Span(min(edge_ms, day_ms), max(edge_ms, day_ms))
    return day_ms, [Part(between, 1 if (edge_ms > day_ms) is is_end else -1)] if edge_ms != day_ms else []
