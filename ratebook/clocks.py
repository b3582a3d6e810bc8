"""What a time zone's clocks say: their distance from UTC, and when they are moved. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

DAY_S = 86_400


def offset_s(zone: ZoneInfo, at_s: int) -> int:
    """What a zone is ahead of UTC by at a wall-clock second."""
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return 0 if offset is None else offset.days * DAY_S + offset.seconds


def changed_s(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """The first second after `before_s` by other clocks. By `after_s` they have been moved, once."""
    held_s = offset_s(zone, before_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if offset_s(zone, middle_s) == held_s:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s
