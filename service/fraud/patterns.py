"""Patterns of fraud: what of a window's calls counts, and when that is too much. Pure but for SQL's expressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row

from service.database.tables import cdrs, gateways

LONGEST_CALL_MS = 86_400_000
"""A call that ended in the window began at most so long before it."""
SEQUENTIAL = "sequential"

_ANSWERED = cdrs.c.outcome == "answered"


class Kind(NamedTuple):
    """What a pattern looks at."""

    counted: sa.ColumnElement[bool]
    """Calls that say something."""
    time_ms: sa.ColumnElement[Any]
    """What is short in a suspicious one."""
    suspicious: sa.ColumnElement[bool]
    """What it is beside."""
    words: str


KINDS = {
    "short_calls": Kind(_ANSWERED, cdrs.c.duration_ms, sa.true(), "answered calls were short"),
    "ring_only": Kind(
        sa.true(),
        cdrs.c.end_ms - cdrs.c.ring_ms,
        (cdrs.c.outcome == "cancelled") & (cdrs.c.ring_ms > 0),
        "calls rang briefly and were given up",
    ),
    "false_answers": Kind(
        _ANSWERED, cdrs.c.answer_ms - cdrs.c.start_ms, cdrs.c.ring_ms == 0, "answers came at once, without ringing"
    ),
}


def whose_calls(pattern: Row[Any], since_ms: int) -> sa.ColumnElement[bool]:
    """The calls of a pattern's trunk, gateway, provider or account that ended since a moment."""
    if pattern.trunk_id is not None:
        place = cdrs.c.trunk_id == pattern.trunk_id
    elif pattern.gateway_id is not None:
        place = cdrs.c.gateway_id == pattern.gateway_id
    elif pattern.provides:
        own = sa.select(gateways.c.id).where(gateways.c.account_id == pattern.account_id)
        place = cdrs.c.gateway_id.in_(own)
    else:
        place = (cdrs.c.account_id == pattern.account_id) & (cdrs.c.start_ms > since_ms - LONGEST_CALL_MS)
    found: sa.ColumnElement[bool] = (
        place & (cdrs.c.end_ms > since_ms) & (cdrs.c.outcome != "refused") & (cdrs.c.kind == "call")
    )
    return found


class Count(NamedTuple):
    """What a window holds."""

    counted: int
    suspicious: int


def is_crossed(pattern: Row[Any], count: Count) -> bool:
    """Whether it is too much."""
    if pattern.kind == SEQUENTIAL:
        return bool(count.suspicious >= pattern.calls_min)
    return bool(count.counted >= pattern.calls_min and count.suspicious * 100 >= pattern.percent * count.counted)


def longest_run(numbers: Iterable[str]) -> int:
    """How many different numbers follow each other, the next one by one higher; other than digits are passed over."""
    known = {(len(number), int(number)) for number in numbers if number.isascii() and number.isdigit()}
    longest = 0
    for length, first in known:
        if (length, first - 1) in known:
            continue
        end = first
        while (length, end) in known:
            end += 1
        longest = max(longest, end - first)
    return longest


def pattern_text(pattern: Row[Any]) -> str:
    """What it is about, in words."""
    minutes = f"{pattern.window_s // 60} min"
    if pattern.kind == SEQUENTIAL:
        return f"{pattern.calls_min} numbers in a row within {minutes}"
    seconds = f"{pattern.shorter_ms / 1000:g} s"
    return (
        f"{pattern.percent} % of {pattern.calls_min} or more within {minutes}: {KINDS[pattern.kind].words} ({seconds})"
    )


def seen_text(pattern: Row[Any], count: Count) -> str:
    """What there was."""
    if pattern.kind == SEQUENTIAL:
        return f"{count.suspicious} in a row"
    return f"{count.suspicious} of {count.counted}"
